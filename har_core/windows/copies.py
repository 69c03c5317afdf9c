"""Links windows through rows that the recordings hold more than once; the audit has found such rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from har_core.audit.ranges import connect, number_by_appearance
from har_core.datasets.recordings import RecordingKey
from har_core.windows.schema import NO_GROUP


def link_windows(
    groups_of_rows: Mapping[RecordingKey, npt.NDArray[np.int32]],
    begins: Mapping[RecordingKey, npt.NDArray[np.int64]],
    length: int,
) -> dict[RecordingKey, npt.NDArray[np.int32]]:
    """Give linked windows one number: windows that hold a row of the same group are linked, directly or by others.

    The cost depends on the rows that occur more than once, not on the number of windows nor on how they overlap.

    Args:
        groups_of_rows: number of each row's group in each recording, negative for rows that occur once.
        begins: first rows (N,) of the windows of each recording, ascending.
        length: samples in a window.

    Returns:
        For each recording of ``begins``: (N,) numbers from 0 in the order of first appearance, NO_GROUP for windows
        all of whose rows occur once.
    """
    num_groups = 1 + max((int(groups.max(initial=NO_GROUP)) for groups in groups_of_rows.values()), default=NO_GROUP)
    firsts: dict[RecordingKey, npt.NDArray[np.int64]] = {}
    pairs = [np.empty((2, 0), dtype=np.int32)]
    for key, begin in begins.items():
        groups = groups_of_rows.get(key, np.empty(0, dtype=np.int32))
        rows = np.flatnonzero(groups >= 0)
        firsts[key] = _first_group(groups, rows, begin, length)
        if len(rows) and len(begin):
            # Two consecutive rows are linked if a window holds both; of all windows that hold the earlier one, the
            # last reaches furthest.
            latest = np.searchsorted(begin, rows[:-1], side="right") - 1
            together = (latest >= 0) & (rows[1:] < begin[latest] + length)
            pairs.append(np.stack([groups[rows[:-1]], groups[rows[1:]]])[:, together])
    met = np.concatenate([np.empty(0, dtype=np.int64), *firsts.values()])
    one, other = np.concatenate(pairs, axis=1)
    joined = connect(one, other, num_groups)
    numbers = np.full(len(met), NO_GROUP, dtype=np.int32)
    numbers[met != NO_GROUP] = number_by_appearance(joined[met[met != NO_GROUP]])
    ends = np.cumsum([len(first) for first in firsts.values()])
    return dict(zip(firsts, np.split(numbers, ends[:-1]), strict=True)) if firsts else {}


def _first_group(
    groups: npt.NDArray[np.int32], rows: npt.NDArray[np.int64], begin: npt.NDArray[np.int64], length: int
) -> npt.NDArray[np.int64]:
    """The group of the first of ``rows`` in each window (N,), NO_GROUP where it holds none."""
    first = np.full(len(begin), NO_GROUP, dtype=np.int64)
    if len(rows):
        place = np.searchsorted(rows, begin)
        row = rows[np.minimum(place, len(rows) - 1)]
        holds = (place < len(rows)) & (row < begin + length)
        first[holds] = groups[row[holds]]
    return first
