"""Cuts recordings into windows, one recording at a time; where windows are kept is not its business."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
from numpy.lib.stride_tricks import sliding_window_view

from har_core.dsads.layout import NUM_CHANNELS, SAMPLING_RATE_HZ, SEGMENT_LENGTH
from har_core.dsads.recordings import Recording, Recordings
from har_core.errors import InputError, Problem
from har_core.windows.schema import NO_GROUP, batch_of, length_of, window_schema

_VALUES_PER_BATCH = 2**22  # 16 MiB of float32: a recording of many segments is handed over in pieces


def segment(recordings: Iterable[Recording], *, length: int, overlap: float) -> pa.RecordBatchReader:
    """Cut recordings into windows, which never cross the border of a segment.

    Memory does not grow with the number of recordings: each is read when its windows are asked for.

    Args:
        recordings: read as the windows are asked for.
        length: samples in a window, 1 to 125.
        overlap: share of a window that the next one repeats, 0 to below 1; see :func:`stride_of`.

    Returns:
        Rows in :func:`~har_core.windows.schema.window_schema`, in the order of recordings, segments and starts. What
        is left of a segment after its last whole window is dropped. The schema's metadata says length, overlap, rate
        and origin.

    Raises:
        InputError: impossible ``length`` or ``overlap``. Reading a batch raises it for recordings of another shape.
    """
    _check(length, overlap)
    origin = recordings.origin if isinstance(recordings, Recordings) else "unknown"
    metadata = {
        "har.sampling_rate_hz": str(SAMPLING_RATE_HZ),
        "har.window_length": str(length),
        "har.overlap": str(float(overlap)),
        "har.origin": origin,
    }
    schema = window_schema(length).with_metadata(metadata)
    return pa.RecordBatchReader.from_batches(schema, _batches(recordings, stride_of(length, overlap), schema))


def stride_of(length: int, overlap: float) -> int:
    """Samples from the start of one window to the next: what the overlap leaves, in whole samples, at least 1.

    >>> stride_of(125, 0.0), stride_of(50, 0.5), stride_of(50, 0.999)
    (125, 25, 1)
    """
    return max(1, length - round(length * overlap))


def _check(length: int, overlap: float) -> None:
    problems = []
    if not 1 <= length <= SEGMENT_LENGTH:
        expected = f"1 to {SEGMENT_LENGTH} samples: a window never crosses the border of a segment"
        problems.append(Problem(path="window length", value=str(length), expected=expected))
    if not 0 <= overlap < 1:
        problems.append(Problem(path="overlap", value=str(overlap), expected="a share of the window, 0 to below 1"))
    if problems:
        raise InputError("Recordings cannot be cut so", problems)


def _batches(recordings: Iterable[Recording], stride: int, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    length = length_of(schema)
    starts = np.arange(0, SEGMENT_LENGTH - length + 1, stride)
    step = max(1, _VALUES_PER_BATCH // (len(starts) * length * NUM_CHANNELS))
    for recording in recordings:
        _check_shape(recording)
        for first in range(0, len(recording.segments), step):
            samples = recording.samples[first : first + step].transpose(2, 0, 1)  # (C, S, 125)
            segments = np.array(recording.segments[first : first + step])
            windows = sliding_window_view(samples, length, axis=2)[:, :, ::stride]  # (C, S, windows, length)
            num_windows = len(segments) * len(starts)
            keys = {
                "subject": np.full(num_windows, recording.subject),
                "activity": np.full(num_windows, recording.activity),
                "segment": np.repeat(segments, len(starts)),
                "start": np.tile(starts, len(segments)),
                "damaged": np.zeros(num_windows, dtype=np.bool_),
                "duplicate_group": np.full(num_windows, NO_GROUP),
            }
            yield batch_of(keys, windows.reshape(NUM_CHANNELS, -1), schema)


def _check_shape(recording: Recording) -> None:
    expected = (len(recording.segments), SEGMENT_LENGTH, NUM_CHANNELS)
    if recording.samples.shape != expected or recording.samples.dtype != np.float32:
        found = f"{recording.samples.dtype} {recording.samples.shape}"
        place = f"subject {recording.subject}, activity {recording.activity}"
        problem = Problem(path=place, value=found, expected=f"float32 {expected}: segments, samples, channels")
        raise InputError("A recording has another shape", [problem])
