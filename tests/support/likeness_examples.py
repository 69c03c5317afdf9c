"""What the training windows of a model may have held, for tests that log one."""

from __future__ import annotations

import numpy as np

from har_core.inference.likeness import TrainingWindows, describe_training


def some_training_windows(length: int = 125) -> TrainingWindows:
    """Of 64 windows of random numbers, all channels."""
    windows = np.random.default_rng(0).normal(size=(64, length, 45)).astype(np.float32)
    return describe_training([windows], range(45))
