"""Activities of recordings by a model that answers on raw windows: what ``har predict`` shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from har_core.audit.ranges import discontinuous_joins
from har_core.base.errors import InputError
from har_core.datasets.recordings import Recording
from har_core.inference.likeness import TrainingWindows, compare
from har_core.spec.dataset import DatasetSpec
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
        pa.field("path", pa.string(), metadata={"description": "file, or part of a recording, that the window is of"}),
        pa.field("start_s", pa.float64(), metadata={"description": "start of the window within it, in s"}),
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
    spec: DatasetSpec,
    length: int,
    findings: pa.Table | None = None,
    names: Mapping[tuple[int, int, int], str] | None = None,
) -> pa.Table:
    """Name the activity of every window of ``recordings``, in :data:`PREDICTION_SCHEMA`.

    Only the answers are kept, so memory does not grow with the samples.

    Args:
        recordings: with the channels of ``spec``.
        model: raw windows (N, T, C) float32 to probabilities (N, K). The last two columns are null unless it is a
            :class:`ComparingClassifier`.
        spec: of the windows that the model takes; names its activities.
        length: samples in a window.
        findings: of :func:`har_core.audit.defects.find_defects` on these recordings, if windows are to go on into the
            next segment where the audit found the join continuous; otherwise windows stay within a segment.
        names: what to call each (subject, session, segment), if not by these numbers.

    Raises:
        InputError: reading a recording raises it, windows that stay within segments fit into none of them, or the
            model does not return (N, K) finite probabilities.
    """
    tables = [PREDICTION_SCHEMA.empty_table()]
    for recording in recordings:
        key, outline = recording.key, recording.outline
        breaks = None if findings is None else discontinuous_joins(findings, key, outline)
        paths = [f"{key}, segment {segment}" if names is None else names[*key, segment] for segment in outline.segments]
        how: dict[str, Any] = {"spec": spec, "length": length, "breaks": breaks, "times": recording.times}
        tables.append(classify_segments(recording.samples, paths, outline.starts, model, **how))
    return pa.concat_tables(tables)


def classify_segments(
    samples: npt.NDArray[np.float32],
    paths: Sequence[str],
    starts: npt.NDArray[np.int64],
    model: Classifier,
    *,
    spec: DatasetSpec,
    length: int,
    breaks: npt.NDArray[np.bool_] | None = None,
    times: npt.NDArray[np.float64] | None = None,
) -> pa.Table:
    """:func:`classify` for segments whose subject and session may be unknown.

    Args:
        samples: (C, R), the rows of S segments one after another.
        paths: S names of the segments, for the column ``path``.
        starts: (S + 1,) the first row of each segment, and R.
        model: raw windows (N, T, C) float32 to probabilities (N, K).
        spec: of the windows that the model takes; names its activities.
        length: samples in a window.
        breaks: (S - 1,) joins that no window crosses; no window crosses any if absent.
        times: (R,) what the column ``start_s`` says of a window that begins in a row; in s from the beginning of its
            segment if absent.

    Raises:
        InputError: the windows fit into no segment, or the model does not return (N, K) finite probabilities.
    """
    longest = int(np.diff(starts).max())
    if breaks is None and length > longest:
        raise InputError(
            f"{paths[0]}: a segment has {longest} samples and the model takes windows of {length}; give it a folder or "
            "zip whose names say which segment follows which"
        )
    stretches = stretches_between(starts, np.ones(len(paths) - 1, dtype=np.bool_) if breaks is None else breaks)
    batches = []
    for begins, windows in cut(samples, stretches, length, length, at_most=_MOST_WINDOWS):
        segments = np.searchsorted(starts, begins, side="right") - 1
        places = [
            pa.array([paths[segment] for segment in segments.tolist()], pa.string()),
            pa.array((begins - starts[segments]) / spec.sampling_rate_hz if times is None else times[begins]),
        ]
        # Always a copy: a view of what nobody may write is nothing that PyTorch takes without a warning.
        answers = _answer(np.array(windows.transpose(1, 2, 0), order="C"), model, spec)
        batches.append(pa.record_batch([*places, *answers], schema=PREDICTION_SCHEMA))
    return pa.Table.from_batches(batches, schema=PREDICTION_SCHEMA)


def _answer(windows: npt.NDArray[np.float32], model: Classifier, spec: DatasetSpec) -> list[pa.Array]:
    """What the model says of windows (N, T, C): the columns of :data:`PREDICTION_SCHEMA` from ``activity`` on."""
    probabilities = np.asarray(model(windows))
    if probabilities.shape != (len(windows), spec.num_activities):
        raise InputError(
            f"the model returned shape {probabilities.shape} for {len(windows)} windows, "
            f"expected ({len(windows)}, {spec.num_activities}): one probability an activity"
        )
    if not np.isfinite(probabilities).all():
        raise InputError("the model returned probabilities that are not finite numbers")
    unlike = compare(windows, model.training) if isinstance(model, ComparingClassifier) else None
    return [
        pa.array([spec.activities[k] for k in probabilities.argmax(axis=1)], pa.string()),
        pa.array(probabilities.max(axis=1).astype(np.float32)),
        pa.nulls(len(windows), pa.int16()) if unlike is None else pa.array(unlike.num_channels),
        pa.nulls(len(windows), pa.string()) if unlike is None else pa.array(unlike.because, pa.string()),
    ]
