"""Room for the samples of windows: memory up to a limit, above it files that are mapped. What fills it is not known."""

from __future__ import annotations

import math
import mmap
import os
import tempfile
from pathlib import Path
from typing import IO

import numpy as np
import torch
from torch import Tensor

from har_core.base.files import storage_errors
from har_core.base.memory import free_bytes

_MIB = 2**20
_ZEROS = bytes(_MIB)


class SampleStore:
    """Gives tensors that are in memory as long as the limit lasts, and mapped from a file where they would exceed it.

    A mapped tensor behaves as any other. Its values lie in a file without a name, which is gone when the tensor is, and
    when the process ends, however it ends. The system keeps as much of the file in memory as there is room for.
    """

    def __init__(self, folder: Path, *, max_mib: int | None = None) -> None:
        """Begin with nothing in memory.

        Args:
            folder: for the files; made when the first one is needed. A file in it that has a name is none of this
                class.
            max_mib: MiB that may be in memory; by default half of what is free now.
        """
        self._folder = folder
        self._left = free_bytes() // 2 if max_mib is None else max_mib * _MIB

    def empty(self, *shape: int) -> Tensor:
        """A float32 tensor whose values are not set.

        Raises:
            StorageError: there is no room for the file, or the folder cannot be written.
        """
        num_bytes = math.prod(shape) * torch.float32.itemsize
        if num_bytes <= self._left:
            self._left -= num_bytes
            return in_memory(*shape)
        with storage_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._folder) as file:
                _reserve(file, num_bytes)
                return _map(file, num_bytes).view(shape)


def in_memory(*shape: int) -> Tensor:
    """A float32 tensor whose values are not set, whatever its size; NumPy asks for huge pages, which fill faster."""
    return torch.from_numpy(np.empty(shape, dtype=np.float32))


def _map(file: IO[bytes], num_bytes: int) -> Tensor:
    """The file as a float32 tensor of one dimension, which is mapped as long as the tensor lives."""
    mapping = mmap.mmap(file.fileno(), num_bytes)
    if hasattr(mmap, "MADV_RANDOM"):
        # Training draws its windows at random. What the system reads ahead of each is thrown away again where the
        # samples are more than fits into memory, and took nearly all of the time (docs/results/scaling.md).
        mapping.madvise(mmap.MADV_RANDOM)
    return torch.from_numpy(np.frombuffer(mapping, dtype=np.float32))


def _reserve(file: IO[bytes], num_bytes: int) -> None:
    """Take the room on the disk now: a disk that is full later would end the process while it writes to the mapping."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, num_bytes)
        return
    for start in range(0, num_bytes, len(_ZEROS)):
        file.write(_ZEROS[: num_bytes - start])
    file.flush()
