"""One recording as the detectors see it, and the arithmetic of runs that they share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from har_core.audit.findings import Place
from har_core.datasets.dsads.layout import AXES, SEGMENT_LENGTH, SENSORS, UNITS, RecordingKey

ACC, GYRO, MAG = (SENSORS.index(sensor) for sensor in ("acc", "gyro", "mag"))
Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """A recording of S segments, n = 125 S rows counted from its beginning."""

    key: RecordingKey
    segments: tuple[int, ...]
    channels: Values
    """(45, n), with every negative zero made positive, because zeros of either sign are the same value."""

    @property
    def num_rows(self) -> int:
        """Rows of all segments."""
        return int(self.channels.shape[1])

    @property
    def sensors(self) -> Values:
        """(units, sensors, axes, n): the channels, ordered by what they measure; a view."""
        return self.channels.reshape(len(UNITS), len(SENSORS), len(AXES), -1)

    def place(self, row: int) -> Place:
        """The place of a row."""
        return Place(self.key, self.segments[row // SEGMENT_LENGTH], row % SEGMENT_LENGTH)


def runs(mask: Mask, least: int = 1) -> list[tuple[int, int]]:
    """First index and length of every run of True that has at least ``least``.

    >>> runs(np.array([True, False, True, True])), runs(np.array([True, False, True, True]), 2)
    ([(0, 1), (2, 2)], [(2, 2)])
    """
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0)).reshape(-1, 2).tolist()
    return [(first, end - first) for first, end in edges if end - first >= least]
