"""Links windows through rows that the recordings hold more than once. Finding such rows is the audit's business."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from har_core.datasets.dsads.layout import RecordingKey
from har_core.windows.schema import NO_GROUP


def link_windows(
    groups_of_rows: Mapping[RecordingKey, npt.NDArray[np.int32]],
    begins: Mapping[RecordingKey, npt.NDArray[np.int64]],
    length: int,
) -> dict[RecordingKey, npt.NDArray[np.int32]]:
    """A number for all windows that are linked: two windows that hold a row of one group, and so on transitively.

    The cost depends on the rows that occur more than once, not on the windows nor on how they overlap.

    Args:
        groups_of_rows: number of each row's group in each recording, negative for rows that occur once.
        begins: first rows (N,) of the windows of each recording, ascending.
        length: samples in a window.

    Returns:
        For each recording of ``begins``: (N,) numbers from 0 in the order of first appearance, NO_GROUP for windows
        all of whose rows occur once.
    """
    firsts: dict[RecordingKey, npt.NDArray[np.int64]] = {}
    one: list[npt.NDArray[np.integer]] = [np.empty(0, dtype=np.int32)]
    other: list[npt.NDArray[np.integer]] = [np.empty(0, dtype=np.int32)]
    for key, begin in begins.items():
        groups = groups_of_rows.get(key, np.empty(0, dtype=np.int32))
        rows = np.flatnonzero(groups >= 0)
        firsts[key] = _first_group(groups, rows, begin, length)
        if len(rows) and len(begin):
            # Two rows that follow each other are linked where a window holds both; of all windows that hold the
            # earlier one, the last reaches furthest.
            latest = np.searchsorted(begin, rows[:-1], side="right") - 1
            together = (latest >= 0) & (rows[1:] < begin[latest] + length)
            one.append(groups[rows[:-1]][together])
            other.append(groups[rows[1:]][together])
    return _numbered_by_appearance(firsts, np.concatenate(one), np.concatenate(other))


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


def _numbered_by_appearance(
    firsts: Mapping[RecordingKey, npt.NDArray[np.int64]],
    one: npt.NDArray[np.integer],
    other: npt.NDArray[np.integer],
) -> dict[RecordingKey, npt.NDArray[np.int32]]:
    """Join the groups ``one[i]`` and ``other[i]``, and number what is left of them as windows meet them."""
    from scipy.sparse import coo_array  # noqa: PLC0415 - who cuts windows without findings is quicker without
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    met = np.concatenate([np.empty(0, dtype=np.int64), *firsts.values()])
    num_groups = 1 + max((int(numbers.max(initial=NO_GROUP)) for numbers in (met, one, other)), default=NO_GROUP)
    links = coo_array((np.ones(len(one), dtype=np.bool_), (one, other)), shape=(num_groups, num_groups))
    _, joined = connected_components(links, directed=False)
    in_order = joined[met[met != NO_GROUP]]
    components, appearance = np.unique(in_order, return_index=True)
    numbers = np.full(num_groups, NO_GROUP, dtype=np.int32)
    numbers[components[np.argsort(appearance)]] = np.arange(len(components), dtype=np.int32)
    return {
        key: np.where(
            first == NO_GROUP, np.int32(NO_GROUP), numbers[joined[first]] if num_groups else np.int32(NO_GROUP)
        )
        for key, first in firsts.items()
    }
