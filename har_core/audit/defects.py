"""The audit as one call: recordings in, a table of findings out. How each kind is found is in the modules beside.

Each detector looks where a data set has what it needs; what it skips for want of it is in the metadata of the table.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from har_core.audit import channels, copies, exchanges, joins, runs
from har_core.audit.findings import Finding, tabulate
from har_core.audit.needs import Need, skipped_by
from har_core.audit.signals import Mask, Signals
from har_core.audit.steps import measure_steps
from har_core.base.ahead import ahead
from har_core.base.errors import InputError, Problem
from har_core.base.progress import Progress, silent
from har_core.datasets.recordings import Recording, Recordings
from har_core.settings.audit import AuditSettings
from har_core.spec.dataset import DatasetSpec

_DEFAULTS = AuditSettings()
_NEEDS: tuple[Need[Any], ...] = (
    *(runs.PLACES, runs.CHANNELS, copies.PLACES, joins.PARTS, joins.STEPS),
    *(channels.LIMITS, channels.FIELDS, channels.SENSORS, exchanges.PLACES, exchanges.PARTS),
)


def find_defects(
    recordings: Iterable[Recording],
    spec: DatasetSpec,
    settings: AuditSettings = _DEFAULTS,
    progress: Progress = silent,
) -> pa.Table:
    """Find defects in the content of recordings.

    Each recording is read once and kept, so that its rows can be compared with those of all others: memory grows with
    the recordings, by their own size, and by nearly as much again while rows are compared (docs/results/scaling.md).

    Args:
        recordings: in any order.
        spec: the data set that they are of.
        settings: thresholds.
        progress: called with the number of recordings audited.

    Returns:
        A table of ``FINDINGS_SCHEMA``; the same for the same recordings, whatever their order. Its metadata has the
        data set, and what :func:`~har_core.audit.findings.skipped_of` reads.

    Raises:
        InputError: a recording comes twice; or reading one raises it.
    """
    num_total = len(recordings) if isinstance(recordings, Recordings) else None
    examined = []
    for one in ahead(partial(_examine, spec=spec, settings=settings), recordings, num_threads=os.cpu_count() or 1):
        examined.append(one)
        progress("recordings audited", len(examined), num_total or len(examined))
    examined.sort(key=lambda one: one.recorded.key)
    repeated = sorted({one.recorded.key for one, other in pairwise(examined) if one.recorded.key == other.recorded.key})
    if repeated:
        problems = [Problem(path=str(key), expected="each recording once") for key in repeated]
        raise InputError("Recordings cannot be audited", problems)
    findings = [finding for one in examined for finding in one.findings]
    if examined:
        findings += copies.find_copies(
            [one.recorded for one in examined],
            np.concatenate([one.hashes for one in examined], axis=1),
            np.concatenate([one.idle for one in examined], axis=1),
            np.concatenate([one.all_idle for one in examined]),
            settings,
        )
        findings += joins.find_missing({one.recorded.key: one.recorded.outline for one in examined}, spec)
    return tabulate(findings, spec, skipped_by(_NEEDS, spec))


class _Examined(NamedTuple):
    """One recording after everything that needs no other."""

    recorded: Signals
    hashes: copies.Hashes
    idle: Mask
    """(P, n) rows in a run of the place, or without a value of it."""
    all_idle: Mask
    """(n,) rows in a run of all channels, or idle everywhere."""
    findings: Sequence[Finding]


def _examine(recording: Recording, spec: DatasetSpec, settings: AuditSettings) -> _Examined:
    recorded = Signals.of(recording, spec)
    signals = recorded.bridged()
    findings, still, all_still = runs.find_runs(signals, settings)
    findings += channels.find_out_of_range(signals)
    findings += channels.find_odd_fields(signals, settings, still)
    findings += channels.find_duplicated(signals, settings, still)
    idle = still if signals.missing is None else still | signals.lost()
    steps = measure_steps(signals, np.logical_or.reduce(idle))
    if steps is not None:
        findings += joins.find_broken_joins(signals, steps, settings)
        findings += channels.find_swapped_sensors(signals, steps)
        findings += exchanges.find_swapped_stretches(signals, steps, settings)
    all_idle = all_still if signals.missing is None else all_still | idle[copies.PLACES.met(spec)].all(axis=0)
    return _Examined(replace(recorded, missing=None), copies.hash_rows(recorded), idle, all_idle, findings)
