"""What is known of windows before a sample is read: where each begins, its label, its damage, what it is a copy of.

All of it follows from the outlines of the recordings and the findings of the audit. Rows count from 0 over the segments
of one recording, in order. Letters: N windows, S segments, R rows, K activities.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from har_core.audit.kinds import Kind
from har_core.datasets.recordings import Outline, RecordingKey
from har_core.windows.audited import Audited
from har_core.windows.copies import link_windows
from har_core.windows.labels import OTHER, window_labels
from har_core.windows.repair import Repair, find_repairs
from har_core.windows.schema import NO_GROUP
from har_core.windows.stretches import begins_of, stretches_between

Damaged = Literal["flag", "keep", "repair", "fill", "drop"]
"""What becomes of windows that touch a damaged run: ``[windows] damaged`` of the experiment file."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cut:
    """How windows are cut; see :func:`har_core.windows.segment`."""

    length: int
    stride: int
    numbers: npt.NDArray[np.int8]
    """(K + 1,) from activity numbers of the recordings to those of windows; 0 for what is left out."""
    label_share: float | None
    """Share of a window's rows above which their label is its own; None: all of them."""
    damaged: Damaged
    join: bool
    longest_repair: int
    places: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecordingPlan:
    """The windows of one recording."""

    outline: Outline
    stretches: tuple[range, ...]
    """Rows that no window leaves."""
    begins: npt.NDArray[np.int64]
    """First row (N,) of each window, ascending."""
    labels: npt.NDArray[np.int8]
    """(N,) activity numbers, OTHER or MIXED."""
    kept: npt.NDArray[np.bool_]
    """(N,): False for windows that are not to be cut."""
    damaged: npt.NDArray[np.bool_]
    """(N,), after repairs and fillings."""
    duplicate_group: npt.NDArray[np.int32]
    """(N,), NO_GROUP if there is none."""
    repairs: tuple[Repair, ...] = ()
    is_repaired: npt.NDArray[np.bool_]
    """(N,): holds interpolated or filled samples."""


def plan_windows(
    outlines: Mapping[RecordingKey, Outline], cut: Cut, audited: Audited | None
) -> dict[RecordingKey, RecordingPlan]:
    """The plan of every recording; it takes some bytes for each window.

    Args:
        outlines: every recording that will be cut.
        cut: how.
        audited: what the audit found in them; without it nothing is flagged.
    """
    plans = {key: _plan(key, outline, cut, audited) for key, outline in outlines.items()}
    if audited is not None:
        begins = {key: plan.begins[plan.kept] for key, plan in plans.items()}
        for key, groups in link_windows(audited.groups(), begins, cut.length).items():
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


def _plan(key: RecordingKey, outline: Outline, cut: Cut, audited: Audited | None) -> RecordingPlan:
    """The plan of one recording, without groups of duplicates."""
    no_join = np.ones(len(outline.segments) - 1, dtype=np.bool_)
    breaks = audited.breaks(key) if cut.join and audited is not None else no_join
    stretches = stretches_between(outline.starts, breaks)
    begins = begins_of(stretches, cut.length, cut.stride)
    labels = window_labels(outline, begins, cut.length, cut.numbers, share=cut.label_share)
    nowhere = np.zeros(len(begins), dtype=np.bool_)
    plan = RecordingPlan(
        outline=outline,
        stretches=stretches,
        begins=begins,
        labels=labels,
        kept=labels > OTHER,
        damaged=nowhere,
        duplicate_group=np.full(len(begins), NO_GROUP, dtype=np.int32),
        is_repaired=nowhere,
    )
    return plan if audited is None or cut.damaged == "keep" else _with_damage(plan, key, cut, audited)


def _with_damage(plan: RecordingPlan, key: RecordingKey, cut: Cut, audited: Audited) -> RecordingPlan:
    rows = audited.damaged(key)
    if not rows.any():
        return plan
    if cut.damaged == "fill" and not audited.is_resampled(key):
        return _filling(plan, key, cut, audited)
    if cut.damaged == "repair":
        of_places = np.stack([audited.damaged(key, place=place) for place in cut.places])
        # Within what windows stay in: the next segment may have another role, as in the protocol `leaky`.
        repairs = find_repairs(of_places, plan.stretches, longest=cut.longest_repair)
        repaired = np.zeros(len(rows), dtype=np.bool_)
        for repair in repairs:
            of_places[repair.place, repair.first : repair.stop] = False
            repaired[repair.first : repair.stop] = True
        rows = np.logical_or.reduce(of_places)
        plan = replace(plan, repairs=repairs, is_repaired=touches(repaired, plan.begins, cut.length))
    damaged = touches(rows, plan.begins, cut.length)
    return replace(plan, kept=plan.kept & ~damaged) if cut.damaged == "drop" else replace(plan, damaged=damaged)


def _filling(plan: RecordingPlan, key: RecordingKey, cut: Cut, audited: Audited) -> RecordingPlan:
    """Zeros are filled from the rest of the window; a place that is zero all through it, or stands still, stays so."""
    zero = [audited.damaged(key, place=place, kinds=(Kind.ZERO_RUN,)) for place in cut.places]
    still = audited.damaged(key, kinds=(Kind.CONSTANT_RUN,))
    is_touched = np.stack([touches(rows, plan.begins, cut.length) for rows in zero])
    is_lost = np.stack([~touches(~rows, plan.begins, cut.length) for rows in zero])
    return replace(
        plan,
        damaged=is_lost.any(axis=0) | touches(still, plan.begins, cut.length),
        is_repaired=np.logical_or.reduce(is_touched & ~is_lost),
    )
