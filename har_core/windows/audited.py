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


class RowMap(NamedTuple):
    """Where the R rows of a recording come from that was brought to another grid of times."""

    outline: Outline
    """Of the recording as it was read, and audited."""
    before: npt.NDArray[np.int64]
    """(R,) the row as read at the time of each row, or the last one before it."""
    after: npt.NDArray[np.int64]
    """(R,) the same, or the first one after it."""
    nearest: npt.NDArray[np.int64]
    """(R,) the nearer of the two."""


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
        if key not in self.row_maps:
            return rows
        return np.asarray(rows[self.row_maps[key].before] | rows[self.row_maps[key].after])

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
