"""What the audit found, told of the rows that windows are cut from.

Rows count from 0 over the segments of one recording, in order. Letters: R rows, S segments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from har_core.audit.kinds import Kind
from har_core.audit.ranges import connect, damaged_rows, discontinuous_joins, duplicate_groups
from har_core.datasets.recordings import Outline, RecordingKey

DAMAGE = (Kind.ZERO_RUN, Kind.CONSTANT_RUN)


class Piece(NamedTuple):
    """Rows of a recording as it was read that became a segment of P rows."""

    first: int
    stop: int
    num_rows: int
    """P."""
    step: float = 1.0
    """Rows as read from one of its rows to the next."""
    grid: npt.NDArray[np.float64] | None = None
    """(P,) where its rows stand, counted in rows as read; None: ``step`` apart, from ``first`` on."""

    @property
    def positions(self) -> npt.NDArray[np.float64]:
        """(P,) where its rows stand, in rows as read from the start of the recording, between two of them or on one."""
        if self.grid is not None:
            return self.grid
        return np.minimum(np.round(self.first + np.arange(self.num_rows) * self.step, 6), self.stop - 1)

    @property
    def spans(self) -> npt.NDArray[np.int64]:
        """(2, P) the first and last row as read that a row stands for: beside it, or nearer to it than to others."""
        positions = self.positions
        borders = np.concatenate([[self.first], (positions[1:] + positions[:-1]) / 2, [self.stop - 1]])
        firsts = np.minimum(np.floor(positions), np.ceil(borders[:-1]))
        return np.stack([firsts, np.maximum(np.ceil(positions), np.floor(borders[1:]))]).astype(np.int64)


class RowMap(NamedTuple):
    """Where the R rows of a recording come from that are not those that were read."""

    outline: Outline
    """Of the recording as it was read, and audited."""
    pieces: tuple[Piece, ...]
    """In order; together they have R rows."""

    def any_of(self, rows: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """(R,) whether one of the rows as read that a row stands for is among ``rows``."""
        num_before = np.concatenate([[0], np.cumsum(rows)])
        first, last = self._spans
        found: npt.NDArray[np.bool_] = num_before[last + 1] > num_before[first]
        return found

    def linked(self, groups: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """(2, any) pairs of ``groups`` (of rows as read, negative for none) that one row stands for together."""
        copied = np.flatnonzero(groups >= 0)
        first, last = self._spans
        # Of all rows that stand for the earlier one, the last reaches furthest.
        latest = np.searchsorted(first, copied[:-1], side="right") - 1
        together = (latest >= 0) & (last[latest] >= copied[1:])
        return np.stack([groups[copied[:-1]], groups[copied[1:]]])[:, together]

    def first_of(self, groups: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """(R,) of the rows as read that a row stands for, the first that is not negative."""
        copied = np.flatnonzero(groups >= 0)
        first, last = self._spans
        row = copied[np.minimum(np.searchsorted(copied, first), len(copied) - 1)]
        return np.where((row >= first) & (row <= last), groups[row], np.int32(-1))

    @property
    def is_resampled(self) -> bool:
        """Whether some rows are not as they were read."""
        return any(piece.grid is not None or piece.step != 1 for piece in self.pieces)

    @property
    def _spans(self) -> npt.NDArray[np.int64]:
        """(2, R) the first and last row as read that each row stands for."""
        return np.concatenate([piece.spans for piece in self.pieces], axis=1)

    @property
    def positions(self) -> npt.NDArray[np.float64]:
        """(R,) where rows stand, in rows as read."""
        return np.concatenate([piece.positions for piece in self.pieces])

    @property
    def nearest(self) -> npt.NDArray[np.int64]:
        """(R,) rows as read."""
        return np.rint(self.positions).astype(np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """Findings on recordings of these outlines."""

    findings: pa.Table
    """In :data:`~har_core.audit.findings.FINDINGS_SCHEMA`, on the recordings as they were read."""
    outlines: Mapping[RecordingKey, Outline]
    """Of the recordings that windows are cut from."""
    row_maps: Mapping[RecordingKey, RowMap] = field(default_factory=dict)
    """Of those that are not as they were read."""

    def damaged(
        self, key: RecordingKey, *, place: str | None = None, kinds: tuple[Kind, ...] = DAMAGE
    ) -> npt.NDArray[np.bool_]:
        """(R,) rows in a run of all channels, or of those of ``place`` (of any place, if absent)."""
        rows = damaged_rows(self.findings, key, self._as_read(key), place=place, kinds=kinds)
        return self.row_maps[key].any_of(rows) if key in self.row_maps else rows

    def breaks(self, key: RecordingKey) -> npt.NDArray[np.bool_]:
        """(S - 1,) joins that no window may cross."""
        if not self.outlines[key].in_parts:
            return ~self.outlines[key].is_joinable
        return discontinuous_joins(self.findings, key, self._as_read(key))

    def groups(self) -> dict[RecordingKey, npt.NDArray[np.int32]]:
        """(R,) for each recording: rows that occur more than once have one number, others a negative one."""
        groups = duplicate_groups(self.findings, {key: self._as_read(key) for key in self.outlines})
        copied = {key: self.row_maps[key] for key, rows in groups.items() if key in self.row_maps and rows.max() >= 0}
        pairs = [np.empty((2, 0), dtype=np.int32), *(rows.linked(groups[key]) for key, rows in copied.items())]
        num_groups = 1 + max((int(rows.max()) for rows in groups.values()), default=-1)
        one, other = np.concatenate(pairs, axis=1)
        joined = connect(one, other, num_groups)

        def of(key: RecordingKey, rows: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
            if rows.max() < 0:  # of most recordings: one number that stands for all
                return np.broadcast_to(rows[:1], self.outlines[key].num_rows)
            own = np.where(rows >= 0, joined[rows], np.int32(-1)) if copied else rows
            return copied[key].first_of(own) if key in copied else own

        return {key: of(key, rows) for key, rows in groups.items()}

    def is_resampled(self, key: RecordingKey) -> bool:
        """Whether rows are no longer the values that were read, so that zeros in them are no longer zeros."""
        return key in self.row_maps and self.row_maps[key].is_resampled

    def _as_read(self, key: RecordingKey) -> Outline:
        return self.row_maps[key].outline if key in self.row_maps else self.outlines[key]
