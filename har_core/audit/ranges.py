"""What findings mean for the rows of a recording: which are damaged, which occur twice, where recordings break.

Findings are in ``FINDINGS_SCHEMA``, and segments are the ascending segment numbers (S) of a recording. Rows are counted
over the segments in order: row ``r`` of the ``i``-th segment is ``125 * i + r``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from har_core.audit.findings import concerns_units
from har_core.audit.kinds import Kind
from har_core.datasets.dsads.layout import SEGMENT_LENGTH, RecordingKey

_ALONE = -1
"""In place of the number of a group: the row occurs once."""
_DAMAGE = (Kind.ZERO_RUN, Kind.CONSTANT_RUN)
_BREAKS = (Kind.DISCONTINUOUS_JOIN, Kind.WRONG_ORDER)


def damaged_rows(
    findings: pa.Table,
    recording: RecordingKey,
    segments: Sequence[int],
    *,
    unit: str | None = None,
    kinds: Sequence[Kind] = _DAMAGE,
) -> npt.NDArray[np.bool_]:
    """Which rows (S * 125,) of a recording lie in a zero or constant run of all channels or of a whole unit.

    Only runs on ``unit`` count if it is given; otherwise those on any unit. Only those of ``kinds`` count.
    """
    damaged = np.zeros(len(segments) * SEGMENT_LENGTH, dtype=np.bool_)
    for row in _rows(findings, kinds, recording):
        if concerns_units(row["channels"], unit):
            first = _position(segments, row["segment"], row["first_row"])
            if first is not None:
                damaged[first : first + row["num_rows"]] = True
    return damaged


def discontinuous_joins(findings: pa.Table, recording: RecordingKey, segments: Sequence[int]) -> npt.NDArray[np.bool_]:
    """After which segments (S - 1,) of a recording no window may go on into the next one.

    That is where the audit found the join discontinuous or in the wrong order, or the next segment number is missing.
    """
    broken: npt.NDArray[np.bool_] = np.diff(np.asarray(segments)) != 1
    for row in _rows(findings, _BREAKS, recording):
        if row["segment"] in segments[:-1]:
            broken[segments.index(row["segment"])] = True
    return broken


def duplicate_groups(
    findings: pa.Table, segments: Mapping[RecordingKey, Sequence[int]]
) -> dict[RecordingKey, npt.NDArray[np.int32]]:
    """Which rows hold the same values, on all channels or on a unit, as another row.

    Args:
        findings: those that name a recording or segment outside ``segments`` do not count.
        segments: the segment numbers of each recording.

    Returns:
        For each recording (S * 125,), not to be written to: rows that duplicates connect, in any number of steps, have
        one number; numbers go up from 0 in order of first appearance; -1 where a row occurs once. Recordings without
        such rows take no memory.
    """
    lengths = [len(numbers) * SEGMENT_LENGTH for numbers in segments.values()]
    starts = dict(zip(segments, np.cumsum([0, *lengths]).tolist(), strict=False))

    def place_of(row: dict[str, Any], prefix: str = "") -> int | None:
        """The place or the other place of a finding, counted from the start of the first recording."""
        key = RecordingKey(row[f"{prefix}subject"], row[f"{prefix}activity"])
        position = _position(segments.get(key, ()), row[f"{prefix}segment"], row[f"{prefix}first_row"])
        return None if position is None else starts[key] + position

    pairs = [np.empty((2, 0), dtype=np.int64)]
    for row in _rows(findings, [Kind.DUPLICATE_ROWS]):
        one, other = place_of(row), place_of(row, "other_")
        if concerns_units(row["channels"]) and one is not None and other is not None and one != other:
            pairs.append(np.array([[one], [other]]) + np.arange(row["num_rows"]))
    shared, places = np.unique(np.concatenate(pairs, axis=1), return_inverse=True)
    one_place, other_place = places.reshape(2, -1)
    groups = number_by_appearance(connect(one_place, other_place, len(shared)))

    def groups_of(start: int, length: int) -> npt.NDArray[np.int32]:
        first, stop = np.searchsorted(shared, [start, start + length])
        if first == stop:  # of most recordings: one number that stands for all
            return np.broadcast_to(np.int32(_ALONE), length)
        own = np.full(length, _ALONE, dtype=np.int32)
        own[shared[first:stop] - start] = groups[first:stop]
        return own

    return {key: groups_of(starts[key], length) for key, length in zip(segments, lengths, strict=True)}


def connect(one: npt.NDArray[np.integer], other: npt.NDArray[np.integer], num_items: int) -> npt.NDArray[np.int32]:
    """Labels (num_items,), equal for items that the pairs ``one[i]``, ``other[i]`` connect, directly or by others."""
    from scipy.sparse import coo_array  # noqa: PLC0415 - heavy, and only needed where findings link rows
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    graph = coo_array((np.ones(len(one), dtype=np.int8), (one, other)), shape=(num_items, num_items))
    labels: npt.NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return labels


def number_by_appearance(labels: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Labels renamed to 0, 1, 2 … in the order in which they first appear.

    >>> number_by_appearance(np.array([7, 3, 7, 9])).tolist()
    [0, 1, 0, 2]
    """
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first)).astype(np.int32)[inverse]


def _rows(findings: pa.Table, kinds: Sequence[Kind], recording: RecordingKey | None = None) -> Iterator[dict[str, Any]]:
    """The findings of these kinds, of one recording or of all."""
    chosen = pc.is_in(findings["kind"], pa.array([kind.value for kind in kinds]))
    if recording is not None:
        chosen = pc.and_(chosen, pc.equal(findings["subject"], recording.subject))
        chosen = pc.and_(chosen, pc.equal(findings["activity"], recording.activity))
    yield from findings.filter(chosen).to_pylist()


def _position(segments: Sequence[int], segment: int, row: int) -> int | None:
    """Row ``row`` of ``segment``, counted from the start of the recording; None if there is no such segment."""
    return segments.index(segment) * SEGMENT_LENGTH + row if segment in segments else None
