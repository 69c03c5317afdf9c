"""What is known of windows before a sample is read: where each begins, whether it is damaged, what it is a copy of.

Worked out from the numbers of the segments and the findings of the audit. Rows count from 0 over the segments of one
recording, in order. Letters: N windows, S segments, R = S * 125 rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from har_core.audit.ranges import damaged_rows, discontinuous_joins, duplicate_groups
from har_core.datasets.dsads.layout import UNITS, RecordingKey
from har_core.windows.copies import link_windows
from har_core.windows.repair import Repair, find_repairs
from har_core.windows.schema import NO_GROUP
from har_core.windows.stretches import Stretch, begins_of, stretches_between

Damaged = Literal["flag", "keep", "repair", "drop"]
"""What becomes of windows that touch a damaged run: ``[windows] damaged`` of the experiment file."""
Layout = Mapping[RecordingKey, tuple[int, ...]]
"""The segment numbers of each recording, ascending; recordings in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """How windows are cut; see :func:`har_core.windows.segment`."""

    length: int
    stride: int
    damaged: Damaged = "flag"
    join: bool = False
    longest_repair: int = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecordingPlan:
    """The windows of one recording."""

    segments: tuple[int, ...]
    stretches: tuple[Stretch, ...]
    """What no window leaves."""
    begins: npt.NDArray[np.int64]
    """First row (N,) of each window, ascending."""
    kept: npt.NDArray[np.bool_]
    """(N,): False for windows that are not to be cut."""
    damaged: npt.NDArray[np.bool_]
    """(N,), once what can be repaired is."""
    duplicate_group: npt.NDArray[np.int32]
    """(N,), NO_GROUP where there is none."""
    repairs: tuple[Repair, ...] = ()
    is_repaired: npt.NDArray[np.bool_]
    """(N,): holds interpolated samples."""


def plan_blindly(segments: tuple[int, ...], cut: Cut) -> RecordingPlan:
    """The plan for a recording of which no findings are known: nothing is flagged, nothing joined."""
    stretches = stretches_between(np.ones(len(segments) - 1, dtype=np.bool_))
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
    """The plan of every recording. Its size goes with the number of windows, some bytes for each.

    Args:
        findings: in :data:`~har_core.audit.findings.FINDINGS_SCHEMA`.
        layout: every recording that will be cut.
        cut: how.
    """
    of_unit = [_of_unit(findings, unit) for unit in UNITS]
    plans = {key: _plan(findings, of_unit, key, segments, cut) for key, segments in layout.items()}
    begins = {key: plan.begins[plan.kept] for key, plan in plans.items()}
    groups = link_windows(duplicate_groups(findings, layout), begins, cut.length)
    return {key: replace(plan, duplicate_group=_spread(groups[key], plan.kept)) for key, plan in plans.items()}


def touches(rows: npt.NDArray[np.bool_], begins: npt.NDArray[np.int64], length: int) -> npt.NDArray[np.bool_]:
    """For each window (N,): is one of its rows among those that ``rows`` (R,) marks?

    >>> touches(np.array([False, True, False, False]), np.array([0, 1, 2]), 2).tolist()
    [True, True, False]
    """
    num_before = np.concatenate([[0], np.cumsum(rows)])
    touched: npt.NDArray[np.bool_] = num_before[begins + length] > num_before[begins]
    return touched


def _plan(
    findings: pa.Table, of_unit: list[pa.Table], key: RecordingKey, segments: tuple[int, ...], cut: Cut
) -> RecordingPlan:
    plan = plan_blindly(segments, cut)
    if cut.join:
        continuous = stretches_between(discontinuous_joins(findings, key, segments))
        begins = begins_of(continuous, cut.length, cut.stride)
        nowhere = np.zeros(len(begins), dtype=np.bool_)
        plan = replace(plan, stretches=continuous, begins=begins, kept=~nowhere, damaged=nowhere, is_repaired=nowhere)
    rows: npt.NDArray[np.bool_] = damaged_rows(findings, key, segments)
    if cut.damaged == "keep" or not rows.any():
        return plan
    if cut.damaged == "repair":
        of_unit_rows = np.stack([damaged_rows(table, key, segments) for table in of_unit])
        # Within what windows stay in: the next segment may have another role, as in the protocol `leaky`.
        repairs = find_repairs(of_unit_rows, plan.stretches, longest=cut.longest_repair)
        repaired = np.zeros(len(rows), dtype=np.bool_)
        for repair in repairs:
            of_unit_rows[repair.unit, repair.first : repair.stop] = False
            repaired[repair.first : repair.stop] = True
        rows = np.logical_or.reduce(of_unit_rows)
        plan = replace(plan, repairs=repairs, is_repaired=touches(repaired, plan.begins, cut.length))
    damaged = touches(rows, plan.begins, cut.length)
    return replace(plan, kept=~damaged) if cut.damaged == "drop" else replace(plan, damaged=damaged)


def _of_unit(findings: pa.Table, unit: str) -> pa.Table:
    """The findings on all channels or on a unit as a whole."""
    concerned = [channels == "all" or unit in channels.split() for channels in findings["channels"].to_pylist()]
    return findings.filter(pa.array(concerned, pa.bool_()))


def _spread(groups: npt.NDArray[np.int32], kept: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    spread = np.full(len(kept), NO_GROUP, dtype=np.int32)
    spread[kept] = groups
    return spread
