"""Windows of which only the names and the labels count."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from har_core.datasets.dsads.dataset import DSADS
from har_core.spec.dataset import DatasetSpec
from har_core.windows.schema import window_schema
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
