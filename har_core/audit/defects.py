"""The audit as one call: recordings in, a table of findings out. How each kind is found is in the modules beside."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from har_core.audit.channels import find_duplicated, find_swapped_sensors
from har_core.audit.copies import Hashes, find_copies, hash_rows
from har_core.audit.exchanges import find_swapped_stretches
from har_core.audit.findings import Finding, tabulate
from har_core.audit.joins import find_broken_joins, find_missing
from har_core.audit.runs import StandStill, find_runs
from har_core.audit.signals import Signals
from har_core.audit.steps import measure_steps
from har_core.audit.values import find_odd_fields, find_out_of_range
from har_core.base.errors import InputError, Problem
from har_core.base.progress import Progress, silent
from har_core.datasets.dsads.recordings import Recording, Recordings
from har_core.settings.audit import AuditSettings

_DEFAULTS = AuditSettings()


def find_defects(
    recordings: Iterable[Recording], settings: AuditSettings = _DEFAULTS, progress: Progress = silent
) -> pa.Table:
    """Find defects in the content of recordings.

    Each recording is read once and kept, so that rows can be compared with those of all others: memory grows with the
    recordings: by their own size, and by nearly as much again while rows are compared (docs/results/scaling.md).

    Args:
        recordings: in any order.
        settings: thresholds.
        progress: told of recordings.

    Returns:
        A table of ``FINDINGS_SCHEMA``; the same for the same recordings, whatever their order.

    Raises:
        InputError: a recording comes twice or has another shape than its segments say; or reading one raises it.
    """
    examined = sorted(_examine_all(recordings, settings, progress), key=lambda one: one.signals.key)
    _refuse_repeated(examined)
    if not examined:
        return tabulate([])
    findings = [finding for one in examined for finding in one.findings]
    findings += find_copies(
        [one.signals for one in examined],
        np.concatenate([one.hashes for one in examined], axis=1),
        np.concatenate([one.still.units for one in examined], axis=1),
        np.concatenate([one.still.all_channels for one in examined]),
        settings,
    )
    findings += find_missing((one.signals.key, one.signals.segments) for one in examined)
    return tabulate(findings)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Examined:
    """One recording after everything that needs no other."""

    signals: Signals
    hashes: Hashes
    still: StandStill
    findings: tuple[Finding, ...]


def _examine(recording: Recording, settings: AuditSettings) -> _Examined:
    signals = Signals.of(recording)
    still = find_runs(signals, settings)
    findings = [*still.findings, *find_out_of_range(signals, settings)]
    findings += find_odd_fields(signals, settings, still.units)
    findings += find_duplicated(signals, settings, still.units)
    steps = measure_steps(signals, np.logical_or.reduce(still.units))
    if steps is not None:
        findings += find_broken_joins(signals, steps, settings)
        findings += find_swapped_sensors(signals, steps)
        findings += find_swapped_stretches(signals, steps, settings)
    return _Examined(signals=signals, hashes=hash_rows(signals), still=still, findings=tuple(findings))


def _examine_all(recordings: Iterable[Recording], settings: AuditSettings, progress: Progress) -> Iterator[_Examined]:
    """Examine recordings while the next ones are read; no more wait than there are processors."""
    num_total = len(recordings) if isinstance(recordings, Recordings) else None
    num_workers = os.cpu_count() or 1
    num_done = 0
    with ThreadPoolExecutor(num_workers) as pool:
        waiting: deque[Future[_Examined]] = deque()

        def take() -> _Examined:
            nonlocal num_done
            result = waiting.popleft().result()
            num_done += 1
            progress("recordings audited", num_done, num_done if num_total is None else num_total)
            return result

        for recording in recordings:
            waiting.append(pool.submit(_examine, recording, settings))
            if len(waiting) > num_workers:
                yield take()
        while waiting:
            yield take()


def _refuse_repeated(examined: list[_Examined]) -> None:
    keys = [one.signals.key for one in examined]
    repeated = sorted({key for one, key in pairwise(keys) if one == key})
    if repeated:
        problems = [
            Problem(path=f"subject {key.subject}, activity {key.activity}", expected="each recording once")
            for key in repeated
        ]
        raise InputError("Recordings cannot be audited", problems)
