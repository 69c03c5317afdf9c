"""One recording as the detectors see it: channels by rows, and the arithmetic of runs that they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from har_core.audit.findings import Finding, Kind, Severity
from har_core.audit.places import Place, finding_at, name_channels
from har_core.base.errors import InputError, Problem
from har_core.datasets.dsads.layout import NUM_CHANNELS, SEGMENT_LENGTH, UNITS, RecordingKey
from har_core.datasets.dsads.recordings import Recording

Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """A recording of S segments, n = 125 S rows counted from its beginning."""

    key: RecordingKey
    segments: tuple[int, ...]
    channels: Values
    """(45, n) without negative zeros; a zero of either sign is the same value."""

    @classmethod
    def of(cls, recording: Recording) -> Self:
        """The signals of a recording.

        Raises:
            InputError: its samples have another shape than its segments and the channels say.
        """
        expected = (len(recording.segments), SEGMENT_LENGTH, NUM_CHANNELS)
        key = RecordingKey(recording.subject, recording.activity)
        if recording.samples.shape != expected or not expected[0]:
            place = f"subject {key.subject}, activity {key.activity}"
            problem = Problem(path=place, value=str(recording.samples.shape), expected=f"samples of shape {expected}")
            raise InputError("A recording cannot be audited", [problem])
        channels = recording.samples.transpose(2, 0, 1).reshape(NUM_CHANNELS, -1)
        return cls(key, tuple(recording.segments), channels + np.float32(0))

    @property
    def num_rows(self) -> int:
        """Rows of all segments."""
        return int(self.channels.shape[1])

    @property
    def sensors(self) -> Values:
        """(units, sensors, axes, n): the channels, ordered by what they measure; a view."""
        return self.channels.reshape(len(UNITS), 3, 3, -1)

    def place(self, row: int) -> Place:
        """The place of a row."""
        return Place(self.key, self.segments[row // SEGMENT_LENGTH], row % SEGMENT_LENGTH)

    def finding(self, kind: Kind, severity: Severity, row: int, num_rows: int, channels: list[int]) -> Finding:
        """A finding on some rows and channels of this recording."""
        return finding_at(kind, severity, self.place(row), num_rows=num_rows, channels=name_channels(channels))


def runs(mask: Mask) -> list[tuple[int, int]]:
    """First index and length of every run of True.

    >>> runs(np.array([True, False, True, True]))
    [(0, 1), (2, 2)]
    """
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    return [(int(first), int(end - first)) for first, end in edges.reshape(-1, 2)]


def long_runs(mask: Mask, length: int) -> list[tuple[int, int]]:
    """:func:`runs` of at least ``length``."""
    return [(first, size) for first, size in runs(mask) if size >= length]
