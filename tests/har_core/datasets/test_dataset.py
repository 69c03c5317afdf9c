"""A data set that is not DSADS: several files a recording, labels in paths, a shared table, times, missing values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from data_sets import POCKET_AND_WRIST
from toy_dataset import TABLE, Toy, toy_samples, write_toy

from har_core.base.errors import InputError
from har_core.datasets.changes import Changes, compare
from har_core.datasets.dataset import ReadRecording, read_recordings
from har_core.datasets.ingested import read_ingested
from har_core.datasets.manifest import IngestSummary, ingest, read_manifest
from har_core.datasets.recordings import LabelRun, Outline, RecordingKey
from har_core.datasets.source import Source, SourceFile
from har_core.settings.source import SourceSettings
from har_core.spec.dataset import DatasetSpec

LABELS = {(2, 1): "walking", (1, 1): "sitting", (1, 2): "stairs"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_toy(tmp_path / "data", LABELS)
    (tmp_path / "data/walks/notes.txt").touch()
    (tmp_path / "data/walks/other.npy").touch()
    return tmp_path / "data"


def run(folder: Path, dataset: Toy | None = None) -> IngestSummary:
    dataset = dataset or Toy()
    with dataset.open(folder) as source:
        return ingest(
            dataset, source, manifest_path=folder.parent / "manifest", recordings_path=folder.parent / "recordings"
        )


def changes_of(folder: Path, dataset: Toy | None = None) -> Changes:
    dataset = dataset or Toy()
    with dataset.open(folder) as source:
        return compare(dataset, source, read_manifest(folder.parent / "manifest"))


def test_files_are_listed_by_recording_and_stream(folder: Path) -> None:
    with Toy().open(folder) as source:
        assert [file.name for file in source.shared] == [(0, 0, 1, "notes", "")]
        groups = source.by_recording()
        assert list(groups) == [(1, 1), (1, 2), (2, 1)]
        assert [file.name for file in groups[RecordingKey(1, 2)]] == [
            (1, 2, 1, "pocket", "stairs"),
            (1, 2, 1, "wrist", "stairs"),
        ]
        assert source.subjects == (1, 2)
        assert (source.loose, source.others) == ((), ("walks/notes.txt", "walks/other.npy"))


def test_recordings_come_back_as_they_were_read(folder: Path) -> None:
    summary = run(folder)
    assert (summary.num_rows, summary.num_missing_segments, summary.subjects) == (90, 0, (1, 2))
    ingested = read_ingested(folder.parent / "recordings")
    assert ingested.spec == POCKET_AND_WRIST
    with Toy().open(folder) as source:
        as_read = read_recordings(Toy(), source)
        assert dict(as_read.outlines) == ingested.outlines
        for one, other in zip(as_read, ingested, strict=True):
            assert (one.key, one.outline) == (other.key, other.outline)
            np.testing.assert_array_equal(one.samples, other.samples)
            assert one.times is not None
            assert other.times is not None
            np.testing.assert_array_equal(one.times, other.times)
    pocket, wrist = (toy_samples(2, 1, place) for place in ("pocket", "wrist"))
    np.testing.assert_array_equal(ingested.load(RecordingKey(2, 1)).samples, np.concatenate([pocket, wrist]))


def test_the_manifest_has_every_file_and_the_description(folder: Path) -> None:
    run(folder)
    path = folder.parent / "manifest"
    assert DatasetSpec.from_metadata(pq.read_schema(path).metadata, where="") == POCKET_AND_WRIST
    rows = [(row.subject, row.session, row.stream, row.label, row.num_rows) for row in read_manifest(path).rows]
    assert rows[:3] == [(0, 0, "notes", "", 0), (1, 1, "pocket", "sitting", 30), (1, 1, "wrist", "sitting", 30)]
    assert len(rows) == 7


def _note(folder: Path) -> None:
    (folder / TABLE).write_text("other\n", encoding="utf-8")


def _rename(folder: Path) -> None:
    for path in (folder / "walks/p2").iterdir():
        path.rename(path.with_name(path.name.replace("walking", "cycling")))


@pytest.mark.parametrize(
    ("act", "words"),
    [(_note, "1 file changed: notes.csv"), (_rename, "2 files added, 2 removed: walks/p2/n1_cycling_pocket.npy")],
)
def test_a_shared_table_and_a_label_in_a_path_count(folder: Path, act: Callable[[Path], None], words: str) -> None:
    before, version = run(folder), Toy().source_version(SourceSettings(), folder)
    assert changes_of(folder).is_empty
    act(folder)
    assert str(changes_of(folder)).startswith(words)
    assert Toy().source_version(SourceSettings(), folder) != version
    assert run(folder).content_version != before.content_version


def test_another_way_to_read_the_same_files_counts(folder: Path) -> None:
    before, version = run(folder), Toy().source_version(SourceSettings(), folder)
    other = Toy(version="2")
    assert str(changes_of(folder, other)) == "pocket_and_wrist says other things of them now"
    assert other.source_version(SourceSettings(), folder) != version
    assert run(folder, other).content_version != before.content_version


def test_what_is_wrong_with_some_and_with_all_is_told(tmp_path: Path) -> None:
    write_toy(tmp_path / "data", {(1, 1): "walking"})
    with pytest.raises(InputError, match="expected somebody who sits"):
        run(tmp_path / "data")
    write_toy(tmp_path / "data", {(1, 2): "flying", (2, 1): "swimming"})
    with pytest.raises(InputError, match="2 problems in 2 places") as caught:
        run(tmp_path / "data")
    assert [problem.value for problem in caught.value.problems] == ["flying", "swimming"]


def test_two_files_of_one_recording_and_stream_are_both_named(folder: Path) -> None:
    (folder / "p2").mkdir()
    (folder / "p2/n1_sitting_wrist.npy").touch()
    with pytest.raises(InputError, match="expected one file for subject 2, session 1, segment 1, wrist") as caught:
        Toy().open(folder)
    assert len(caught.value.problems) == 2


def test_nobody_can_make_what_only_files_hold(tmp_path: Path) -> None:
    for act in (
        lambda: Toy().source_version(SourceSettings(), None),
        lambda: Toy().acquire(SourceSettings(), None, tmp_path),
    ):
        with pytest.raises(InputError, match="no recordings of pocket_and_wrist: the experiment's source is"):
            act()
    with pytest.raises(InputError, match=r"expected a directory or zip of walks pN/nN_LABEL_PLACE\.npy"):
        Toy().acquire(SourceSettings(), tmp_path / "none", tmp_path)


def test_a_file_above_the_limit_of_the_data_set_is_refused(folder: Path) -> None:
    (folder / "walks/p2/n1_walking_wrist.npy").write_bytes(bytes(100_001))
    with pytest.raises(InputError, match="expected at most 100000 bytes"):
        Toy().open(folder)


def test_another_reading_of_the_same_files_is_another_content(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that reads them otherwise, a mended unit or label, changes no file and no version of the data set."""
    before = run(folder).content_version
    assert run(folder).content_version == before
    read = Toy.read

    def doubled(self: Toy, source: Source, files: Sequence[SourceFile]) -> ReadRecording:
        recording, found = read(self, source, files)
        return ReadRecording(replace(recording, samples=recording.samples * np.float32(2)), found)

    monkeypatch.setattr(Toy, "read", doubled)
    assert run(folder).content_version != before


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"subject": 40_000}, "subject 40000', expected at most 32767"),
        ({"outline": Outline(segments=(1,), lengths=(30,), labels=(LabelRun(5, 30),))}, "activity number 5"),
        ({"outline": Outline(segments=(1,), lengths=(30,), labels=(LabelRun(-1, 30),))}, "a negative activity number"),
    ],
)
def test_what_the_tables_cannot_hold_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], expected: str
) -> None:
    read = Toy.read

    def changed(self: Toy, source: Source, files: Sequence[SourceFile]) -> ReadRecording:
        recording, found = read(self, source, files)
        return ReadRecording(replace(recording, **change), found)

    monkeypatch.setattr(Toy, "read", changed)
    with pytest.raises(InputError, match=expected):
        run(folder)
