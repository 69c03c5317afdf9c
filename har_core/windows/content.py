"""Names what a table of windows holds, however it is stored."""

from __future__ import annotations

import hashlib
import json

import pyarrow as pa

from har_core.windows.schema import FLAG_COLUMNS, KEY_COLUMNS, flat_values, length_of


class ContentHash:
    """SHA-256 over keys, flags, channel values, window length and origin, in the order of the rows.

    Row groups, compression, other metadata and the size of batches do not count. The origin does: made values are not
    the same as measured ones. Each column has a hash of its own, so that a batch is hashed as Arrow holds it.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._length = length_of(schema)
        self._origin = (schema.metadata or {}).get(b"har.origin", b"unknown").decode()
        self._columns = {field.name: hashlib.sha256() for field in schema}

    def update(self, rows: pa.Table) -> None:
        """Add rows."""
        for name, digest in self._columns.items():
            for chunk in rows[name].chunks:
                # The width of keys and flags in the file is no part of what they say.
                named = name in KEY_COLUMNS or name in FLAG_COLUMNS
                values = chunk.to_numpy(zero_copy_only=False).astype("<i8") if named else flat_values(chunk)
                digest.update(values.data)

    def hexdigest(self) -> str:
        """The version of all rows so far."""
        columns = [[name, digest.hexdigest()] for name, digest in self._columns.items()]
        return hashlib.sha256(json.dumps([self._length, self._origin, columns]).encode()).hexdigest()
