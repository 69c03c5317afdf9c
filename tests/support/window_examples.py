"""Windows of which only the names and the labels count, and small files of windows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from har_core.datasets.dsads.dataset import DSADS
from har_core.spec.dataset import DatasetSpec
from har_core.windows.dataset import WindowsWriter
from har_core.windows.schema import batch_of, window_schema
from har_core.windows.tensors import WindowTensors


def named_windows(
    labels: npt.NDArray[np.integer],
    subjects: npt.ArrayLike,
    *,
    segments: npt.ArrayLike = 1,
    spec: DatasetSpec = DSADS,
) -> WindowTensors:
    """One for each of ``labels`` (class ids), of samples that are zero, neither damaged nor a copy.

    Sessions have the numbers of the activities, as in DSADS.
    """
    num_windows = len(labels)
    columns = {"subject": subjects, "session": labels + 1, "segment": segments, "start": 0}
    kinds = {field.name: field.type for field in window_schema(spec, 1)}
    return WindowTensors(
        spec=spec,
        keys=pa.table({name: pa.array(np.broadcast_to(of, num_windows), kinds[name]) for name, of in columns.items()}),
        windows=torch.zeros(num_windows, 1, spec.num_channels),
        labels=torch.from_numpy(np.asarray(labels, dtype=np.int64)),
        damaged=torch.zeros(num_windows, dtype=torch.bool),
        duplicate_groups=torch.full((num_windows,), -1, dtype=torch.int32),
    )


def write_example(
    path: Path,
    spec: DatasetSpec,
    samples_NTC: npt.NDArray[np.float32],
    labels: npt.NDArray[np.integer],
    *,
    damaged: npt.ArrayLike = False,
) -> str:
    """A table of windows in sensor units, of one subject; returns its content version."""
    num_windows, length, num_channels = samples_NTC.shape
    columns = {
        "subject": 1,
        "session": 1,
        "segment": np.arange(1, num_windows + 1),
        "start": 0,
        "activity": labels + 1,
        "damaged": damaged,
        "duplicate_group": -1,
    }
    schema = window_schema(spec, length).with_metadata(spec.to_metadata())
    named = {name: np.broadcast_to(np.asarray(value), num_windows) for name, value in columns.items()}
    channels = np.ascontiguousarray(samples_NTC.transpose(2, 0, 1).reshape(num_channels, -1))
    with WindowsWriter(path, schema) as writer:
        writer.write(batch_of(named, channels, schema))
    return writer.content_version
