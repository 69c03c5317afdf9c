"""Which windows a model sees of the files, folders and zips that a user names, and what the answers are called."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from data_sets import POCKET_AND_WRIST
from toy_dataset import Toy, write_toy

from har_core.audit.defects import find_defects
from har_core.base.errors import InputError
from har_core.base.progress import silent
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.dsads.format import Dsads
from har_core.datasets.dsads.synthetic.writer import write_recordings
from har_core.dsads import read_recordings
from har_core.settings.source import SourceSettings
from har_core.spec.dataset import DatasetSpec
from har_core.windows.schema import channels_of
from har_core.windows.segmentation import segment
from pipelines import readable
from pipelines.left_out import LeftOut
from pipelines.prediction import Model, predict_inputs
from pipelines.tables import render


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One subject, five segments of each activity, without a break but for one of activity 2, which is missing."""
    folder = tmp_path_factory.mktemp("recordings") / "data"
    write_recordings(folder, SourceSettings(num_subjects=1, num_segments=5), silent)
    (folder / "a02/p1/s02.txt").unlink()
    return folder


class Answers:
    """Keeps the windows it is asked of."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def __call__(self, windows: np.ndarray) -> np.ndarray:
        self.seen.append(windows)
        return np.full((len(windows), DSADS.num_activities), 1 / DSADS.num_activities, dtype=np.float32)


def predict(
    inputs: Sequence[Path],
    answers: Answers | None = None,
    *,
    length: int = 125,
    join: bool = False,
    left_out: LeftOut | None = None,
) -> pa.Table:
    model = Model(answer=answers or Answers(), spec=DSADS, length=length, join=join)
    return predict_inputs(model, inputs, Dsads(), left_out)


def places_of(answers: Answers, *inputs: Path, length: int, join: bool) -> list[tuple[str, float]]:
    table = predict(inputs, answers, length=length, join=join)
    return list(zip(table["path"].to_pylist(), table["start_s"].to_pylist(), strict=True))


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_model_of_joined_segments_sees_the_windows_that_training_would_see(
    recordings: Path, tmp_path: Path, kind: str
) -> None:
    path = recordings
    if kind == "zip":
        path = tmp_path / "data.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for file in recordings.rglob("*.txt"):
                archive.write(file, file.relative_to(recordings))
    model = Answers()
    places = places_of(model, path, length=250, join=True)
    assert places[:5] == [
        (f"{path}/a{a:02d}/p1/s{s:02d}.txt", 0.0) for a, s in ((1, 1), (1, 3), (2, 3), (3, 1), (3, 3))
    ]
    source = read_recordings(path)
    trained_on = segment(source, length=250, overlap=0.0, findings=find_defects(source, DSADS), join=True).read_all()
    expected = channels_of(trained_on).reshape(DSADS.num_channels, -1, 250).transpose(1, 2, 0)
    np.testing.assert_array_equal(np.concatenate(model.seen), expected)
    assert len(places) == len(expected) == 2 * 18 + 1


def test_a_short_window_may_begin_in_one_segment_and_end_in_the_next(recordings: Path) -> None:
    joined = [place for place in places_of(Answers(), recordings, length=100, join=True) if "/a01/" in place[0]]
    name = f"{recordings}/a01/p1/s0{{}}.txt"
    expected = [(1, 0.0), (1, 4.0), (2, 3.0), (3, 2.0), (4, 1.0), (5, 0.0)]
    assert joined == [(name.format(number), start) for number, start in expected]
    apart = [place for place in places_of(Answers(), recordings, length=100, join=False) if "/a01/" in place[0]]
    assert apart == [(name.format(number), 0.0) for number in range(1, 6)]


@pytest.fixture
def loose(recordings: Path, tmp_path: Path) -> Path:
    """A folder of three segments under names that say nothing of their place."""
    folder = tmp_path / "loose"
    (folder / "deeper").mkdir(parents=True)
    for number, name in enumerate(["b.txt", "a.txt", "deeper/c.txt"], start=1):
        shutil.copy(recordings / f"a05/p1/s0{number}.txt", folder / name)
    return folder


@pytest.mark.parametrize("join", [True, False])
def test_loose_files_are_answered_each_alone_under_their_own_names(loose: Path, join: bool) -> None:
    model = Answers()
    places = places_of(model, loose, loose / "b.txt", length=60, join=join)
    names = [loose / "a.txt", loose / "b.txt", loose / "deeper" / "c.txt", loose / "b.txt"]
    assert places == [(str(name), start) for name in names for start in (0.0, 2.4)]
    samples = np.loadtxt(loose / "a.txt", delimiter=",", dtype=np.float32)
    np.testing.assert_array_equal(np.concatenate(model.seen)[:2], samples[:120].reshape(2, 60, DSADS.num_channels))


def test_a_window_longer_than_a_loose_file_is_refused_with_what_would_work(loose: Path) -> None:
    for path in (loose, loose / "a.txt"):
        with pytest.raises(InputError, match=r"a\.txt: a segment has 125 samples .* windows of 250; .* folder or zip"):
            predict([path], length=250, join=True)


def test_recordings_without_a_stretch_as_long_as_a_window_are_refused(recordings: Path, tmp_path: Path) -> None:
    for number in (1, 3, 5):
        target = tmp_path / f"data/a03/p1/s0{number}.txt"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(recordings / f"a03/p1/s0{number}.txt", target)
    with pytest.raises(InputError, match=r"data: no recording goes on without a break for 250 samples"):
        predict([tmp_path / "data"], length=250, join=True)


# --- Which files are found, and what they are called ------------------------------------------------------------------


@pytest.fixture
def text(recordings: Path) -> bytes:
    """A segment that is right."""
    return (recordings / "a05/p1/s01.txt").read_bytes()


def write_zip(path: Path, files: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


ANSWERED = [
    ["s01.txt", "S02.TXT"],
    ["S01.TXT"],
    ["d1/a10/p4/s01.txt", "d2/deep/a10/p4/s02.txt"],
    ["a1/p1/s1.txt"],
    ["x/y/z/a10/p4/s01.txt"],
    ["A01/P1/S01.TXT", "a01/p1/s2.TXT"],
    ["a01/p1/s01.txt", "a01/p1/s01 (1).txt", "loose.txt"],
]


@pytest.mark.parametrize("kind", ["folder", "zip", "linked"])
@pytest.mark.parametrize("files", ANSWERED)
def test_every_text_file_is_answered_for_by_its_own_path(
    tmp_path: Path, text: bytes, files: list[str], kind: str
) -> None:
    hidden = [f"{Path(files[0]).parent}/._{Path(files[0]).name}", "__MACOSX/a01/p1/s01.txt", "SYNTHETIC.txt"]
    contents = dict.fromkeys(files, text) | dict.fromkeys(hidden, b"junk")
    path = tmp_path / "data"
    if kind == "zip":
        path = write_zip(tmp_path / "data.zip", contents)
    for name, content in contents.items() if kind != "zip" else ():
        (path / "linked" / name).parent.mkdir(parents=True, exist_ok=True)
        (path / "linked" / name).write_bytes(content)
    if kind == "linked":
        shutil.move(path / "linked", tmp_path / "elsewhere")
        (path / "linked").symlink_to(tmp_path / "elsewhere")
    prefix = f"{path}" if kind == "zip" else f"{path}/linked"
    left_out = LeftOut()
    table = predict([path], left_out=left_out)
    assert sorted(table["path"].to_pylist()) == sorted(f"{prefix}/{name}" for name in files)
    assert (left_out.refused, left_out.unknown) == ([], [])


@pytest.mark.parametrize("join", [False, True])
def test_what_is_wrong_keeps_nothing_else_from_an_answer(
    recordings: Path, text: bytes, tmp_path: Path, join: bool
) -> None:
    folder = tmp_path / "data"
    shutil.copytree(recordings, folder)
    (folder / "a01/p1/s02.txt").write_bytes(b"\xef\xbb\xbf\xef\xbb\xbf" + text)
    (folder / "notes.txt").write_text("Remember the milk\n")
    (folder / "right.txt").write_bytes(text)
    (folder / "README.md").write_text("")
    os.mkfifo(folder / "pipe.txt")
    with (folder / "large.txt").open("wb") as file:
        file.truncate(300_000_000)
    left_out = LeftOut()
    table = predict([folder, tmp_path / "none", folder / "right.txt"], join=join, left_out=left_out)
    answered = set(table["path"].to_pylist())
    segments = {str(path) for path in folder.rglob("a*/p*/s*.txt") if path.parent.parent.name != "a01"}
    assert answered == {*segments, f"{folder}/right.txt"}
    assert left_out.unknown == [f"{folder}/README.md"]
    with pytest.raises(InputError, match="6 problems in 5 places") as caught:
        left_out.raise_refused()
    found = [(problem.path.removeprefix(f"{folder}/"), problem.value) for problem in caught.value.problems]
    assert found == [
        ("a01/p1/s02.txt", "a second byte-order mark"),
        ("large.txt", "300000000 bytes"),
        ("pipe.txt", "a named pipe"),
        ("notes.txt", "1 column"),
        ("notes.txt", "1 row"),
        (str(tmp_path / "none"), "no such file or folder"),
    ]


def test_names_that_are_no_text_are_written_with_escapes(text: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    name = b"\xff\x1b[31m/a01/p1/s01.txt".decode(errors="surrogateescape")
    for path in (folder / name, folder / "caf\udce9.txt"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    table = predict([folder])
    assert table["path"].to_pylist() == [f"{folder}/\\xff\\x1b[31m/a01/p1/s01.txt", f"{folder}/caf\\xe9.txt"]
    for output_format in ("table", "csv", "json", "parquet"):
        render(table, output_format)


def test_a_zip_under_another_name_is_a_zip(text: bytes, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "data.bin", {"s01.txt": text})
    assert predict([path])["path"].to_pylist() == [f"{path}/s01.txt"]


def test_reading_stops_where_too_much_is_wrong(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data"
    shutil.copytree(recordings, folder)
    for path in folder.rglob("s01.txt"):
        path.write_text("x\n")
    monkeypatch.setattr(readable, "MAX_PROBLEMS", 6)
    left_out = LeftOut()
    predict([folder], left_out=left_out)
    [error] = left_out.refused
    assert len(error.problems) == 7
    assert error.problems[-1].expected == "fewer problems; the recordings after it were not read"


# --- Another data set -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "later"), [(50.0, [0.2, 0.36]), (25.0, [0.2])])
def test_windows_of_any_data_set_are_complete_and_cross_no_break(
    tmp_path: Path, rate: float, later: list[float]
) -> None:
    """Of 10 and 20 rows at 50 Hz, with missing values; at half the rate, of 5 and 10 rows."""
    write_toy(tmp_path / "data", {(1, 1): "walking"})
    seen: list[np.ndarray] = []

    def answer(windows: np.ndarray) -> np.ndarray:
        seen.append(windows)
        return np.full((len(windows), 4), 0.25, dtype=np.float32)

    left_out = LeftOut()
    spec = POCKET_AND_WRIST.replaced(sampling_rate_hz=rate)
    table = predict_inputs(Model(answer=answer, spec=spec, length=8, join=False), [tmp_path / "data"], Toy(), left_out)
    path = f"{tmp_path}/data/walks/p1/n1_walking_pocket.npy"
    expected = [(path, 0.0)] if rate == 50 else []
    expected += [(path, start) for start in later]
    found = zip(table["path"].to_pylist(), table["start_s"].to_pylist(), strict=True)
    assert [(name, round(start, 6)) for name, start in found] == expected
    assert np.isfinite(np.concatenate(seen)).all()
    assert (left_out.refused, left_out.unknown) == ([], [])


def test_a_recording_that_begins_with_missing_values_says_where_its_windows_begin(tmp_path: Path) -> None:
    write_toy(tmp_path / "data", {(1, 1): "walking"})
    path = tmp_path / "data/walks/p1/n1_walking_pocket.npy"
    samples = np.load(path)
    samples[2, :2] = np.nan
    np.save(path, samples)
    model = Model(
        answer=lambda windows: np.full((len(windows), 4), 0.25, np.float32), spec=Toy.spec, length=8, join=False
    )
    found = predict_inputs(model, [tmp_path / "data"], Toy())
    assert set(found["path"].to_pylist()) == {str(path)}
    assert [round(start, 6) for start in found["start_s"].to_pylist()] == [0.04, 0.2, 0.36]
    assert DatasetSpec.from_metadata(found.schema.metadata, where="answers") == Toy.spec
