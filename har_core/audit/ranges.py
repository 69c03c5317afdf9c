"""What findings mean for the rows of a recording: which are damaged, which occur twice, where recordings break.

Findings are in ``FINDINGS_SCHEMA``, with the data set in their metadata. The outline of a recording says of how many
rows (R) and segments (S) it is; rows are counted over the segments in order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from har_core.audit.findings import concerns_places, spec_of
from har_core.audit.kinds import Kind
from har_core.datasets.recordings import Outline, RecordingKey

_ALONE = -1
"""In place of the number of a group: the row occurs once."""
_DAMAGE = (Kind.ZERO_RUN, Kind.CONSTANT_RUN)
_BREAKS = (Kind.DISCONTINUOUS_JOIN, Kind.WRONG_ORDER)


def damaged_rows(
    findings: pa.Table,
    key: RecordingKey,
    outline: Outline,
    *,
    place: str | None = None,
    kinds: Sequence[Kind] = _DAMAGE,
) -> npt.NDArray[np.bool_]:
    """Which rows (R,) of a recording lie in a zero or constant run of all channels or of a whole place.

    Only runs on ``place`` count if it is given; otherwise those on any place. Only those of ``kinds`` count.
    """
    damaged = np.zeros(outline.num_rows, dtype=np.bool_)
    for row in _rows(findings, kinds, key):
        if concerns_places(row["channels"], spec_of(findings), place):
            first = outline.row_of(row["segment"], row["first_row"])
            if first is not None:
                damaged[first : first + row["num_rows"]] = True
    return damaged


def discontinuous_joins(findings: pa.Table, key: RecordingKey, outline: Outline) -> npt.NDArray[np.bool_]:
    """After which segments (S - 1,) of a recording no window may go on into the next one.

    That is where the outline says so, or the audit found the join discontinuous or in the wrong order.
    """
    broken: npt.NDArray[np.bool_] = ~outline.is_joinable
    for row in _rows(findings, _BREAKS, key):
        if row["segment"] in outline.segments[:-1]:
            broken[outline.segments.index(row["segment"])] = True
    return broken


def duplicate_groups(
    findings: pa.Table, outlines: Mapping[RecordingKey, Outline]
) -> dict[RecordingKey, npt.NDArray[np.int32]]:
    """Which rows hold the same values, on all channels or on a place, as another row.

    Args:
        findings: those that name a recording or segment outside ``outlines`` do not count.
        outlines: of each recording.

    Returns:
        For each recording (R,), not to be written to: rows that duplicates connect, in any number of steps, have one
        number; numbers go up from 0 in order of first appearance; -1 where a row occurs once. Recordings without such
        rows take no memory.
    """
    spec = spec_of(findings)
    lengths = [outline.num_rows for outline in outlines.values()]
    starts = dict(zip(outlines, np.cumsum([0, *lengths]).tolist(), strict=False))

    def place_of(row: dict[str, Any], prefix: str = "") -> int | None:
        """The place or the other place of a finding, counted from the start of the first recording."""
        key = RecordingKey(row[f"{prefix}subject"], row[f"{prefix}session"])
        position = outlines[key].row_of(row[f"{prefix}segment"], row[f"{prefix}first_row"]) if key in outlines else None
        return None if position is None else starts[key] + position

    pairs = [np.empty((2, 0), dtype=np.int64)]
    for row in _rows(findings, [Kind.DUPLICATE_ROWS]):
        one, other = place_of(row), place_of(row, "other_")
        if concerns_places(row["channels"], spec) and one is not None and other is not None and one != other:
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

    return {key: groups_of(starts[key], length) for key, length in zip(outlines, lengths, strict=True)}


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


def _rows(findings: pa.Table, kinds: Sequence[Kind], key: RecordingKey | None = None) -> Iterator[dict[str, Any]]:
    """The findings of these kinds, of one recording or of all."""
    chosen = pc.is_in(findings["kind"], pa.array([kind.value for kind in kinds]))
    if key is not None:
        chosen = pc.and_(chosen, pc.equal(findings["subject"], key.subject))
        chosen = pc.and_(chosen, pc.equal(findings["session"], key.session))
    yield from findings.filter(chosen).to_pylist()
