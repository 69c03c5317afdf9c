"""Recordings to cut."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from data_sets import dsads_recording

from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.recordings import Recording, Recordings, recordings_of

MakeRecording = Callable[..., Recording]


def _make_recording(subject: int = 1, activity: int = 1, segments: tuple[int, ...] = (1, 2)) -> Recording:
    """A recording in which every value says where it stands: segment, sample, channel."""
    segment = np.array(segments).reshape(1, -1, 1) * 10_000.0
    sample = np.arange(125).reshape(1, 1, -1) * 50.0
    channel = np.arange(DSADS.num_channels).reshape(-1, 1, 1)
    samples = (segment + sample + channel + subject / 8 + activity / 64).astype(np.float32)
    return dsads_recording(subject, activity, segments, samples.reshape(DSADS.num_channels, -1))


@pytest.fixture(scope="session")
def make_recording() -> MakeRecording:
    return _make_recording


@pytest.fixture(scope="session")
def recordings() -> Recordings:
    """Three subjects with two activities each, in order; segment numbers with gaps."""
    return recordings_of(
        DSADS, [_make_recording(subject, activity, (1, 2, 5)) for subject in (1, 2, 12) for activity in (3, 19)]
    )
