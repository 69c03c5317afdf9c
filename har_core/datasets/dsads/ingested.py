"""The recordings as ingestion leaves them, as an Arrow file: written once, read many times, one batch a recording.

Not as Parquet, whose table of contents has an entry for each channel of each recording, and stays in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.ipc

from har_core.base.errors import InputError, Problem
from har_core.datasets.dsads.layout import CHANNELS, SEGMENT_LENGTH, RecordingKey
from har_core.datasets.dsads.recordings import Recording, Recordings, recording_of

RECORDINGS_SCHEMA = pa.schema(
    [
        pa.field("subject", pa.int16(), nullable=False),
        pa.field("activity", pa.int8(), nullable=False),
        pa.field("segment", pa.int16(), nullable=False),
        *(pa.field(channel, pa.float32(), nullable=False) for channel in CHANNELS),
    ]
)
"""One row a sample, in order of subject, activity, segment and time."""

_ORIGIN = "har.origin"
_NAMES = ("subject", "activity", "segment")


class RecordingsWriter:
    """Writes recordings one after another; a context manager that completes the file."""

    def __init__(self, path: Path, *, origin: str) -> None:
        self._schema = RECORDINGS_SCHEMA.with_metadata({_ORIGIN: origin})
        self._file = pa.OSFile(str(path), "wb")
        self._writer = pa.ipc.new_file(self._file, self._schema)

    def write(self, key: RecordingKey, segments: Sequence[int], channels: pa.Table) -> None:
        """Append a recording: its channels, 125 rows for each of ``segments``."""
        num_rows = len(segments) * SEGMENT_LENGTH
        columns = [
            pa.array(np.full(num_rows, key.subject, dtype=np.int16)),
            pa.array(np.full(num_rows, key.activity, dtype=np.int8)),
            pa.array(np.repeat(np.array(segments, dtype=np.int16), SEGMENT_LENGTH)),
            *(column.combine_chunks() for column in channels.columns),
        ]
        self._writer.write_batch(pa.record_batch(columns, schema=self._schema))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if kind is None:
                self._writer.close()


def read_ingested(path: Path) -> Recordings:
    """The recordings that ingestion wrote to ``path``, each read as it is asked for.

    Raises:
        InputError: the file is missing, damaged, or not written by ingestion.
    """
    try:
        file, names = _open(path), _open(path, _NAMES)
    except (OSError, pa.ArrowException) as error:
        problem = Problem(path=str(path), value=str(error), expected="recordings as ingestion wrote them")
        raise InputError(f"{path}: cannot be read", [problem]) from error
    origin = (file.schema.metadata or {}).get(_ORIGIN.encode())
    if origin is None or not file.schema.equals(RECORDINGS_SCHEMA):
        problem = Problem(path=str(path), expected="the columns and metadata that ingestion writes")
        raise InputError(f"{path}: not written by ingestion", [problem])
    segments = dict(_name(names.get_batch(place)) for place in range(names.num_record_batches))
    places = {key: place for place, key in enumerate(segments)}

    def load(key: RecordingKey) -> Recording:
        return recording_of(pa.Table.from_batches([file.get_batch(places[key])]), key, segments[key])

    made_or_measured: Literal["real", "synthetic"] = "synthetic" if origin == b"synthetic" else "real"
    return Recordings(list(segments), load, origin=made_or_measured, segments=segments)


def _open(path: Path, columns: Sequence[str] = ()) -> pa.ipc.RecordBatchFileReader:
    """A reader of some columns, or of all."""
    fields = [RECORDINGS_SCHEMA.get_field_index(name) for name in columns]
    return pa.ipc.open_file(pa.OSFile(str(path)), options=pa.ipc.IpcReadOptions(included_fields=fields))


def _name(rows: pa.RecordBatch) -> tuple[RecordingKey, tuple[int, ...]]:
    """Key and segment numbers of a recording."""
    subject, activity = (rows[name][0].as_py() for name in ("subject", "activity"))
    return RecordingKey(subject, activity), tuple(rows["segment"].to_numpy()[::SEGMENT_LENGTH].tolist())
