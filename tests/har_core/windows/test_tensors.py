"""Tables of windows as tensors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from narrowing import present

from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.recordings import Recording, Recordings, recordings_of
from har_core.windows.dataset import write_windows
from har_core.windows.schema import KEY_COLUMNS
from har_core.windows.segmentation import segment
from har_core.windows.store import SampleStore
from har_core.windows.tensors import count_by_subject_and_activity, read_keys, read_tensors, rows_of

if TYPE_CHECKING:
    from tests.har_core.conftest import FindingsOf


@pytest.mark.parametrize("length", [125, 40])
def test_windows_come_back_as_they_were_cut(recordings: Recordings, tmp_path: Path, length: int) -> None:
    path = tmp_path / "windows.parquet"
    write_windows(segment(recordings, length=length, overlap=0), path)
    tensors = read_tensors(path)
    expected = np.concatenate(
        [
            recording.samples.T[None, 125 * index + start : 125 * index + start + length]
            for recording in recordings
            for index in range(len(recording.outline.segments))
            for start in range(0, 125 - length + 1, length)
        ]
    )
    assert tensors.windows.dtype == torch.float32
    assert tensors.windows.is_contiguous()
    np.testing.assert_array_equal(tensors.windows.numpy(), expected)


def test_labels_are_class_ids_and_keys_name_the_rows(recordings: Recordings, tmp_path: Path) -> None:
    path = tmp_path / "windows.parquet"
    write_windows(segment(recordings, length=125, overlap=0), path)
    tensors = read_tensors(path)
    assert tensors.labels.dtype == torch.int64
    assert tensors.labels.tolist() == [session - 1 for session in tensors.keys["session"].to_pylist()]
    assert tensors.spec == DSADS
    assert set(tensors.labels.tolist()) == {2, 18}
    assert tensors.keys.num_rows == len(tensors.labels) == len(tensors.windows) == 18
    assert tensors.keys["segment"].to_pylist()[:4] == [1, 2, 5, 1]


def test_several_row_groups_are_joined_in_order(make_recording: Callable[..., Recording], tmp_path: Path) -> None:
    path = tmp_path / "windows.parquet"
    recordings = recordings_of(DSADS, [make_recording(subject, 1, tuple(range(1, 61))) for subject in range(1, 21)])
    write_windows(segment(recordings, length=125, overlap=0), path)
    tensors = read_tensors(path)
    np.testing.assert_array_equal(
        tensors.windows.numpy(), np.concatenate([r.samples.T for r in recordings]).reshape(-1, 125, 45)
    )


@pytest.mark.parametrize("max_mib", [0, 20])
def test_mapped_windows_are_those_in_memory(
    make_recording: Callable[..., Recording], tmp_path: Path, max_mib: int
) -> None:
    path, scratch = tmp_path / "windows.parquet", tmp_path / "scratch"
    recordings = recordings_of(DSADS, [make_recording(subject, 1, tuple(range(1, 61))) for subject in range(1, 21)])
    write_windows(segment(recordings, length=125, overlap=0), path)
    one, other = read_tensors(path), read_tensors(path, SampleStore(scratch, max_mib=max_mib))
    assert str(scratch) in Path("/proc/self/maps").read_text(encoding="utf-8")
    assert list(scratch.iterdir()) == []
    assert other.windows.is_contiguous()
    assert one.keys.equals(other.keys)
    for name in ("windows", "labels", "damaged", "duplicate_groups"):
        assert torch.equal(getattr(one, name), getattr(other, name))


def test_flags_come_with_the_windows(recordings: Recordings, findings_of: FindingsOf, tmp_path: Path) -> None:
    path = tmp_path / "windows.parquet"
    findings = findings_of(("zero_run", 1, 3, 2, 0, 9), ("duplicate_rows", 1, 3, 1, 0, 9, "all", (12, 19, 5, 0)))
    write_windows(segment(recordings, length=125, overlap=0, findings=findings), path)
    tensors = read_tensors(path)
    assert tensors.damaged.dtype == torch.bool
    assert tensors.damaged.nonzero().flatten().tolist() == [1]
    assert tensors.duplicate_groups.dtype == torch.int32
    assert tensors.duplicate_groups.tolist() == [0, *[-1] * 16, 0]
    assert tensors.keys.column_names == list(KEY_COLUMNS)


def test_windows_are_found_by_their_keys(recordings: Recordings, tmp_path: Path) -> None:
    path = tmp_path / "windows.parquet"
    write_windows(segment(recordings, length=125, overlap=0), path)
    keys = read_keys(path)
    assert keys.column_names == list(KEY_COLUMNS)
    assert present(rows_of(keys, read_tensors(path).keys)).tolist() == list(range(18))
    assert present(rows_of(keys.take([7, 2]), keys)).tolist() == [2, 7]
    assert rows_of(keys, keys.slice(1)) is None


def test_windows_are_counted_by_subject_and_activity(recordings: Recordings, tmp_path: Path) -> None:
    path = tmp_path / "windows.parquet"
    write_windows(segment(recordings, length=50, overlap=0), path)
    rows = count_by_subject_and_activity(path).to_pylist()
    counted = {(row["subject"], row["activity"]): row["num_windows"] for row in rows}
    assert counted == {one.key: 2 * len(one.outline.segments) for one in recordings}
    assert list(counted) == sorted(counted)
