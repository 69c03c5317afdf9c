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
from har_core.audit.ranges import damaged_rows, discontinuous_joins, duplicate_groups
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
        first, last = np.concatenate([piece.spans for piece in self.pieces], axis=1)
        found: npt.NDArray[np.bool_] = num_before[last + 1] > num_before[first]
        return found

    @property
    def nearest(self) -> npt.NDArray[np.int64]:
        """(R,) rows as read."""
        return np.concatenate([np.rint(piece.positions).astype(np.int64) for piece in self.pieces])


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
        return {key: rows[self.row_maps[key].nearest] if key in self.row_maps else rows for key, rows in groups.items()}

    def _as_read(self, key: RecordingKey) -> Outline:
        return self.row_maps[key].outline if key in self.row_maps else self.outlines[key]
