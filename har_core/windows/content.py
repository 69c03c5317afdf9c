"""Names what a table of windows holds, however it is stored."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from har_core.windows.schema import FLAG_COLUMNS, KEY_COLUMNS, flat_values, length_of

_NAMED = (*KEY_COLUMNS, *FLAG_COLUMNS)


class ContentHash:
    """SHA-256 over keys, flags, channel values, window length and origin, in the order of the rows.

    Row groups, compression, other metadata and the size of batches do not count. The origin does: values that turn out
    to be made and not measured, or the reverse, are other values. Each column has a hash of its own, so that a batch
    is hashed as Arrow holds it.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._length = length_of(schema)
        self._origin = (schema.metadata or {}).get(b"har.origin", b"unknown").decode()
        self._columns = {field.name: hashlib.sha256() for field in schema}

    def update(self, rows: pa.Table) -> None:
        """Add rows."""
        for name, digest in self._columns.items():
            for chunk in rows[name].chunks:
                digest.update((_as_int64(chunk) if name in _NAMED else flat_values(chunk)).data)

    def hexdigest(self) -> str:
        """The version of all rows so far."""
        columns = [[name, digest.hexdigest()] for name, digest in self._columns.items()]
        return hashlib.sha256(json.dumps([self._length, self._origin, columns]).encode()).hexdigest()


def _as_int64(chunk: pa.Array) -> npt.NDArray[np.int64]:
    """Keys and flags: their width in the file is no part of what they say."""
    values: npt.NDArray[np.int64] = chunk.to_numpy(zero_copy_only=False).astype("<i8")
    return values
