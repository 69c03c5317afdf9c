"""What is known of windows before a sample is read: where each begins, whether it is damaged, what it is a copy of.

All of it follows from the numbers of the segments and the findings of the audit. Rows count from 0 over the segments of
one recording, in order. Letters: N windows, S segments, R = S * 125 rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from har_core.audit.kinds import Kind
from har_core.audit.ranges import damaged_rows, discontinuous_joins, duplicate_groups
from har_core.datasets.dsads.layout import UNITS, RecordingKey
from har_core.windows.copies import link_windows
from har_core.windows.repair import Repair, find_repairs
from har_core.windows.schema import NO_GROUP
from har_core.windows.stretches import begins_of, stretches_between

Damaged = Literal["flag", "keep", "repair", "fill", "drop"]
"""What becomes of windows that touch a damaged run: ``[windows] damaged`` of the experiment file."""
Layout = Mapping[RecordingKey, tuple[int, ...]]
"""The segment numbers of each recording, ascending; recordings in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """How windows are cut; see :func:`har_core.windows.segment`."""

    length: int
    stride: int
    damaged: Damaged
    join: bool
    longest_repair: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecordingPlan:
    """The windows of one recording."""

    segments: tuple[int, ...]
    stretches: tuple[range, ...]
    """Rows that no window leaves."""
    begins: npt.NDArray[np.int64]
    """First row (N,) of each window, ascending."""
    kept: npt.NDArray[np.bool_]
    """(N,): False for windows that are not to be cut."""
    damaged: npt.NDArray[np.bool_]
    """(N,), after repairs and fillings."""
    duplicate_group: npt.NDArray[np.int32]
    """(N,), NO_GROUP if there is none."""
    repairs: tuple[Repair, ...] = ()
    is_repaired: npt.NDArray[np.bool_]
    """(N,): holds interpolated or filled samples."""


def plan_blindly(segments: tuple[int, ...], cut: Cut, *, breaks: npt.NDArray[np.bool_] | None = None) -> RecordingPlan:
    """A plan with nothing flagged: windows leave no segment, or only cross joins that ``breaks`` (S - 1,) allows."""
    stretches = stretches_between(np.ones(len(segments) - 1, dtype=np.bool_) if breaks is None else breaks)
    begins = begins_of(stretches, cut.length, cut.stride)
    nowhere = np.zeros(len(begins), dtype=np.bool_)
    return RecordingPlan(
        segments=segments,
        stretches=stretches,
        begins=begins,
        kept=~nowhere,
        damaged=nowhere,
        duplicate_group=np.full(len(begins), NO_GROUP, dtype=np.int32),
        is_repaired=nowhere,
    )


def plan_windows(findings: pa.Table, layout: Layout, cut: Cut) -> dict[RecordingKey, RecordingPlan]:
    """The plan of every recording; it takes some bytes for each window.

    Args:
        findings: in :data:`~har_core.audit.findings.FINDINGS_SCHEMA`.
        layout: every recording that will be cut.
        cut: how.
    """
    plans = {key: _plan(findings, key, segments, cut) for key, segments in layout.items()}
    begins = {key: plan.begins[plan.kept] for key, plan in plans.items()}
    for key, groups in link_windows(duplicate_groups(findings, layout), begins, cut.length).items():
        plans[key].duplicate_group[plans[key].kept] = groups
    return plans


def touches(rows: npt.NDArray[np.bool_], begins: npt.NDArray[np.int64], length: int) -> npt.NDArray[np.bool_]:
    """For each window (N,): is one of its rows among those that ``rows`` (R,) marks?

    >>> touches(np.array([False, True, False, False]), np.array([0, 1, 2]), 2).tolist()
    [True, True, False]
    """
    num_before = np.concatenate([[0], np.cumsum(rows)])
    touched: npt.NDArray[np.bool_] = num_before[begins + length] > num_before[begins]
    return touched


def _plan(findings: pa.Table, key: RecordingKey, segments: tuple[int, ...], cut: Cut) -> RecordingPlan:
    """The plan of one recording, without groups of duplicates."""
    plan = plan_blindly(segments, cut, breaks=discontinuous_joins(findings, key, segments) if cut.join else None)
    rows = damaged_rows(findings, key, segments)
    if cut.damaged == "keep" or not rows.any():
        return plan
    if cut.damaged == "fill":
        return _plan_filling(plan, findings, key, cut.length)
    if cut.damaged == "repair":
        of_units = np.stack([damaged_rows(findings, key, segments, unit=unit) for unit in UNITS])
        # Within what windows stay in: the next segment may have another role, as in the protocol `leaky`.
        repairs = find_repairs(of_units, plan.stretches, longest=cut.longest_repair)
        repaired = np.zeros(len(rows), dtype=np.bool_)
        for repair in repairs:
            of_units[repair.unit, repair.first : repair.stop] = False
            repaired[repair.first : repair.stop] = True
        rows = np.logical_or.reduce(of_units)
        plan = replace(plan, repairs=repairs, is_repaired=touches(repaired, plan.begins, cut.length))
    damaged = touches(rows, plan.begins, cut.length)
    return replace(plan, kept=~damaged) if cut.damaged == "drop" else replace(plan, damaged=damaged)


def _plan_filling(plan: RecordingPlan, findings: pa.Table, key: RecordingKey, length: int) -> RecordingPlan:
    """Zeros are filled from the rest of the window; a unit that is zero all through it, or stands still, stays so."""
    segments, begins = plan.segments, plan.begins
    zero = [damaged_rows(findings, key, segments, unit=unit, kinds=[Kind.ZERO_RUN]) for unit in UNITS]
    still = damaged_rows(findings, key, segments, kinds=[Kind.CONSTANT_RUN])
    is_touched = np.stack([touches(rows, begins, length) for rows in zero])
    is_lost = np.stack([~touches(~rows, begins, length) for rows in zero])
    return replace(
        plan,
        damaged=is_lost.any(axis=0) | touches(still, begins, length),
        is_repaired=np.logical_or.reduce(is_touched & ~is_lost),
    )
