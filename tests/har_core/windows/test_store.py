"""Where samples go: memory as long as the limit lasts, then files without a name."""

from __future__ import annotations

import errno
import gc
import os
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from har_core.base.errors import StorageError
from har_core.windows import store as module
from har_core.windows.store import SampleStore

QUARTER_MIB = (64, 1024)


def mapped_files(folder: Path) -> list[str]:
    """What this process maps from files in ``folder``, whether they have a name or not."""
    lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if str(folder) in line]


def test_memory_is_used_as_long_as_it_lasts(tmp_path: Path) -> None:
    store = SampleStore(tmp_path / "scratch", max_mib=1)
    kept = [store.empty(*QUARTER_MIB) for _ in range(4)]
    assert not (tmp_path / "scratch").exists()
    kept.append(store.empty(*QUARTER_MIB))
    assert len(mapped_files(tmp_path / "scratch")) == 1
    assert {(tensor.shape, tensor.dtype) for tensor in kept} == {(QUARTER_MIB, torch.float32)}


def test_a_mapped_tensor_keeps_values_and_leaves_no_file(tmp_path: Path) -> None:
    store = SampleStore(tmp_path, max_mib=0)
    one, other = store.empty(3, 2, 5), store.empty(7)
    one.copy_(torch.arange(30.0).view(3, 2, 5))
    other.fill_(-1)
    assert torch.equal(one, torch.arange(30.0).view(3, 2, 5))
    assert one.is_contiguous()
    assert list(tmp_path.iterdir()) == []
    assert len(mapped_files(tmp_path)) == 2
    del one, other
    gc.collect()
    assert mapped_files(tmp_path) == []


def test_a_mapped_tensor_is_read_without_what_lies_behind(tmp_path: Path) -> None:
    kept = SampleStore(tmp_path, max_mib=0).empty(*QUARTER_MIB)
    _, _, own = Path("/proc/self/smaps").read_text(encoding="utf-8").partition(str(tmp_path))
    [flags] = [line.split()[1:] for line in own.splitlines() if line.startswith("VmFlags:")][:1]
    assert "rr" in flags, (flags, kept.shape)  # random read advised, says proc(5)


@settings(max_examples=30)
@given(sizes=st.lists(st.integers(0, 300), max_size=8), max_mib=st.integers(0, 1))
def test_what_is_in_memory_never_exceeds_the_limit(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], max_mib: int
) -> None:
    folder = tmp_path_factory.mktemp("store")
    store, in_memory = SampleStore(folder, max_mib=max_mib), 0
    tensors = []
    for size in sizes:
        before = len(mapped_files(folder))
        tensors.append(store.empty(size, 1024))
        assert tensors[-1].shape == (size, 1024)
        if len(mapped_files(folder)) == before:
            in_memory += tensors[-1].nbytes
    assert in_memory <= max_mib * 2**20


def test_nothing_takes_no_room(tmp_path: Path) -> None:
    assert SampleStore(tmp_path / "scratch", max_mib=0).empty(0, 125, 45).shape == (0, 125, 45)
    assert not (tmp_path / "scratch").exists()


@pytest.mark.parametrize("free", [2 * 2**20, 2 * 2**20 - 4])
def test_half_of_free_memory_is_the_limit_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int
) -> None:
    monkeypatch.setattr(module, "free_bytes", lambda: free)
    tensor = SampleStore(tmp_path).empty(2**18)
    assert tensor.nbytes == 2**20
    assert bool(mapped_files(tmp_path)) == (free < 2 * 2**20)


def test_a_full_disk_is_told_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def disk_full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", disk_full)
    with pytest.raises(StorageError, match="scratch: the disk is full"):
        SampleStore(tmp_path / "scratch", max_mib=0).empty(10)
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_forbidden_folder_is_a_storage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", forbidden)
    with pytest.raises(StorageError, match=r"cannot be written \(Permission denied\)"):
        SampleStore(tmp_path, max_mib=0).empty(10)


@pytest.mark.parametrize("num_values", [1, 2**18, 2**18 + 3])
def test_room_is_taken_where_the_system_cannot_reserve_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, num_values: int
) -> None:
    monkeypatch.delattr(os, "posix_fallocate")
    tensor = SampleStore(tmp_path, max_mib=0).empty(num_values)
    assert tensor.shape == (num_values,)
    assert not tensor.any()
