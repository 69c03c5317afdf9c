"""Compares finished windows with the findings of the audit, one by one, and not by the code that cut them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from har_core.audit.kinds import Kind
from har_core.audit.signals import Mask, runs
from har_core.base.checks import Check
from har_core.datasets.recordings import Outline, RecordingKey
from har_core.spec.dataset import DatasetSpec
from har_core.windows.audited import Audited, RowMap
from har_core.windows.names import WINDOW_CHECKS
from har_core.windows.schema import FLAG_COLUMNS, KEY_COLUMNS, NO_GROUP

_MAX_NAMED = 5


class _Zeros(NamedTuple):
    """Rows (R,) of a recording."""

    of_places: Mask
    """(P, R): a place is zero."""
    still: Mask
    """A place stands still at another value."""


class WindowChecks:
    """Checks batches of windows as they are written; a batch may hold windows of several recordings."""

    def __init__(
        self,
        findings: pa.Table,
        outlines: Mapping[RecordingKey, Outline],
        *,
        damaged: str,
        join: bool = False,
        longest_repair: int = 5,
        row_maps: Mapping[RecordingKey, RowMap] | None = None,
    ) -> None:
        """Prepare to check windows.

        Args:
            findings: in :data:`~har_core.audit.findings.FINDINGS_SCHEMA`.
            outlines: of each recording that windows were cut from.
            damaged: what became of windows that touch a damaged run, as ``[windows] damaged`` says.
            join: whether windows were cut, and runs repaired, across continuous joins.
            longest_repair: rows of the longest run that was repaired.
            row_maps: of recordings that are not as they were read.

        Raises:
            InputError: the findings do not say of which data set they are.
        """
        self._audited = Audited(findings=findings, outlines=outlines, row_maps=row_maps or {})
        self._places = DatasetSpec.from_metadata(findings.schema.metadata, where="findings").places
        self._damaged, self._join, self._longest_repair = damaged, join, longest_repair
        self._groups = self._audited.groups()
        self._window_group_of: dict[int, int] = {}
        self._num_windows = 0
        self._crossing: list[str] = []
        self._misjudged: list[str] = []
        self._unlinked: list[str] = []

    def update(self, batch: pa.RecordBatch, length: int) -> None:
        """Check windows of ``length`` samples."""
        self._num_windows += batch.num_rows
        rows = zip(*(batch[name].to_pylist() for name in (*KEY_COLUMNS, *FLAG_COLUMNS)), strict=True)
        for key, of_recording in groupby(rows, key=lambda row: RecordingKey(*row[:2])):
            self._look_at(key, [row[2:] for row in of_recording], length)

    def result(self) -> tuple[Check, ...]:
        """What was found, by :data:`WINDOW_CHECKS`."""
        agree = {
            "flag": "a window to be flagged exactly where it touches a damaged run",
            "keep": "no window to be flagged",
            "repair": "a window to be flagged exactly where it touches a damaged run that could not be repaired",
            "fill": "a window to be flagged exactly where a place stands still, or is zero all through it",
            "drop": "no window to touch a damaged run, nor to be flagged",
        }
        found = (
            (self._crossing, "no window across a join that is not continuous, or beyond its recording"),
            (self._misjudged, agree[self._damaged]),
            (self._unlinked, "windows that hold copies of one row to have one duplicate group, and only those a group"),
        )
        checks = []
        for name, (wrong, expected) in zip(WINDOW_CHECKS, found, strict=True):
            named = f"{len(wrong)} windows: {'; '.join(wrong[:_MAX_NAMED])}"
            detail = named if wrong else f"{self._num_windows} windows looked at"
            numbers = {"num_windows": self._num_windows, "num_wrong_windows": len(wrong)}
            checks.append(Check(name=name, passed=not wrong, detail=detail, expected=expected, numbers=numbers))
        return tuple(checks)

    def _look_at(self, key: RecordingKey, rows: Iterable[tuple[int, int, bool, int]], length: int) -> None:
        outline, broken, damage = self._audited.outlines[key], self._audited.breaks(key), self._audited.damaged(key)
        stretch = _numbered(outline, broken)
        if self._damaged == "repair" and damage.any():
            damage = self._beyond_repair(key, stretch if self._join else _numbered(outline, np.ones_like(broken)))
        fills = self._damaged == "fill" and not self._audited.is_resampled(key)
        zero = self._zeros(key) if fills and damage.any() else None
        starts, groups = dict(zip(outline.segments, outline.starts.tolist(), strict=False)), self._groups[key]
        for segment, start, is_flagged, group in rows:
            first = starts[segment] + start
            stop = first + length
            place = f"{key}, segment {segment}, start {start}"
            if stop > len(damage) or stretch[first] != stretch[stop - 1]:
                self._crossing.append(place)
            touches = bool((damage if zero is None else zero.still)[first:stop].any())
            if zero is not None:
                touches |= bool(zero.of_places[:, first:stop].all(axis=1).any())
            is_dropped = touches and self._damaged == "drop"
            if is_dropped or is_flagged != (touches and self._damaged in {"flag", "repair", "fill"}):
                self._misjudged.append(place)
            if not self._is_linked(group, groups[first:stop]):
                self._unlinked.append(place)

    def _zeros(self, key: RecordingKey) -> _Zeros:
        zero = [self._audited.damaged(key, place=place, kinds=(Kind.ZERO_RUN,)) for place in self._places]
        return _Zeros(of_places=np.stack(zero), still=self._audited.damaged(key, kinds=(Kind.CONSTANT_RUN,)))

    def _beyond_repair(self, key: RecordingKey, stretch: npt.NDArray[np.int64]) -> Mask:
        """(R,) rows of runs that are too long, or without a row before and after them in the same stretch."""
        stays = np.zeros(len(stretch), dtype=np.bool_)
        for place in self._places:
            for first, length in runs(self._audited.damaged(key, place=place)):
                stop = first + length
                has_ends = first > 0 and stop < len(stays) and stretch[first - 1] == stretch[stop]
                stays[first:stop] |= length > self._longest_repair or not has_ends
        return stays

    def _is_linked(self, group: int, groups_of_rows: npt.NDArray[np.int32]) -> bool:
        copied = np.unique(groups_of_rows[groups_of_rows >= 0]).tolist()
        known = {self._window_group_of.setdefault(row_group, group) for row_group in copied}
        return known == {group} and group != NO_GROUP if copied else group == NO_GROUP


def _numbered(outline: Outline, breaks: Mask) -> npt.NDArray[np.int64]:
    """(R,) the number of the stretch that each row lies in, where ``breaks`` (S - 1,) end one."""
    return np.repeat(np.cumsum([0, *breaks]), outline.lengths)
