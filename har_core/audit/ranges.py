"""What findings mean for the rows of a recording: which are damaged, which occur twice, where recordings break.

Rows are counted over the segments of a recording in order: row ``r`` of its ``i``-th segment is ``125 * i + r``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from har_core.audit.findings import Kind
from har_core.audit.places import is_on_units
from har_core.datasets.dsads.layout import SEGMENT_LENGTH, RecordingKey

NO_GROUP = -1
"""Group of a row that occurs once."""

_DAMAGE = (Kind.ZERO_RUN, Kind.CONSTANT_RUN)
_BREAKS = (Kind.DISCONTINUOUS_JOIN, Kind.WRONG_ORDER)


def damaged_rows(findings: pa.Table, recording: RecordingKey, segments: Sequence[int]) -> npt.NDArray[np.bool_]:
    """Which rows of a recording lie in a zero or constant run of all channels or of a whole unit.

    Args:
        findings: of ``FINDINGS_SCHEMA``.
        recording: the recording.
        segments: its segment numbers (S), ascending.

    Returns:
        (S * 125,), True where a row is damaged.
    """
    damaged = np.zeros(len(segments) * SEGMENT_LENGTH, dtype=np.bool_)
    for row in _rows(findings, _DAMAGE, recording):
        if is_on_units(row["channels"]):
            first = _position(segments, row["segment"], row["first_row"])
            if first is not None:
                damaged[first : first + row["num_rows"]] = True
    return damaged


def discontinuous_joins(findings: pa.Table, recording: RecordingKey, segments: Sequence[int]) -> npt.NDArray[np.bool_]:
    """After which segments a recording does not go on in the next one.

    Args:
        findings: of ``FINDINGS_SCHEMA``.
        recording: the recording.
        segments: its segment numbers (S), ascending.

    Returns:
        (S - 1,), True where the join after the i-th segment must not be crossed: it was found discontinuous or in
        the wrong order, or the next segment number is missing.
    """
    broken: npt.NDArray[np.bool_] = np.diff(np.asarray(segments)) != 1
    for row in _rows(findings, _BREAKS, recording):
        position = _position(segments, row["segment"], 0)
        if position is not None and position // SEGMENT_LENGTH < len(broken):
            broken[position // SEGMENT_LENGTH] = True
    return broken


def duplicate_groups(
    findings: pa.Table, segments: Mapping[RecordingKey, Sequence[int]]
) -> dict[RecordingKey, npt.NDArray[np.int32]]:
    """Which rows hold the same values, on all channels or on a unit, as another row.

    Args:
        findings: of ``FINDINGS_SCHEMA``; those that name a recording or segment outside ``segments`` do not count.
        segments: the segment numbers (S) of each recording, ascending.

    Returns:
        For each recording (S * 125,), not to be written to: rows that duplicates connect, by whatever many steps, have
        one number; numbers go up from 0 in order of first appearance; -1 where a row occurs once. What it takes in
        memory goes with the recordings that have such rows.
    """
    starts: dict[RecordingKey, int] = {}
    num_rows = 0
    for key, numbers in segments.items():
        starts[key] = num_rows
        num_rows += len(numbers) * SEGMENT_LENGTH
    pairs = [np.empty((2, 0), dtype=np.int64)]
    for row in _rows(findings, [Kind.DUPLICATE_ROWS]):
        one = RecordingKey(row["subject"], row["activity"])
        other = RecordingKey(row["other_subject"], row["other_activity"])
        if not is_on_units(row["channels"]) or one not in starts or other not in starts:
            continue
        first = _position(segments[one], row["segment"], row["first_row"])
        other_first = _position(segments[other], row["other_segment"], row["other_first_row"])
        if first is not None and other_first is not None:
            begins = np.array([[starts[one] + first], [starts[other] + other_first]])
            pairs.append(begins + np.arange(row["num_rows"]))
    shared, places = np.unique(np.concatenate(pairs, axis=1), return_inverse=True)
    groups = _connect(places.reshape(2, -1), len(shared))

    def groups_of(start: int, length: int) -> npt.NDArray[np.int32]:
        first, stop = np.searchsorted(shared, [start, start + length])
        if first == stop:  # of most recordings: one number that stands for all
            return np.broadcast_to(np.int32(NO_GROUP), length)
        own = np.full(length, NO_GROUP, dtype=np.int32)
        own[shared[first:stop] - start] = groups[first:stop]
        return own

    return {key: groups_of(starts[key], len(numbers) * SEGMENT_LENGTH) for key, numbers in segments.items()}


def _connect(pairs: npt.NDArray[np.int64], num_rows: int) -> npt.NDArray[np.int32]:
    """Number the groups of rows that ``pairs`` (2, P) connect, in order of first appearance; -1 for a row alone."""
    from scipy.sparse import coo_array  # noqa: PLC0415 - who cuts windows without findings is quicker without
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    graph = coo_array((np.ones(pairs.shape[1], dtype=np.int8), (pairs[0], pairs[1])), shape=(num_rows, num_rows))
    _, labels = connected_components(graph, directed=False)
    _, first, inverse, counts = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    shared = np.flatnonzero(counts > 1)
    numbers = np.full(len(counts), NO_GROUP, dtype=np.int32)
    numbers[shared[np.argsort(first[shared])]] = np.arange(len(shared), dtype=np.int32)
    return numbers[inverse]


def _rows(findings: pa.Table, kinds: Sequence[Kind], recording: RecordingKey | None = None) -> Iterator[dict[str, Any]]:
    """The findings of these kinds, of one recording or of all."""
    chosen = pc.is_in(findings["kind"], pa.array([kind.value for kind in kinds]))
    if recording is not None:
        chosen = pc.and_(chosen, pc.equal(findings["subject"], recording.subject))
        chosen = pc.and_(chosen, pc.equal(findings["activity"], recording.activity))
    yield from findings.filter(chosen).to_pylist()


def _position(segments: Sequence[int], segment: int, row: int) -> int | None:
    """Row ``row`` of ``segment``, counted from the start of the recording; None where there is no such segment."""
    return segments.index(segment) * SEGMENT_LENGTH + row if segment in segments else None
