"""Windows of which only the names and the labels count."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from har_core.windows.tensors import WindowTensors


def named_windows(
    labels: npt.NDArray[np.integer], subjects: npt.ArrayLike, *, segments: npt.ArrayLike = 1
) -> WindowTensors:
    """One for each of ``labels`` (class ids), of samples that are zero, neither damaged nor a copy."""
    num_windows = len(labels)
    columns = {"subject": subjects, "activity": labels + 1, "segment": segments, "start": 0}
    return WindowTensors(
        keys=pa.table(
            {name: np.broadcast_to(np.asarray(of, dtype=np.int16), num_windows) for name, of in columns.items()}
        ),
        windows=torch.zeros(num_windows, 1, 45),
        labels=torch.from_numpy(np.asarray(labels, dtype=np.int64)),
        damaged=torch.zeros(num_windows, dtype=torch.bool),
        duplicate_groups=torch.full((num_windows,), -1, dtype=torch.int32),
    )
