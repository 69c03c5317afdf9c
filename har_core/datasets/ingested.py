"""The recordings as ingestion leaves them: an Arrow file, written once, read many times, one batch a recording.

It is no Parquet file because Parquet's table of contents has an entry for each channel of each recording, and stays in
memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.ipc

from har_core.base.errors import InputError, Problem
from har_core.datasets.origin import Origin
from har_core.datasets.recordings import Outline, Recording, RecordingKey, Recordings, label_runs
from har_core.spec.dataset import DatasetSpec

_KEYS = {"subject": pa.int16(), "session": pa.int32(), "segment": pa.int32(), "activity": pa.int8()}
_TIME = "time"
_ORIGIN, _IN_PARTS = "har.origin", "har.in_parts"


def recordings_schema(spec: DatasetSpec, *, has_times: bool) -> pa.Schema:
    """One row a sample, in order of subject, session, segment and time; the description is in the metadata."""
    times = {_TIME: pa.float64()} if has_times else {}
    kinds = {**_KEYS, **times, **dict.fromkeys(spec.channel_names, pa.float32())}
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in kinds.items()], spec.to_metadata())


@contextmanager
def recordings_writer(path: Path, spec: DatasetSpec, *, origin: Origin) -> Iterator[Callable[[Recording], None]]:
    """Give a function that appends a recording to the file at ``path``, which is complete if all goes well.

    Either all recordings have times or none, and either all are in parts or none.
    """
    with pa.OSFile(str(path), "wb") as file:
        kind: tuple[bool, bool] | None = None
        schema: pa.Schema | None = None
        writer: pa.ipc.RecordBatchFileWriter | None = None

        def write(recording: Recording) -> None:
            nonlocal kind, schema, writer
            own = recording.times is not None, recording.outline.in_parts
            if writer is None:
                kind, schema = own, _schema_of(recording, spec, origin)
                writer = pa.ipc.new_file(file, schema)
            elif own != kind:
                raise AssertionError(
                    f"{recording.key} has times or is in parts, unlike those before it, or the reverse"
                )
            writer.write_batch(pa.RecordBatch.from_arrays(list(map(pa.array, _columns(recording))), schema=schema))

        yield write
        if writer is not None:
            writer.close()


def _schema_of(recording: Recording, spec: DatasetSpec, origin: Origin) -> pa.Schema:
    schema = recordings_schema(spec, has_times=recording.times is not None)
    in_parts = str(int(recording.outline.in_parts))
    return schema.with_metadata({**schema.metadata, _ORIGIN: origin, _IN_PARTS: in_parts})


def _columns(recording: Recording) -> Iterator[npt.NDArray[Any]]:
    outline = recording.outline
    yield np.full(outline.num_rows, recording.subject, dtype=np.int16)
    yield np.full(outline.num_rows, recording.session, dtype=np.int32)
    yield np.repeat(np.array(outline.segments, dtype=np.int32), outline.lengths)
    yield outline.row_labels()
    if recording.times is not None:
        yield recording.times
    yield from recording.samples


def read_ingested(path: Path) -> Recordings:
    """The recordings that ingestion wrote to ``path``, each read as it is asked for.

    Raises:
        InputError: the file is missing, damaged, or not written by ingestion.
    """
    try:
        file, keys = pa.ipc.open_file(pa.OSFile(str(path))), _open_keys(path)
    except (OSError, pa.ArrowException) as error:
        problem = Problem(path=str(path), value=str(error), expected="recordings as ingestion wrote them")
        raise InputError(f"{path}: cannot be read", [problem]) from error
    metadata = file.schema.metadata or {}
    spec = DatasetSpec.from_metadata(metadata, where=str(path))
    has_times = _TIME in file.schema.names
    origin, in_parts = metadata.get(_ORIGIN.encode()), metadata.get(_IN_PARTS.encode())
    if origin is None or in_parts is None or not file.schema.equals(recordings_schema(spec, has_times=has_times)):
        problem = Problem(path=str(path), expected="the columns and metadata that ingestion writes")
        raise InputError(f"{path}: not written by ingestion", [problem])
    outlines, places = dict[RecordingKey, Outline](), dict[RecordingKey, int]()
    for place in range(keys.num_record_batches):
        rows = keys.get_batch(place)
        key = RecordingKey(rows["subject"][0].as_py(), rows["session"][0].as_py())
        outlines[key], places[key] = _outline_of(rows, in_parts=in_parts == b"1"), place

    def load(key: RecordingKey) -> Recording:
        rows = file.get_batch(places[key])
        samples = np.stack([rows[channel].to_numpy() for channel in spec.channel_names])
        times = rows[_TIME].to_numpy() if has_times else None
        return Recording(subject=key.subject, session=key.session, outline=outlines[key], samples=samples, times=times)

    return Recordings(spec=spec, outlines=outlines, load=load, origin="synthetic" if origin == b"synthetic" else "real")


def _outline_of(rows: pa.RecordBatch, *, in_parts: bool) -> Outline:
    segments = rows["segment"].to_numpy()
    firsts = np.flatnonzero(np.diff(segments, prepend=segments[0] - 1))
    return Outline(
        segments=tuple(segments[firsts].tolist()),
        lengths=tuple(np.diff(firsts, append=len(segments)).tolist()),
        labels=label_runs(rows["activity"].to_numpy()),
        in_parts=in_parts,
    )


def _open_keys(path: Path) -> pa.ipc.RecordBatchFileReader:
    """A reader of the columns without samples."""
    file = pa.ipc.open_file(pa.OSFile(str(path)))
    fields = [file.schema.get_field_index(name) for name in _KEYS]
    return pa.ipc.open_file(pa.OSFile(str(path)), options=pa.ipc.IpcReadOptions(included_fields=fields))
