"""Activities of recordings by a model that answers on raw windows: what ``har predict`` shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from har_core.audit.ranges import discontinuous_joins
from har_core.base.errors import InputError
from har_core.datasets.dsads.layout import ACTIVITIES, NUM_ACTIVITIES, SAMPLING_RATE_HZ, SEGMENT_LENGTH, SegmentKey
from har_core.datasets.dsads.recordings import Recording
from har_core.inference.likeness import TrainingWindows, compare
from har_core.windows.stretches import cut, stretches_between

Classifier = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]
"""Raw windows (N, T, C) to probabilities (N, K)."""


@dataclass(frozen=True, slots=True)
class ComparingClassifier:
    """A classifier that is also to say which windows are unlike those that it was trained on."""

    answer: Classifier
    training: TrainingWindows

    def __call__(self, windows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The probabilities."""
        return self.answer(windows)


PREDICTION_SCHEMA = pa.schema(
    [
        pa.field("path", pa.string(), metadata={"description": "segment file, as a01/p1/s01.txt"}),
        pa.field("start_s", pa.float64(), metadata={"description": "start of the window within its segment, in s"}),
        pa.field("activity", pa.string(), metadata={"description": "the most probable activity"}),
        pa.field("probability", pa.float32()),
        pa.field(
            "unlike_training",
            pa.int16(),
            metadata={"description": "channels that are unlike the windows that the model was trained on"},
        ),
        pa.field("unlike_because", pa.string(), metadata={"description": "in which way, and which channels"}),
    ]
)

_MOST_WINDOWS = 256
"""In one call of the model."""


def classify(
    recordings: Iterable[Recording],
    model: Classifier,
    *,
    length: int,
    findings: pa.Table | None = None,
    names: Mapping[SegmentKey, str] | None = None,
) -> pa.Table:
    """Name the activity of every window of ``recordings``, in :data:`PREDICTION_SCHEMA`.

    Only the answers are kept, so memory does not grow with the samples.

    Args:
        recordings: for example of :func:`har_core.dsads.read_recordings`.
        model: raw windows (N, T, C) float32 to probabilities (N, 19). The last two columns are null unless it is a
            :class:`ComparingClassifier`.
        length: samples in a window.
        findings: of :func:`har_core.audit.defects.find_defects` on these recordings, if windows are to go on into the
            next segment where the audit found the join continuous; otherwise windows stay within a segment.
        names: what to call each segment, if not ``a01/p1/s01.txt``.

    Raises:
        InputError: reading a recording raises it, a segment is shorter than a window that stays within it, or the model
            does not return (N, 19) finite probabilities.
    """
    tables = [PREDICTION_SCHEMA.empty_table()]
    for recording in recordings:
        key, segments = recording.key, recording.segments
        breaks = None if findings is None else discontinuous_joins(findings, key, segments)
        keys = [SegmentKey(*key, segment) for segment in segments]
        paths = [segment.path if names is None else names[segment] for segment in keys]
        tables.append(classify_segments(recording.samples, paths, model, length=length, breaks=breaks))
    return pa.concat_tables(tables)


def classify_segments(
    samples: npt.NDArray[np.float32],
    paths: Sequence[str],
    model: Classifier,
    *,
    length: int,
    breaks: npt.NDArray[np.bool_] | None = None,
) -> pa.Table:
    """:func:`classify` for segments whose subject and activity may be unknown.

    Args:
        samples: (C, R), the rows of S segments one after another.
        paths: S names of the segments, for the column ``path``.
        model: raw windows (N, T, C) float32 to probabilities (N, 19).
        length: samples in a window.
        breaks: (S - 1,) joins that no window crosses; no window crosses any if absent.

    Raises:
        InputError: the windows do not fit into a segment, or the model does not return (N, 19) finite probabilities.
    """
    if breaks is None and length > SEGMENT_LENGTH:
        raise InputError(
            f"{paths[0]}: a segment has {SEGMENT_LENGTH} samples and the model takes windows of {length}; give it a "
            "folder or zip of files aNN/pN/sNN.txt, whose names say which segment follows which"
        )
    stretches = stretches_between(np.ones(len(paths) - 1, dtype=np.bool_) if breaks is None else breaks)
    batches = [
        _answer(begins, np.ascontiguousarray(windows.transpose(1, 2, 0)), paths, model)
        for begins, windows in cut(samples, stretches, length, length, at_most=_MOST_WINDOWS)
    ]
    return pa.Table.from_batches(batches, schema=PREDICTION_SCHEMA)


def _answer(
    begins: npt.NDArray[np.int64], windows: npt.NDArray[np.float32], paths: Sequence[str], model: Classifier
) -> pa.RecordBatch:
    """What the model says of windows (N, T, C) that begin at these rows (N,)."""
    probabilities = np.asarray(model(windows))
    if probabilities.shape != (len(windows), NUM_ACTIVITIES):
        raise InputError(
            f"the model returned shape {probabilities.shape} for {len(windows)} windows, "
            f"expected ({len(windows)}, {NUM_ACTIVITIES}): one probability an activity"
        )
    if not np.isfinite(probabilities).all():
        raise InputError("the model returned probabilities that are not finite numbers")
    unlike = compare(windows, model.training) if isinstance(model, ComparingClassifier) else None
    columns = [
        pa.array([paths[begin // SEGMENT_LENGTH] for begin in begins.tolist()], pa.string()),
        pa.array(begins % SEGMENT_LENGTH / SAMPLING_RATE_HZ),
        pa.array([ACTIVITIES[k] for k in probabilities.argmax(axis=1)], pa.string()),
        pa.array(probabilities.max(axis=1).astype(np.float32)),
        pa.nulls(len(windows), pa.int16()) if unlike is None else pa.array(unlike.num_channels),
        pa.nulls(len(windows), pa.string()) if unlike is None else pa.array(unlike.because, pa.string()),
    ]
    return pa.record_batch(columns, schema=PREDICTION_SCHEMA)
