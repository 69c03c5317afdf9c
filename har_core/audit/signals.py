"""One recording as the detectors see it, and the arithmetic of runs that they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from har_core.audit.findings import Place
from har_core.datasets.recordings import Outline, Recording, RecordingKey
from har_core.spec.dataset import DatasetSpec

Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """A recording of C channels and n rows, counted from its beginning, in P places."""

    key: RecordingKey
    spec: DatasetSpec
    outline: Outline
    channels: Values
    """(C, n), with every negative zero made positive, because zeros of either sign are the same value."""
    missing: Mask | None
    """(C, n) where a value is missing; None if none is."""
    at_once: Mask | None = None
    """(n - 1,) where row t + 1 has the time of row t; None if rows have no times."""

    @classmethod
    def of(cls, recording: Recording, spec: DatasetSpec) -> Self:
        """As recorded; what is no number is missing, and is one and the same NaN, so that its bits can be compared."""
        channels = recording.samples + np.float32(0)
        missing = ~np.isfinite(channels)
        channels[missing] = np.nan
        at_once = None if recording.times is None else np.diff(recording.times) == 0
        return cls(recording.key, spec, recording.outline, channels, missing if missing.any() else None, at_once)

    def bridged(self) -> Signals:
        """Straight lines where values are missing, at the ends the nearest value.

        A channel without any value is zero, and not missing: it is dead.
        """
        if self.missing is None:
            return self
        channels, missing, rows = self.channels.copy(), self.missing.copy(), np.arange(self.num_rows)
        for channel in np.flatnonzero(missing.any(axis=1)):
            gaps = missing[channel]
            if gaps.all():
                channels[channel], missing[channel] = 0, False
            else:
                channels[channel, gaps] = np.interp(rows[gaps], rows[~gaps], channels[channel, ~gaps])
        return replace(self, channels=channels, missing=missing)

    @property
    def num_rows(self) -> int:
        """Rows of all segments."""
        return int(self.channels.shape[1])

    def lost(self) -> Mask:
        """(P, n) rows in which an axis of a sensor with three has no value; a slower sensor may well have none."""
        lost = np.zeros((len(self.spec.places), self.num_rows), dtype=np.bool_)
        if self.missing is not None:
            for sensor in self.spec.triads:
                lost[sensor.place] |= self.missing[list(sensor.axes)].any(axis=0)
        return lost

    def place(self, row: int) -> Place:
        """The place of a row."""
        ends = np.cumsum([run.num_rows for run in self.outline.labels])
        activity = self.outline.labels[int(np.searchsorted(ends, row, side="right"))].activity
        return Place(self.key, *self.outline.place_of(row), activity)


def columns(indices: Sequence[int]) -> slice | list[int]:
    """Indices of channels to take them by: a slice, which makes a view, where they follow each other.

    >>> columns((3, 4, 5)), columns([3, 5])
    (slice(3, 6, None), [3, 5])
    """
    first, size = indices[0], len(indices)
    return slice(first, first + size) if list(indices) == list(range(first, first + size)) else list(indices)


def runs(mask: Mask, least: int = 1) -> list[tuple[int, int]]:
    """First index and length of every run of True that has at least ``least``.

    >>> runs(np.array([True, False, True, True])), runs(np.array([True, False, True, True]), 2)
    ([(0, 1), (2, 2)], [(2, 2)])
    """
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0)).reshape(-1, 2).tolist()
    return [(first, end - first) for first, end in edges if end - first >= least]
