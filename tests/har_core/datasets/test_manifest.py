from __future__ import annotations

import errno
import hashlib
import shutil
import threading
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from har_core.audit.joins import find_missing
from har_core.base.errors import InputError, StorageError
from har_core.base.files import atomic_paths
from har_core.datasets import manifest as manifest_module
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.dsads.format import Dsads
from har_core.datasets.ingested import read_ingested, recordings_schema
from har_core.datasets.manifest import MANIFEST_SCHEMA, IngestSummary, ingest, read_manifest
from har_core.datasets.origin import SYNTHETIC_MARKER
from har_core.datasets.recordings import RecordingKey
from har_core.dsads import read_recordings

if TYPE_CHECKING:
    from tests.har_core.datasets.conftest import WriteFiles


@pytest.fixture
def source_folder(tmp_path: Path, whole_set: Mapping[str, bytes], write_files: WriteFiles) -> Path:
    write_files(tmp_path / "source", whole_set)
    return tmp_path / "source"


def run(source: Path, out: Path, **options: Any) -> IngestSummary:
    outputs = out / "recordings.arrow", out / "manifest.parquet"
    with Dsads().open(source) as opened, atomic_paths(*outputs) as (recordings, manifest):
        return ingest(Dsads(), opened, manifest_path=manifest, recordings_path=recordings, **options)


def problems_of(source: Path, out: Path) -> list[tuple[str, int | None, int | None, str | None]]:
    with pytest.raises(InputError) as caught:
        run(source, out)
    return [
        (problem.path.removeprefix(f"{source}/"), problem.line, problem.column, problem.value)
        for problem in caught.value.problems
    ]


# --- What is written --------------------------------------------------------------------------------------------------


def test_the_manifest_has_a_row_for_each_file(source_folder: Path, tmp_path: Path, whole_set: dict[str, bytes]) -> None:
    path = source_folder / "a07/p2/s01.txt"
    path.write_bytes(b"\xef\xbb\xbf" + whole_set["a07/p2/s01.txt"].replace(b"\n", b"\r\n"))
    summary = run(source_folder, tmp_path)
    assert pq.read_schema(tmp_path / "manifest.parquet").equals(MANIFEST_SCHEMA)
    manifest = pl.read_parquet(tmp_path / "manifest.parquet")
    assert manifest.select("subject", "session").rows() == [(s, a) for s in (1, 2) for a in range(1, 20)]
    row = manifest.row(25, named=True)
    assert row == {
        "subject": 2,
        "session": 7,
        "segment": 1,
        "stream": "",
        "label": "",
        "path": "a07/p2/s01.txt",
        "num_bytes": path.stat().st_size,
        "marker": str(path.stat().st_mtime_ns),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "num_rows": 125,
        "status": "ok: BOM, CRLF",
    }
    assert set(manifest["status"]) == {"ok", "ok: BOM, CRLF"}
    assert (summary.num_rows, summary.subjects) == (38 * 125, (1, 2))
    assert summary.num_bytes == manifest["num_bytes"].sum()
    assert summary.origin == "real"


def test_every_column_of_the_manifest_is_described() -> None:
    assert all(field.metadata[b"description"] for field in MANIFEST_SCHEMA)


def test_the_recordings_are_those_of_the_text(source_folder: Path, tmp_path: Path) -> None:
    run(source_folder, tmp_path)
    ingested, text = read_ingested(tmp_path / "recordings.arrow"), read_recordings(source_folder)
    assert (ingested.outlines, ingested.spec, ingested.origin) == (dict(text.outlines), DSADS, "real")
    for one, other in zip(ingested, text, strict=True):
        assert (one.key, one.outline, one.times) == (other.key, other.outline, None)
        np.testing.assert_array_equal(one.samples, other.samples)
        assert one.samples.flags.c_contiguous
    table = pl.read_ipc(tmp_path / "recordings.arrow")
    assert table.columns == ["subject", "session", "segment", "activity", *DSADS.channel_names]
    assert table.height == 38 * 125


