"""Activities of recordings by a model that answers on raw windows: what ``har predict`` shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from har_core.base.errors import InputError
from har_core.datasets.dsads.layout import ACTIVITIES, NUM_ACTIVITIES, NUM_CHANNELS, SAMPLING_RATE_HZ, SegmentKey
from har_core.datasets.dsads.recordings import Recording
from har_core.windows.schema import channels_of
from har_core.windows.segmentation import segment

Classifier = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]
"""Raw windows (N, T, C) to probabilities (N, K)."""

PREDICTION_SCHEMA = pa.schema(
    [
        pa.field("path", pa.string(), metadata={"description": "segment file, as a01/p1/s01.txt"}),
        pa.field("start_s", pa.float64(), metadata={"description": "start of the window within its segment, in s"}),
        pa.field("activity", pa.string(), metadata={"description": "the most probable activity"}),
        pa.field("probability", pa.float32()),
    ]
)


def classify(
    recordings: Iterable[Recording], model: Classifier, *, length: int, overlap: float = 0.0, batch_size: int = 256
) -> pa.Table:
    """Name the activity of every window of ``recordings``, in :data:`PREDICTION_SCHEMA`.

    Windows are cut and answered batch by batch; only the answers are kept, so memory does not grow with the samples.

    Args:
        recordings: for example of :func:`har_core.datasets.dsads.read_recordings`.
        model: raw windows (N, T, C) float32 to probabilities (N, 19).
        length: samples in a window.
        overlap: share of a window that the next one repeats.
        batch_size: most windows in one call of ``model``.

    Raises:
        InputError: the recordings or the settings are wrong, or the model does not return (N, 19) finite probabilities.
    """
    reader = segment(recordings, length=length, overlap=overlap)
    batches = [_classify_batch(batch, model, length=length) for batch in _rebatch(reader, batch_size)]
    return pa.Table.from_batches(batches, schema=PREDICTION_SCHEMA)


def _rebatch(reader: Iterable[pa.RecordBatch], batch_size: int) -> Iterator[pa.RecordBatch]:
    for batch in reader:
        for start in range(0, batch.num_rows, batch_size):
            yield batch.slice(start, batch_size)


def _classify_batch(batch: pa.RecordBatch, model: Classifier, *, length: int) -> pa.RecordBatch:
    windows = np.ascontiguousarray(channels_of(batch).reshape(NUM_CHANNELS, -1, length).transpose(1, 2, 0))
    probabilities = np.asarray(model(windows))
    if probabilities.shape != (batch.num_rows, NUM_ACTIVITIES):
        raise InputError(
            f"the model returned shape {probabilities.shape} for {batch.num_rows} windows, "
            f"expected ({batch.num_rows}, {NUM_ACTIVITIES}): one probability an activity"
        )
    if not np.isfinite(probabilities).all():
        raise InputError("the model returned probabilities that are not finite numbers")
    best = probabilities.argmax(axis=1)
    keys = zip(*(batch[name].to_pylist() for name in ("subject", "activity", "segment")), strict=True)
    columns = [
        pa.array([SegmentKey(*key).path for key in keys], pa.string()),
        pa.array(batch["start"].to_numpy() / SAMPLING_RATE_HZ),
        pa.array([ACTIVITIES[k] for k in best], pa.string()),
        pa.array(probabilities.max(axis=1).astype(np.float32)),
    ]
    return pa.record_batch(columns, schema=PREDICTION_SCHEMA)
