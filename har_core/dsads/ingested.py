"""The recordings as Parquet, as ingestion leaves them: written once, read many times, one row group a recording."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from har_core.dsads.layout import CHANNELS, SEGMENT_LENGTH, RecordingKey
from har_core.dsads.recordings import Recording, Recordings, recording_of
from har_core.errors import InputError, Problem

RECORDINGS_SCHEMA = pa.schema(
    [
        pa.field("subject", pa.int16(), nullable=False),
        pa.field("activity", pa.int8(), nullable=False),
        pa.field("segment", pa.int16(), nullable=False),
        *(pa.field(channel, pa.float32(), nullable=False) for channel in CHANNELS),
    ]
)
"""One row a sample, in order of subject, activity, segment and time."""

_KEYS = "har.recordings"
_ORIGIN = "har.origin"


class RecordingsWriter:
    """Writes recordings one after another; a context manager that completes the file."""

    def __init__(self, path: Path, *, origin: str) -> None:
        # Measured on the real set: values of five digits barely compress (4 to 17 %), for a third more time.
        self._writer = pq.ParquetWriter(
            path, RECORDINGS_SCHEMA, compression="none", use_dictionary=False, write_statistics=False
        )
        self._origin = origin
        self._keys: list[RecordingKey] = []

    def write(self, key: RecordingKey, segments: Sequence[int], channels: pa.Table) -> None:
        """Append a recording: its channels, 125 rows for each of ``segments``."""
        num_rows = len(segments) * SEGMENT_LENGTH
        columns = [
            pa.array(np.full(num_rows, key.subject, dtype=np.int16)),
            pa.array(np.full(num_rows, key.activity, dtype=np.int8)),
            pa.array(np.repeat(np.array(segments, dtype=np.int16), SEGMENT_LENGTH)),
            *channels.columns,
        ]
        table = pa.table(columns, schema=RECORDINGS_SCHEMA)
        self._writer.write_table(table, row_group_size=num_rows)
        self._keys.append(key)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._writer.add_key_value_metadata({_KEYS: json.dumps(self._keys), _ORIGIN: self._origin})
        self._writer.close()


def read_ingested(path: Path) -> Recordings:
    """The recordings that ingestion wrote to ``path``, each read as it is asked for.

    Raises:
        InputError: the file is missing, damaged, or not written by ingestion.
    """
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowInvalid) as error:
        problem = Problem(path=str(path), value=str(error), expected="recordings as ingestion wrote them")
        raise InputError(f"{path}: cannot be read", [problem]) from error
    metadata = file.metadata.metadata or {}
    if _KEYS.encode() not in metadata or not file.schema_arrow.equals(RECORDINGS_SCHEMA):
        problem = Problem(path=str(path), expected="the columns and metadata that ingestion writes")
        raise InputError(f"{path}: not written by ingestion", [problem])
    keys = [RecordingKey(*key) for key in json.loads(metadata[_KEYS.encode()])]
    row_groups = {key: index for index, key in enumerate(keys)}

    def load(key: RecordingKey) -> Recording:
        table = file.read_row_group(row_groups[key], use_threads=False)
        segments = table["segment"].to_numpy()[::SEGMENT_LENGTH]
        return recording_of(table, key, [int(segment) for segment in segments])

    origin: Literal["real", "synthetic"] = "synthetic" if metadata[_ORIGIN.encode()] == b"synthetic" else "real"
    return Recordings(keys, load, origin=origin, segments=dict(zip(keys, _segments(file), strict=True)))


def _segments(file: pq.ParquetFile) -> list[tuple[int, ...]]:
    """The segment numbers of each row group; one narrow column is read."""
    groups = (file.read_row_group(index, columns=["segment"]) for index in range(file.num_row_groups))
    return [tuple(rows["segment"].to_numpy()[::SEGMENT_LENGTH].tolist()) for rows in groups]