def test_progress_is_told(source_folder: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    run(source_folder, tmp_path, progress=lambda *step: told.append(step))
    assert told == [("files read", number, 38) for number in range(1, 39)]


def test_made_recordings_stay_marked(source_folder: Path, tmp_path: Path) -> None:
    real = run(source_folder, tmp_path)
    (source_folder / SYNTHETIC_MARKER).touch()
    made = run(source_folder, tmp_path)
    assert made.origin == read_ingested(tmp_path / "recordings.arrow").origin == "synthetic"
    assert made.content_version != real.content_version


def test_the_version_follows_content_alone(
    source_folder: Path, tmp_path: Path, whole_set: dict[str, bytes], write_files: WriteFiles
) -> None:
    first = run(source_folder, tmp_path)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_BZIP2) as archive:
        for path, content in reversed(whole_set.items()):
            archive.writestr(f"else/where/{path}", content)
    assert run(tmp_path / "a.zip", tmp_path).content_version == first.content_version
    (source_folder / "a01/p1/s01.txt").touch()
    assert run(source_folder, tmp_path).content_version == first.content_version
    write_files(source_folder, {"a01/p1/s01.txt": whole_set["a01/p1/s01.txt"] + b"\n"})
    ended = run(source_folder, tmp_path)
    write_files(source_folder, {"a01/p1/s01.txt": whole_set["a02/p1/s01.txt"]})
    assert len({first.content_version, ended.content_version, run(source_folder, tmp_path).content_version}) == 3


def test_the_same_content_gives_the_same_bytes(source_folder: Path, tmp_path: Path) -> None:
    def contents() -> list[bytes]:
        run(source_folder, tmp_path)
        return [(tmp_path / name).read_bytes() for name in ("manifest.parquet", "recordings.arrow")]

    assert contents() == contents()


def test_a_missing_segment_is_no_error(
    source_folder: Path, tmp_path: Path, segment_text: Callable[[int], bytes], write_files: WriteFiles
) -> None:
    write_files(source_folder, {"a05/p1/s60.txt": segment_text(5)})
    assert run(source_folder, tmp_path).num_rows == 39 * 125
    recordings = read_ingested(tmp_path / "recordings.arrow")
    key = RecordingKey(subject=1, session=5)
    assert recordings.load(key).outline.segments == recordings.outlines[key].segments == (1, 60)
    assert all(outline.segments == (1,) for other, outline in recordings.outlines.items() if other != key)


def test_missing_segments_are_counted_as_the_audit_counts_them(
    source_folder: Path, tmp_path: Path, segment_text: Callable[[int], bytes], write_files: WriteFiles
) -> None:
    assert run(source_folder, tmp_path).num_missing_segments == 0
    whole = {f"a{a:02d}/p{p}/s{s:02d}.txt": segment_text(s) for a in range(1, 20) for p in (1, 2) for s in (1, 2, 3)}
    write_files(source_folder, whole)
    assert run(source_folder, tmp_path).num_missing_segments == 0
    for path in ("a05/p1/s02.txt", "a05/p2/s03.txt", "a19/p2/s01.txt", "a19/p2/s02.txt"):
        (source_folder / path).unlink()
    summary = run(source_folder, tmp_path)
    found = find_missing(read_ingested(tmp_path / "recordings.arrow").outlines, DSADS)
    assert summary.num_missing_segments == sum(finding.num_rows for finding in found) // 125 == 4


# --- What is refused --------------------------------------------------------------------------------------------------


def test_every_problem_of_every_file_is_in_one_error(
    source_folder: Path, tmp_path: Path, whole_set: dict[str, bytes], write_files: WriteFiles
) -> None:
    text = whole_set["a01/p1/s01.txt"]
    lines = text.splitlines(keepends=True)
    write_files(
        source_folder,
        {
            "a01/p1/s02.txt": b"",
            "a02/p1/s01.txt": b"".join(lines[:100]),
            "a03/p1/s01.txt": text + lines[0],
            "a04/p1/s01.txt": b"\x7fELF\x02\x01\x01\x00" + text,
            "a05/p2/s01.txt": b"".join([*lines[:7], b"nan" + lines[7][lines[7].index(b",") :], *lines[8:]]),
            "a06/p2/s01.txt": b"".join([*lines[:9], lines[9].replace(b"\n", b",1,inf\n"), *lines[10:]]),
            "a07/p2/s01.txt": text.replace(b",", b",x", 2),
        },
    )
    (source_folder / "a08/p2/s01.txt").unlink()
    (source_folder / "a08/p2/s01.txt").symlink_to("nowhere")
    (source_folder / "a09/p2/s01.txt").unlink()
    found = problems_of(source_folder, tmp_path)
    first_tokens = text.split(b",")[1:3]
    assert found == [
        ("a09/p2", None, None, None),
        ("a01/p1/s02.txt", None, None, "an empty file"),
        ("a02/p1/s01.txt", 101, None, "100 rows"),
        ("a03/p1/s01.txt", 126, None, "126 rows"),
        ("a04/p1/s01.txt", 1, None, "binary content (byte 0x02)"),
        ("a05/p2/s01.txt", 8, 1, "nan"),
        ("a06/p2/s01.txt", 10, 46, "47 columns"),
        ("a06/p2/s01.txt", 10, 47, "inf"),
        ("a07/p2/s01.txt", 1, 2, f"x{first_tokens[0].decode()}"),
        ("a07/p2/s01.txt", 1, 3, f"x{first_tokens[1].decode()}"),
        ("a08/p2/s01.txt", None, None, "No such file or directory"),
    ]


