"""Recordings to cut."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from har_core.datasets.dsads.layout import NUM_CHANNELS, SEGMENT_LENGTH
from har_core.datasets.dsads.recordings import Recording

MakeRecording = Callable[..., Recording]


def _make_recording(subject: int = 1, activity: int = 1, segments: tuple[int, ...] = (1, 2)) -> Recording:
    """A recording in which every value says where it stands: segment, sample, channel."""
    segment = np.array(segments).reshape(1, -1, 1) * 10_000.0
    sample = np.arange(SEGMENT_LENGTH).reshape(1, 1, -1) * 50.0
    channel = np.arange(NUM_CHANNELS).reshape(-1, 1, 1)
    samples = (segment + sample + channel + subject / 8 + activity / 64).astype(np.float32).reshape(NUM_CHANNELS, -1)
    return Recording(subject=subject, activity=activity, segments=segments, samples=samples)


@pytest.fixture(scope="session")
def make_recording() -> MakeRecording:
    return _make_recording


@pytest.fixture(scope="session")
def recordings() -> list[Recording]:
    """Three subjects with two activities each, in order; segment numbers with gaps."""
    return [_make_recording(subject, activity, (1, 2, 5)) for subject in (1, 2, 12) for activity in (3, 19)]
