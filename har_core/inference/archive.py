"""What lies in the archive of an exported graph (``.pt2``), read without PyTorch, and without running anything of it.

The archive is a zip of JSON and of raw bytes. A config names the type, the shape and the record of each weight; several
weights may share a record. Running the graph is done in :mod:`har_core.inference.graph`.
"""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from har_core.base.errors import HarError
from har_core.inference.weights import Weight, digest_of

MODEL = "model"
"""What ``torch.export`` calls the one graph in an archive."""
DTYPES = {
    1: ("uint8", 1),
    2: ("int8", 1),
    3: ("int16", 2),
    4: ("int32", 4),
    5: ("int64", 8),
    6: ("float16", 2),
    7: ("float32", 4),
    8: ("float64", 8),
    9: ("complex32", 4),
    10: ("complex64", 8),
    11: ("complex128", 16),
    12: ("bool", 1),
    13: ("bfloat16", 2),
}
"""Number of a type in an archive -> its name in PyTorch, and bytes of one value."""
_LARGEST_TENSOR = 2 * 1024**3
"""Bytes."""
_OF_ZIP = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError)
_OF_CONTENT = (LookupError, ValueError, TypeError, AttributeError)


class DamagedModelError(HarError):
    """The file of a model is no exported graph any more."""


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """Where a tensor lies in an archive."""

    record: str
    """File in the archive: the bytes of a whole storage."""
    is_parameter: bool
    dtype: str
    """As in ``torch.float32``, without ``torch.``."""
    itemsize: int
    """Bytes of a value."""
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    """In values, as PyTorch counts."""
    offset: int
    """Of the first value in the storage, in values."""


class Archive:
    """An open archive."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        if any(record.compress_type != zipfile.ZIP_STORED for record in file.infolist()):
            raise ValueError("compressed, which an exported graph is not: little could become much")
        self._file = file
        self._root = file.namelist()[0].partition("/")[0]
        self.program: Mapping[str, Any] = self._json(f"models/{MODEL}.json")
        """The graph, as ``torch.export`` writes it."""
        self.tensors = {**self._tensors("weights"), **self._tensors("constants")}
        """Parameters, buffers and constants, by name."""

    def input_specs(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """What the graph takes: kind, as in ``parameter`` or ``user_input``, and its description."""
        for spec in self.program["graph_module"]["signature"]["input_specs"]:
            yield from spec.items()

    def read(self, record: str) -> bytes:
        """A record, held against its checksum."""
        return self._file.read(f"{self._root}/{record}")

    def values(self, tensor: StoredTensor) -> bytes | memoryview:
        """The values of a tensor, row by row, whatever its strides are."""
        if not prod(tensor.shape):
            return b""
        storage = np.frombuffer(self.read(tensor.record), np.dtype(f"V{tensor.itemsize}"))
        last = tensor.offset + sum((n - 1) * stride for n, stride in zip(tensor.shape, tensor.strides, strict=True))
        if min(tensor.offset, *tensor.strides, 0) < 0 or last >= len(storage):
            raise ValueError(f"{tensor.record} is too short")
        strides = [stride * tensor.itemsize for stride in tensor.strides]
        return np.ascontiguousarray(as_strided(storage[tensor.offset :], tensor.shape, strides)).data

    def _tensors(self, folder: str) -> dict[str, StoredTensor]:
        config = self._json(f"data/{folder}/{MODEL}_{folder}_config.json")["config"]
        return {name: _stored(f"data/{folder}/{entry['path_name']}", entry) for name, entry in config.items()}

    def _json(self, record: str) -> Any:
        return json.loads(self.read(record))


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open an archive; what goes wrong within is the archive's damage.

    Raises:
        DamagedModelError: it is truncated, altered, or no archive of an exported graph; or it holds pickled objects.
    """
    try:
        with zipfile.ZipFile(path) as file:
            yield Archive(file)
    except (*_OF_ZIP, *_OF_CONTENT) as error:
        raise DamagedModelError(f"{path}: damaged, or no exported graph ({type(error).__name__}: {error})") from error


def archived_weights_version(path: Path) -> str:
    """:func:`har_core.inference.classifier.weights_version` of the model in an archive; nothing is loaded.

    Raises:
        DamagedModelError: as of :func:`open_archive`.
    """
    with open_archive(path) as archive:
        return digest_of(_weights(archive))


def _weights(archive: Archive) -> Iterator[Weight]:
    """Parameters and buffers, also those that no state of a module saves; constants in its code do not count."""
    for kind, spec in archive.input_specs():
        if kind in {"parameter", "buffer"}:
            name = spec[f"{kind}_name"]
            tensor = archive.tensors[name]
            yield name, f"torch.{tensor.dtype}", tensor.shape, archive.values(tensor)


def _stored(record: str, entry: Mapping[str, Any]) -> StoredTensor:
    if entry["use_pickle"] is not False:
        raise ValueError(f"{record} is pickled: it could run anything, and is not read")
    meta = entry["tensor_meta"]
    dtype, itemsize = DTYPES[meta["dtype"]]
    shape = tuple(size["as_int"] for size in meta["sizes"])
    if prod(shape) * itemsize > _LARGEST_TENSOR:
        raise ValueError(f"{record} is to be repeated until it has {prod(shape):,} values")
    return StoredTensor(
        record=record,
        is_parameter=entry["is_param"],
        dtype=dtype,
        itemsize=itemsize,
        shape=shape,
        strides=tuple(stride["as_int"] for stride in meta["strides"]),
        offset=meta["storage_offset"]["as_int"],
    )
