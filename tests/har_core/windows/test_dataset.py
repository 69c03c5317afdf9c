"""Tables of windows as Parquet, as every reader sees them."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_sets import dsads_recording
from hypothesis import given, settings
from hypothesis import strategies as st

from har_core.base.errors import InputError, StorageError
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.recordings import Recording, RecordingKey, Recordings, recordings_of
from har_core.windows.checks import WindowChecks
from har_core.windows.dataset import open_windows, write_windows
from har_core.windows.names import WINDOW_CHECKS
from har_core.windows.plan import Damaged
from har_core.windows.schema import KEY_COLUMNS, NAMED_COLUMNS
from har_core.windows.segmentation import segment
from har_core.windows.tensors import read_tensors

if TYPE_CHECKING:
    from tests.har_core.conftest import FindingsOf


@pytest.fixture
def windows_path(recordings: Recordings, tmp_path: Path) -> Path:
    path = tmp_path / "windows.parquet"
    write_windows(segment(recordings, length=50, overlap=0.5), path)
    return path


def version(recordings: Recordings, path: Path, **cut: Any) -> str:
    return write_windows(segment(recordings, **({"length": 125, "overlap": 0.0} | cut)), path).content_version


def test_summary(recordings: Recordings, tmp_path: Path) -> None:
    summary = write_windows(segment(recordings, length=50, overlap=0.5), tmp_path / "windows.parquet")
    assert (summary.num_windows, summary.window_length, summary.num_subjects) == (6 * 3 * 4, 50, 3)
    assert (summary.num_damaged, summary.num_in_duplicate_groups) == (0, 0)


@pytest.mark.parametrize(
    ("way", "counts"),
    [("flag", (3, 0, 0)), ("keep", (0, 0, 0)), ("repair", (1, 0, 2)), ("drop", (0, 3, 0))],
    ids=["flag", "keep", "repair", "drop"],
)
def test_summary_counts_what_the_audit_did(
    recordings: Recordings, findings_of: FindingsOf, tmp_path: Path, way: Damaged, counts: tuple[int, int, int]
) -> None:
    findings = findings_of(
        ("zero_run", 1, 3, 1, 20, 4),
        ("constant_run", 2, 19, 5, 0, 125, "LA"),
        ("constant_run", 12, 3, 2, 40, 2, "T"),
        ("duplicate_rows", 1, 19, 1, 5, 9, "all", (12, 3, 5, 7)),
    )
    reader = segment(recordings, length=125, overlap=0, findings=findings, damaged=way)
    checks = WindowChecks(findings, recordings.outlines, damaged=way)
    summary = write_windows(reader, tmp_path / "windows.parquet", checks=checks)
    assert (summary.num_damaged, summary.num_dropped, summary.num_repaired) == counts
    assert summary.num_in_duplicate_groups == 2
    assert tuple(check.name for check in summary.checks) == tuple(WINDOW_CHECKS)
    metadata = pq.read_metadata(tmp_path / "windows.parquet").metadata
    assert metadata[b"har.damaged"] == way.encode()


def test_windows_that_do_not_agree_with_the_audit_replace_nothing(
    recordings: Recordings, findings_of: FindingsOf, tmp_path: Path
) -> None:
    path = tmp_path / "windows.parquet"
    path.write_text("before")
    checks = WindowChecks(findings_of(("zero_run", 2, 3, 5, 0, 1)), recordings.outlines, damaged="flag")
    with pytest.raises(InputError, match="subject 2, session 3, segment 5, start 0") as caught:
        write_windows(segment(recordings, length=125, overlap=0, findings=findings_of()), path, checks=checks)
    assert [problem.path for problem in caught.value.problems] == ["damage_is_flagged"]
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_content_version_covers_the_flags(recordings: Recordings, findings_of: FindingsOf, tmp_path: Path) -> None:
    damage = ("zero_run", 1, 3, 1, 20, 4)
    copies = ("duplicate_rows", 1, 19, 1, 5, 9, "all", (12, 3, 5, 7))
    tables = [findings_of(), findings_of(damage), findings_of(copies), findings_of(damage, copies)]
    versions = [version(recordings, tmp_path / "windows.parquet", findings=findings) for findings in tables]
    assert len(set(versions)) == len(versions)
    assert versions[0] == version(recordings, tmp_path / "windows.parquet")


def test_file_metadata(windows_path: Path, recordings: Recordings) -> None:
    metadata = pq.read_metadata(windows_path).metadata
    assert metadata[b"har.content_version"].decode() == version(recordings, windows_path, length=50, overlap=0.5)
    assert metadata[b"har.window_length"] == b"50"
    assert pq.read_schema(windows_path).field("T_xacc").metadata[b"unit"] == "m/s²".encode()


def test_polars_duckdb_and_pandas_read_the_same(windows_path: Path) -> None:
    tensors = read_tensors(windows_path)
    expected_keys = np.stack([tensors.keys[name].to_numpy() for name in KEY_COLUMNS], axis=1)
    expected = tensors.windows.numpy().transpose(2, 0, 1)  # (C, N, T)
    channels = ["T_xacc", "LA_zgyro", "LL_zmag"]
    expected = expected[[DSADS.channel_names.index(channel) for channel in channels]]

    by_polars = pl.read_parquet(windows_path)
    assert by_polars.schema["T_xacc"] == pl.Array(pl.Float32, 50)
    assert by_polars.columns == [*NAMED_COLUMNS, *DSADS.channel_names]
    np.testing.assert_array_equal(by_polars.select(KEY_COLUMNS).to_numpy(), expected_keys)
    for channel, values in zip(channels, expected, strict=True):
        np.testing.assert_array_equal(by_polars[channel].to_numpy(), values)

    by_pandas = pd.read_parquet(windows_path)
    np.testing.assert_array_equal(by_pandas[list(KEY_COLUMNS)].to_numpy(), expected_keys)
    for channel, values in zip(channels, expected, strict=True):
        np.testing.assert_array_equal(np.stack(by_pandas[channel]), values)

    with duckdb.connect() as connection:
        rows = connection.sql(f"SELECT {', '.join(KEY_COLUMNS)} FROM '{windows_path}'").fetchall()  # noqa: S608
        assert rows == [tuple(key) for key in expected_keys.tolist()]
        for channel, values in zip(channels, expected, strict=True):
            lists = connection.sql(f"SELECT {channel} FROM '{windows_path}'").fetchall()  # noqa: S608
            np.testing.assert_array_equal(np.array(lists, dtype=np.float32)[:, 0], values)


def test_duckdb_computes_on_windows(windows_path: Path) -> None:
    with duckdb.connect() as connection:
        query = f"SELECT subject, avg(list_avg(T_xacc)) FROM '{windows_path}' GROUP BY subject ORDER BY subject"  # noqa: S608
        assert [row[0] for row in connection.sql(query).fetchall()] == [1, 2, 12]


def test_content_version_is_not_about_storage(recordings: Recordings, tmp_path: Path) -> None:
    one_batch = segment(recordings, length=125, overlap=0).read_all().combine_chunks()
    reader = pa.RecordBatchReader.from_batches(one_batch.schema, one_batch.to_batches(max_chunksize=1))
    assert write_windows(reader, tmp_path / "a").content_version == version(recordings, tmp_path / "b")


@settings(max_examples=25)
@given(place=st.tuples(st.integers(0, 44), st.integers(0, 249)), bits=st.integers(1, 2**31 - 1))
def test_content_version_changes_when_a_value_does(
    make_recording: Callable[..., Recording],
    tmp_path_factory: pytest.TempPathFactory,
    place: tuple[int, int],
    bits: int,
) -> None:
    folder = tmp_path_factory.mktemp("version")
    recording, other = make_recording(), make_recording()
    other.samples.view(np.uint32)[place] ^= np.uint32(bits)

    def of(one: Recording) -> Recordings:
        return recordings_of(DSADS, [one])

    before = version(of(recording), folder / "windows.parquet")
    assert version(of(other), folder / "windows.parquet") != before
    other.samples[place] = recording.samples[place]
    assert version(of(other), folder / "windows.parquet") == before


def test_content_version_changes_with_keys_and_length(make_recording: Callable[..., Recording], tmp_path: Path) -> None:
    path = tmp_path / "windows.parquet"
    recording = make_recording(1, 1)
    samples = recording.samples
    versions = [version(recordings_of(DSADS, [recording]), path)]
    for subject, activity, segments in [(2, 1, (1, 2)), (1, 2, (1, 2)), (1, 1, (1, 3))]:
        other = make_recording(subject, activity, segments)
        other.samples[:] = samples
        versions.append(version(recordings_of(DSADS, [other]), path))
    recordings = recordings_of(DSADS, [recording])
    versions += [version(recordings, path, length=length) for length in (124, 25, 5)]
    versions.append(version(recordings, path, length=25, overlap=0.5))
    assert len(set(versions)) == len(versions)


def test_content_version_tells_made_from_measured(make_recording: Callable[..., Recording], tmp_path: Path) -> None:
    versions = {
        version(recordings_of(DSADS, [make_recording()], origin=origin), tmp_path / "w")
        for origin in ("real", "synthetic")
    }
    assert len(versions) == 2


def test_row_groups_are_small_enough_to_stream(make_recording: Callable[..., Recording], tmp_path: Path) -> None:
    recordings = [make_recording(subject, 1, tuple(range(1, 61))) for subject in range(1, 16)]
    write_windows(segment(recordings_of(DSADS, recordings), length=125, overlap=0), tmp_path / "windows.parquet")
    metadata = pq.read_metadata(tmp_path / "windows.parquet")
    sizes = [metadata.row_group(index).total_byte_size for index in range(metadata.num_row_groups)]
    assert len(sizes) > 1
    assert max(sizes) < 2**25


def test_what_windows_repeat_is_stored_once(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).normal(size=(45, 60 * 125)).astype(np.float32)
    recording = dsads_recording(1, 1, range(60), samples)
    path = tmp_path / "windows.parquet"
    summary = write_windows(segment(recordings_of(DSADS, [recording]), length=50, overlap=0.5), path)
    assert path.stat().st_size < 0.8 * summary.num_windows * 50 * 45 * 4


def test_progress_is_told(recordings: Recordings, tmp_path: Path) -> None:
    told = []
    write_windows(
        segment(recordings, length=125, overlap=0), tmp_path / "windows.parquet", lambda *args: told.append(args)
    )
    assert told[-1] == ("windows", 18, 18)


def test_content_version_changes_with_the_starts_alone(
    make_recording: Callable[..., Recording], tmp_path: Path
) -> None:
    still = make_recording()
    still.samples[:] = 1
    recordings = recordings_of(DSADS, [still])
    cuts = [{"length": 25, "overlap": overlap} for overlap in (0.0, 0.04)]  # five windows a segment, both
    assert len({version(recordings, tmp_path / "windows.parquet", **cut) for cut in cuts}) == 2


@pytest.mark.parametrize("subjects", [[2, 1], [1, 1], [1, 2, 2]])
def test_windows_out_of_order_or_twice_are_refused(
    make_recording: Callable[..., Recording], tmp_path: Path, subjects: list[int]
) -> None:
    path = tmp_path / "windows.parquet"
    path.write_text("before")
    tables = [segment(recordings_of(DSADS, [make_recording(n)]), length=125).read_all() for n in subjects]
    reader = pa.concat_tables(tables).to_reader()
    with pytest.raises(InputError, match="not in order"):
        write_windows(reader, path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_window_twice_in_a_row_is_refused(make_recording: Callable[..., Recording], tmp_path: Path) -> None:
    table = segment(recordings_of(DSADS, [make_recording(1, 1, (3,))]), length=125).read_all()
    with pytest.raises(InputError, match="each once"):
        write_windows(pa.concat_tables([table, table]).to_reader(), tmp_path / "windows.parquet")


def test_no_windows_at_all_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing"):
        write_windows(segment(recordings_of(DSADS, []), length=125), tmp_path / "windows.parquet")
    assert list(tmp_path.iterdir()) == []


def test_an_error_while_reading_leaves_what_was_there(make_recording: Callable[..., Recording], tmp_path: Path) -> None:
    def load(key: RecordingKey) -> Recording:
        if key.subject == 2:
            raise InputError("a file is wrong")
        return make_recording(*key)

    outlines = {RecordingKey(subject, 1): make_recording().outline for subject in (1, 2)}
    recordings = Recordings(spec=DSADS, outlines=outlines, load=load, origin="real")
    path = tmp_path / "windows.parquet"
    path.write_text("before")
    with pytest.raises(InputError, match="a file is wrong"):
        write_windows(segment(recordings, length=125), path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_told_and_leaves_what_was_there(
    make_recording: Callable[..., Recording], tmp_path: Path
) -> None:
    path = tmp_path / "windows.parquet"
    path.write_text("before")
    recordings = [make_recording(n, 1, tuple(range(1, 61))) for n in range(1, 30)]
    reader = segment(recordings_of(DSADS, recordings), length=125)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, limits[1]))
    try:
        with pytest.raises(StorageError, match="disk is full"):
            write_windows(reader, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [None, b"", b"PAR1 but no more", b"x" * 1000])
def test_what_is_no_parquet_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "windows.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"windows\.parquet"):
        read_tensors(path)


@pytest.mark.parametrize("table", [pa.table({"subject": [1]}), pa.table({"T_xacc": [1.0]})])
def test_another_table_is_refused(tmp_path: Path, table: pa.Table) -> None:
    pq.write_table(table, tmp_path / "windows.parquet")
    with pytest.raises(InputError, match="no windows"), open_windows(tmp_path / "windows.parquet"):
        pass


def test_content_version_covers_the_description(recordings: Recordings, tmp_path: Path) -> None:
    path = tmp_path / "windows.parquet"
    called_otherwise = Recordings(
        spec=DSADS.replaced(activities=[*DSADS.activities[:-1], "handball"]),
        outlines=recordings.outlines,
        load=recordings.load,
        origin=recordings.origin,
    )
    assert version(called_otherwise, path) != version(recordings, path)


def test_other_channels_than_the_file_says_are_refused(windows_path: Path) -> None:
    table = pq.read_table(windows_path)
    pq.write_table(table.drop_columns(["T_xacc"]), windows_path)
    with pytest.raises(InputError, match="other channels than they say"), open_windows(windows_path):
        pass


def test_windows_that_do_not_say_of_which_data_set_they_are(windows_path: Path) -> None:
    pq.write_table(pq.read_table(windows_path).replace_schema_metadata({}), windows_path)
    with pytest.raises(InputError, match="says of no data set"), open_windows(windows_path):
        pass
