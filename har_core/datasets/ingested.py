"""The recordings as ingestion leaves them: an Arrow file, written once, read many times, one batch a recording.

It is no Parquet file because Parquet's table of contents has an entry for each channel of each recording, and stays in
memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.ipc

from har_core.base.errors import InputError, Problem
from har_core.datasets.dsads.layout import CHANNELS, SEGMENT_LENGTH, RecordingKey
from har_core.datasets.dsads.recordings import Recording, Recordings
from har_core.datasets.origin import Origin

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


@contextmanager
def recordings_writer(path: Path, *, origin: Origin) -> Iterator[Callable[[Recording], None]]:
    """Give a function that appends a recording to the file at ``path``, which is complete if all goes well."""
    schema = RECORDINGS_SCHEMA.with_metadata({_ORIGIN: origin})
    with pa.OSFile(str(path), "wb") as file:
        writer = pa.ipc.new_file(file, schema)

        def write(recording: Recording) -> None:
            num_rows = recording.samples.shape[1]
            columns = [
                np.full(num_rows, recording.subject, dtype=np.int16),
                np.full(num_rows, recording.activity, dtype=np.int8),
                np.repeat(np.array(recording.segments, dtype=np.int16), SEGMENT_LENGTH),
                *recording.samples,
            ]
            writer.write_batch(pa.record_batch([pa.array(column) for column in columns], schema=schema))

        yield write
        writer.close()


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
    segments: dict[RecordingKey, tuple[int, ...]] = {}
    for place in range(names.num_record_batches):
        rows = names.get_batch(place)
        key = RecordingKey(rows["subject"][0].as_py(), rows["activity"][0].as_py())
        segments[key] = tuple(rows["segment"].to_numpy()[::SEGMENT_LENGTH].tolist())
    places = {key: place for place, key in enumerate(segments)}

    def load(key: RecordingKey) -> Recording:
        rows = file.get_batch(places[key])
        samples = np.stack([rows[channel].to_numpy() for channel in CHANNELS])
        return Recording(subject=key.subject, activity=key.activity, segments=segments[key], samples=samples)

    return Recordings(segments, load, origin="synthetic" if origin == b"synthetic" else "real")


def _open(path: Path, columns: Sequence[str] = ()) -> pa.ipc.RecordBatchFileReader:
    """A reader of some columns, or of all."""
    fields = [RECORDINGS_SCHEMA.get_field_index(name) for name in columns]
    return pa.ipc.open_file(pa.OSFile(str(path)), options=pa.ipc.IpcReadOptions(included_fields=fields))
