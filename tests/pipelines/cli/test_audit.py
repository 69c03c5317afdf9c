"""``har audit`` on folders and zips, in every format, and what it refuses."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from places import make_device

from har_core.audit.findings import FINDINGS_SCHEMA
from har_core.base.progress import silent
from har_core.datasets.dsads.synthetic.writer import write_recordings
from har_core.settings.source import SourceSettings

if TYPE_CHECKING:
    from har_commands import Result


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound") / "data"
    write_recordings(folder, SourceSettings(num_subjects=2, num_segments=2), silent)
    return folder


@pytest.fixture
def damaged(sound: Path, tmp_path: Path) -> Path:
    """Two subjects; five rows of one are zero, and a segment is missing."""
    folder = tmp_path / "data"
    for path in sound.rglob("s*.txt"):
        target = folder / path.relative_to(sound)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    segment = folder / "a03" / "p1" / "s02.txt"
    lines = segment.read_text().splitlines()
    lines[40:45] = [",".join(["0.00000"] * 45)] * 5
    segment.write_text("\n".join(lines) + "\n")
    (folder / "a05" / "p2" / "s01.txt").unlink()
    return folder


ROWS = [
    ("zero_run", 3, 1, 3, 2, 40, 44, "all", None, None, None, None, None, 5, "error"),
    ("missing_segment", 5, 2, 5, 1, 0, 124, "all", None, None, None, None, None, 125, "warning"),
]


def test_sound_recordings(har: Callable[..., Result], sound: Path) -> None:
    result = har("audit", sound)
    assert result.exit_code == 0
    (line,) = result.err.splitlines()
    assert line.startswith("Not looked for: out_of_range: ")
    assert result.out.split() == FINDINGS_SCHEMA.names


def test_table(har: Callable[..., Result], damaged: Path) -> None:
    result = har("audit", damaged)
    assert result.exit_code == 0
    lines = [line.split() for line in result.out.splitlines()]
    assert lines == [FINDINGS_SCHEMA.names, *([*("-" if v is None else str(v) for v in row)] for row in ROWS)]


def test_json(har: Callable[..., Result], damaged: Path) -> None:
    result = har("audit", damaged, "--format", "json")
    assert json.loads(result.out) == [dict(zip(FINDINGS_SCHEMA.names, row, strict=True)) for row in ROWS]


def test_csv_and_parquet(har: Callable[..., Result], damaged: Path, tmp_path: Path) -> None:
    assert har("audit", damaged, "--format", "csv", "--output", tmp_path / "found.csv").exit_code == 0
    csv = pyarrow.csv.read_csv(tmp_path / "found.csv")
    assert [tuple(row.values()) for row in csv.to_pylist()] == ROWS
    assert har("audit", damaged, "--format", "parquet", "--output", tmp_path / "found.parquet").exit_code == 0
    table = pq.read_table(io.BytesIO((tmp_path / "found.parquet").read_bytes()))
    assert table.schema.equals(FINDINGS_SCHEMA)
    assert [tuple(row.values()) for row in table.to_pylist()] == ROWS


def test_a_zip_has_the_findings_of_its_folder(har: Callable[..., Result], damaged: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        for path in damaged.rglob("s*.txt"):
            archive.write(path, path.relative_to(damaged.parent))
    assert har("audit", tmp_path / "data.zip").out == har("audit", damaged).out


def test_several_inputs_are_one_set(har: Callable[..., Result], sound: Path, tmp_path: Path) -> None:
    copy = tmp_path / "other" / "a03" / "p7" / "s01.txt"
    copy.parent.mkdir(parents=True)
    copy.write_bytes((sound / "a03" / "p1" / "s01.txt").read_bytes())
    result = har("audit", sound, tmp_path / "other", "--format", "json")
    copies = [row for row in json.loads(result.out) if row["kind"] == "duplicate_rows"]
    assert [(row["subject"], row["other_subject"], row["num_rows"]) for row in copies] == [(1, 7, 125)]


def test_the_same_recording_in_two_inputs(har: Callable[..., Result], sound: Path, damaged: Path) -> None:
    result = har("audit", sound, damaged)
    assert result.exit_code == 2
    assert "subject 1, session 1, which 2 inputs hold" in result.err


def test_bad_files_are_all_named(har: Callable[..., Result], damaged: Path, home: Path) -> None:
    for name in ("a01/p1/s01.txt", "a19/p2/s02.txt"):
        (damaged / name).write_text("nothing\n")
    result = har("audit", damaged)
    assert result.exit_code == 2
    assert "a01/p1/s01.txt" in result.err
    assert "a19/p2/s02.txt" in result.err
    assert "Traceback" not in result.err
    assert result.out == ""


def test_what_is_beside_the_recordings_is_said(har: Callable[..., Result], damaged: Path) -> None:
    (damaged / "a01/p1/s01 (1).txt").write_bytes((damaged / "a01/p1/s01.txt").read_bytes())
    (damaged / "README.md").touch()
    result = har("audit", damaged)
    assert result.exit_code == 2
    assert [line.split()[0] for line in result.out.splitlines()] == ["kind", "zero_run", "missing_segment"]
    assert f"Left out, a file that is no recording: {damaged}/README.md\n" in result.err
    assert "1 file outside the layout left out; the findings are of all other files" in result.err
    assert f"{damaged}/a01/p1/s01 (1).txt: found 's01 (1).txt', expected segment files aNN/pN/sNN.txt" in result.err


def test_a_second_byte_order_mark_is_no_recording_less(har: Callable[..., Result], damaged: Path) -> None:
    path = damaged / "a01/p1/s02.txt"
    path.write_bytes(b"\xef\xbb\xbf\xef\xbb\xbf" + path.read_bytes())
    result = har("audit", damaged)
    assert (result.exit_code, result.out) == (2, "")
    assert f"{path}:1: found 'a second byte-order mark'" in result.err


def test_output_into_a_device_leaves_the_device(har: Callable[..., Result], damaged: Path, tmp_path: Path) -> None:
    node = make_device(tmp_path / "null", 3)
    assert har("audit", damaged, "--output", node).exit_code == 0
    assert node.is_char_device()


@pytest.mark.parametrize("output", ["", ".", "/proc/nothing", "x" * 300])
def test_output_that_cannot_be_written(har: Callable[..., Result], damaged: Path, output: str) -> None:
    result = har("audit", damaged, "--output", output)
    assert result.exit_code in {1, 2}
    assert "Traceback" not in result.err
    assert output[:50] in result.err


@pytest.mark.parametrize("what", ["nothing", "empty", "text"])
def test_no_recordings(har: Callable[..., Result], tmp_path: Path, what: str) -> None:
    path = tmp_path / what
    if what == "empty":
        path.mkdir()
    elif what == "text":
        path.write_text("no zip")
    result = har("audit", path)
    assert result.exit_code == 2
    assert str(path) in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("arguments", [[], ["--format", "xml", "."]])
def test_wrong_arguments(har: Callable[..., Result], arguments: list[str]) -> None:
    assert har("audit", *arguments).exit_code == 2