def test_an_activity_that_a_subject_lacks_is_named(source_folder: Path, tmp_path: Path) -> None:
    (source_folder / "a19/p1/s01.txt").unlink()
    (source_folder / "a05/p2/s01.txt").unlink()
    with pytest.raises(InputError) as caught:
        run(source_folder, tmp_path)
    assert [problem.expected.partition(";")[0] for problem in caught.value.problems] == [
        "at least one segment of activity 19 (playing basketball) from subject 1",
        "at least one segment of activity 5 (ascending stairs) from subject 2",
    ]


def test_activities_that_no_subject_does_are_one_problem(source_folder: Path, tmp_path: Path) -> None:
    for activity in (*range(2, 5), 19):
        shutil.rmtree(source_folder / f"a{activity:02d}")
    (source_folder / "a05/p2/s01.txt").unlink()
    with pytest.raises(InputError) as caught:
        run(source_folder, tmp_path)
    whole, single = caught.value.problems
    assert whole.value == "no recording of activities 2, 3, 4, 19, of any subject"
    assert whole.expected.startswith("all 19 activities that [windows] asks for, from every subject; to use only those")
    assert single.expected.startswith("at least one segment of activity 5 (ascending stairs) from subject 2;")


def test_the_way_out_of_missing_activities_can_be_pasted(source_folder: Path, tmp_path: Path) -> None:
    for activity in {*range(1, 20)} - {9, 10, 18, 19}:
        shutil.rmtree(source_folder / f"a{activity:02d}")
    (source_folder / "a18/p2/s01.txt").unlink()
    with pytest.raises(InputError) as caught:
        run(source_folder, tmp_path)
    line = caught.value.problems[0].expected.partition("write in [windows]: ")[2]
    names = tuple(tomllib.loads(line)["activities"])
    assert names == ("walking in a parking lot", "walking on a treadmill flat at 4 km/h", "playing basketball")
    chosen = Dsads().asking_for(names)
    with chosen.open(source_folder) as source:
        summary = ingest(chosen, source, manifest_path=tmp_path / "m", recordings_path=tmp_path / "r")
        assert [file.path for file in source.not_chosen] == ["a18/p1/s01.txt"]
    assert summary.num_rows == 6 * 125
    assert {row.session for row in read_manifest(tmp_path / "m").rows} == {9, 10, 19}


def test_only_chosen_activities_are_asked_for(source_folder: Path, tmp_path: Path) -> None:
    shutil.rmtree(source_folder / "a05")
    (source_folder / "a06/p1/s01.txt").unlink()
    chosen = Dsads(["sitting", "ascending stairs", "jumping"])
    with chosen.open(source_folder) as source, pytest.raises(InputError) as caught:
        ingest(chosen, source, manifest_path=tmp_path / "m", recordings_path=tmp_path / "r")
    [problem] = caught.value.problems
    assert problem.value == "no recording of activity 5, of any subject"
    assert problem.expected.endswith('activities = ["sitting", "jumping"]')


