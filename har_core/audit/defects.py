"""The audit as one call: recordings in, a table of findings out. How each kind is found is in the modules beside."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from har_core.audit.channels import find_duplicated, find_odd_fields, find_out_of_range, find_swapped_sensors
from har_core.audit.copies import Hashes, find_copies, hash_rows
from har_core.audit.exchanges import find_swapped_stretches
from har_core.audit.findings import Finding, tabulate
from har_core.audit.joins import find_broken_joins, find_missing
from har_core.audit.runs import find_runs
from har_core.audit.signals import Mask, Signals
from har_core.audit.steps import measure_steps
from har_core.base.ahead import ahead
from har_core.base.errors import InputError, Problem
from har_core.base.progress import Progress, silent
from har_core.datasets.dsads.recordings import Recording, Recordings
from har_core.settings.audit import AuditSettings

_DEFAULTS = AuditSettings()


def find_defects(
    recordings: Iterable[Recording], settings: AuditSettings = _DEFAULTS, progress: Progress = silent
) -> pa.Table:
    """Find defects in the content of recordings.

    Each recording is read once and kept, so that its rows can be compared with those of all others: memory grows with
    the recordings, by their own size, and by nearly as much again while rows are compared (docs/results/scaling.md).

    Args:
        recordings: in any order.
        settings: thresholds.
        progress: called with the number of recordings audited.

    Returns:
        A table of ``FINDINGS_SCHEMA``; the same for the same recordings, whatever their order.

    Raises:
        InputError: a recording comes twice; or reading one raises it.
    """
    num_total = len(recordings) if isinstance(recordings, Recordings) else None
    examined = []
    for one in ahead(partial(_examine, settings=settings), recordings, num_threads=os.cpu_count() or 1):
        examined.append(one)
        progress("recordings audited", len(examined), num_total or len(examined))
    examined.sort(key=lambda one: one.signals.key)
    repeated = sorted({one.signals.key for one, other in pairwise(examined) if one.signals.key == other.signals.key})
    if repeated:
        problems = [Problem(path=str(key), expected="each recording once") for key in repeated]
        raise InputError("Recordings cannot be audited", problems)
    if not examined:
        return tabulate([])
    findings = [finding for one in examined for finding in one.findings]
    findings += find_copies(
        [one.signals for one in examined],
        np.concatenate([one.hashes for one in examined], axis=1),
        np.concatenate([one.still for one in examined], axis=1),
        np.concatenate([one.all_still for one in examined]),
        settings,
    )
    findings += find_missing({one.signals.key: one.signals.segments for one in examined})
    return tabulate(findings)


class _Examined(NamedTuple):
    """One recording after everything that needs no other."""

    signals: Signals
    hashes: Hashes
    still: Mask
    """(units, n) rows in a run of the unit."""
    all_still: Mask
    """(n,) rows in a run of all channels."""
    findings: Sequence[Finding]


def _examine(recording: Recording, settings: AuditSettings) -> _Examined:
    without_negative_zeros = recording.samples + np.float32(0)
    signals = Signals(recording.key, recording.segments, without_negative_zeros)
    findings, still, all_still = find_runs(signals, settings)
    findings += find_out_of_range(signals, settings)
    findings += find_odd_fields(signals, settings, still)
    findings += find_duplicated(signals, settings, still)
    steps = measure_steps(signals, np.logical_or.reduce(still))
    if steps is not None:
        findings += find_broken_joins(signals, steps, settings)
        findings += find_swapped_sensors(signals, steps)
        findings += find_swapped_stretches(signals, steps, settings)
    return _Examined(signals, hash_rows(signals), still, all_still, findings)
