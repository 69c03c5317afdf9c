"""What the training windows of a model may have held, for tests that log one."""

from __future__ import annotations

import numpy as np

from har_core.datasets.dsads.dataset import DSADS
from har_core.inference.likeness import TrainingWindows, describe_training
from har_core.spec.dataset import DatasetSpec


def some_training_windows(length: int = 125, spec: DatasetSpec = DSADS) -> TrainingWindows:
    """Of 64 windows of random numbers, all channels."""
    windows = np.random.default_rng(0).normal(size=(64, length, spec.num_channels)).astype(np.float32)
    return describe_training([windows], spec, range(spec.num_channels))