def test_a_damaged_zip_names_its_members(source_folder: Path, tmp_path: Path, whole_set: dict[str, bytes]) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_STORED) as archive:
        for path, content in whole_set.items():
            archive.writestr(path, content)
    damaged = bytearray((tmp_path / "a.zip").read_bytes())
    damaged[len(damaged) // 3] ^= 1
    (tmp_path / "a.zip").write_bytes(damaged)
    ((path, _, _, value),) = problems_of(tmp_path / "a.zip", tmp_path)
    assert path.endswith("/p1/s01.txt")
    assert "CRC" in str(value)


def test_reading_stops_at_very_many_problems(
    source_folder: Path,
    tmp_path: Path,
    whole_set: dict[str, bytes],
    write_files: WriteFiles,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(manifest_module, "MAX_PROBLEMS", 300)
    write_files(source_folder, {path: content.replace(b"\n", b"x\n") for path, content in whole_set.items()})
    found = problems_of(source_folder, tmp_path)
    assert len(found) == 3 * 125 + 1
    assert found[-1][3] == "375 problems in the first 3 of 38 files"


# --- Nothing is lost --------------------------------------------------------------------------------------------------


@pytest.fixture
def earlier(source_folder: Path, tmp_path: Path) -> Iterator[Path]:
    """A folder with the outputs of an earlier run, which must still be there, with nothing else, in the end."""
    folder = tmp_path / "out"
    run(source_folder, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    yield folder
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert len(before) == 2


def test_bad_input_leaves_earlier_outputs(earlier: Path, source_folder: Path) -> None:
    (source_folder / "a19/p2/s01.txt").write_bytes(b"1\n")
    assert len(problems_of(source_folder, earlier)) == 2


def test_a_disk_that_is_full_while_recordings_are_written_leaves_earlier_outputs(
    earlier: Path, source_folder: Path, full_disk: Callable[[int], AbstractContextManager[None]]
) -> None:
    (source_folder / "a19/p2/s01.txt").write_bytes((source_folder / "a18/p2/s01.txt").read_bytes())
    with full_disk(100_000), pytest.raises(StorageError, match="the disk is full"):
        run(source_folder, earlier)


def test_a_disk_that_is_full_when_the_manifest_is_written_leaves_earlier_outputs(
    earlier: Path, source_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table = pq.ParquetWriter.write_table

    def full(writer: pq.ParquetWriter, table: pa.Table, **options: object) -> None:
        if "sha256" in table.column_names:
            raise OSError(errno.ENOSPC, "No space left on device")
        write_table(writer, table, **options)

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    (source_folder / "a19/p2/s01.txt").write_bytes((source_folder / "a18/p2/s01.txt").read_bytes())
    with pytest.raises(StorageError, match="the disk is full"):
        run(source_folder, earlier)


@pytest.mark.parametrize("rows_per_group", [1, 7, 10_000])
def test_the_manifest_is_the_same_however_it_is_cut(
    source_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_per_group: int
) -> None:
    summary, whole = run(source_folder, tmp_path / "whole"), read_manifest(tmp_path / "whole" / "manifest.parquet")
    monkeypatch.setattr(manifest_module, "_ROWS_PER_GROUP", rows_per_group)
    assert run(source_folder, tmp_path / "cut") == summary
    assert read_manifest(tmp_path / "cut" / "manifest.parquet") == whole
    assert summary.content_version == whole.content_version
    stored = pq.read_metadata(tmp_path / "cut" / "manifest.parquet").metadata
    assert stored[b"har.content_version"].decode() == summary.content_version


def test_an_interruption_leaves_earlier_outputs_and_no_thread_at_work(earlier: Path, source_folder: Path) -> None:
    def interrupt(what: str, num_done: int, num_total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        run(source_folder, earlier, progress=interrupt)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")], caught


# --- Reading back -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["missing", "text", "truncated", "another format", "foreign columns", "foreign metadata"]
)
def test_a_file_that_ingestion_did_not_write_is_refused(source_folder: Path, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "recordings.arrow"
    if kind == "text":
        path.write_text("hello")
    elif kind == "truncated":
        run(source_folder, tmp_path)
        path.write_bytes(path.read_bytes()[:-100])
    elif kind == "another format":
        pq.write_table(recordings_schema(DSADS, has_times=False).empty_table(), path)
    elif kind == "foreign columns":
        pl.DataFrame({"a": [1]}).write_ipc(path)
    elif kind == "foreign metadata":
        with pa.ipc.new_file(path, recordings_schema(DSADS, has_times=False)):
            pass
    with pytest.raises(InputError, match=r"recordings\.arrow"):
        read_ingested(path)


def test_the_manifest_is_read_as_it_was_written(source_folder: Path, tmp_path: Path) -> None:
    (source_folder / SYNTHETIC_MARKER).touch()
    summary = run(source_folder, tmp_path)
    manifest = read_manifest(tmp_path / "manifest.parquet")
    assert manifest.origin == "synthetic"
    assert manifest.content_version == summary.content_version
    with Dsads().open(source_folder) as source:
        assert [(row.path, row.num_bytes, row.marker) for row in manifest.rows] == [
            (file.path, file.num_bytes, file.marker) for file in source.files
        ]


@pytest.mark.parametrize("kind", ["missing", "text", "truncated", "foreign columns", "foreign metadata"])
def test_a_manifest_that_ingestion_did_not_write_is_refused(source_folder: Path, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "manifest.parquet"
    if kind == "text":
        path.write_text("hello")
    elif kind == "truncated":
        run(source_folder, tmp_path)
        path.write_bytes(path.read_bytes()[:-100])
    elif kind == "foreign columns":
        pq.write_table(pa.table({"a": [1]}).replace_schema_metadata({"har.origin": "real"}), path)
    elif kind == "foreign metadata":
        pq.write_table(MANIFEST_SCHEMA.empty_table(), path)
    with pytest.raises(InputError, match=r"manifest\.parquet"):
        read_manifest(path)
