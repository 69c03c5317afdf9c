"""Interpolates short runs of rows that the audit found damaged.

Rows count from 0 over the segments of one recording, in order. Letters: R rows, P places, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from har_core.audit.signals import runs


class Repair(NamedTuple):
    """Rows ``first`` to before ``stop`` of the sensors of one place that lie between two whole rows."""

    place: int
    """Index into :attr:`DatasetSpec.places <har_core.spec.dataset.DatasetSpec.places>`."""
    first: int
    stop: int


def find_repairs(damaged: npt.NDArray[np.bool_], stretches: Sequence[range], *, longest: int) -> tuple[Repair, ...]:
    """The runs that can be interpolated: at most ``longest`` rows, with a whole row of the same stretch on both sides.

    Args:
        damaged: (P, R), whether a place is damaged in a row.
        stretches: parts of the recording within which rows follow each other in time.
        longest: rows.
    """
    repairs = []
    for place, rows in enumerate(damaged):
        for stretch in stretches:
            repairs += [
                Repair(place, stretch.start + first, stretch.start + first + size)
                for first, size in runs(rows[stretch.start : stretch.stop])
                if size <= longest and first > 0 and first + size < len(stretch)
            ]
    return tuple(repairs)


def apply_repairs(
    channels: npt.NDArray[np.float32], repairs: Sequence[Repair], channels_of_place: Sequence[Sequence[int]]
) -> npt.NDArray[np.float32]:
    """Channels (C, R) with the straight line between its neighbours in place of each run; a copy."""
    repaired = channels.copy()
    for repair in repairs:
        own = list(channels_of_place[repair.place])
        before = channels[own, repair.first - 1, None].astype(np.float64)
        after = channels[own, repair.stop, None].astype(np.float64)
        num_rows = repair.stop - repair.first
        share = np.arange(1, num_rows + 1) / (num_rows + 1)
        repaired[own, repair.first : repair.stop] = before + (after - before) * share
    return repaired
