"""Channels that, throughout or for long, hold what belongs to others: two that are equal, or sensors exchanged.

A magnetometer is quieter than the other sensors of its unit, and an accelerometer, which feels gravity, has the larger
norm than a gyroscope. Exchanges in a part of a recording are in ``exchanges``.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from har_core.audit.findings import Finding, Kind, Severity
from har_core.audit.places import channels_of
from har_core.audit.signals import Mask, Signals, long_runs
from har_core.audit.steps import Steps
from har_core.datasets.dsads.layout import SENSORS, UNITS
from har_core.settings.audit import AuditSettings

_ACC, _GYRO, _MAG = (SENSORS.index(sensor) for sensor in ("acc", "gyro", "mag"))
_CHUNK = 25
"""Rows that are compared at once; a run of twice as many holds a whole chunk wherever it begins."""


def find_duplicated(signals: Signals, settings: AuditSettings, standing_still: Mask) -> Iterator[Finding]:
    """Pairs of channels that are equal for many rows, those left out in which either stands still.

    Args:
        signals: the recording.
        settings: the least number of rows.
        standing_still: (units, n) rows that do not count.
    """
    num_channels = len(signals.channels)
    bits = signals.channels.view(np.uint32).reshape(num_channels, -1, _CHUNK).astype(np.uint64)
    weights = np.random.default_rng(0).integers(1, 2**62, _CHUNK, dtype=np.uint64) * 2 + 1
    hashes = bits @ weights  # (C, chunks)
    order = np.argsort(hashes, axis=0, kind="stable")
    ordered = np.take_along_axis(hashes, order, axis=0)
    pairs = set()
    for lag in range(1, num_channels):
        same = ordered[lag:] == ordered[:-lag]
        if not same.any():
            break
        rank, chunk = np.nonzero(same)
        moves = (bits[order[rank, chunk], chunk] != bits[order[rank, chunk], chunk, :1]).any(axis=1)
        pairs |= set(zip(order[rank, chunk][moves], order[rank + lag, chunk][moves], strict=True))
    still = np.repeat(standing_still, num_channels // len(standing_still), axis=0)
    for one, other in sorted((int(min(pair)), int(max(pair))) for pair in pairs):
        equal = (signals.channels[one] == signals.channels[other]) & ~still[one] & ~still[other]
        for row, num_rows in long_runs(equal, settings.copied_rows_of_channel):
            yield signals.finding(Kind.DUPLICATED_CHANNELS, Severity.ERROR, row, num_rows, [one, other])


def find_swapped_sensors(signals: Signals, steps: Steps) -> Iterator[Finding]:
    """Channels that, throughout a recording, move as those of another sensor of their unit do."""
    noise = steps.usual.reshape(len(UNITS), len(SENSORS), 3)
    norms = np.median(np.sqrt(np.square(signals.sensors).sum(axis=2)), axis=2)  # (units, sensors)
    for unit in range(len(UNITS)):
        magnetic = [channels_of(unit)[3 * _MAG + axis] for axis in range(3)]
        others = [channel for channel in channels_of(unit) if channel not in magnetic]
        of = dict(zip(channels_of(unit), noise[unit].ravel(), strict=True))
        quiet, loud = sorted(others, key=of.__getitem__), sorted(magnetic, key=of.__getitem__, reverse=True)
        swapped = [pair for pair in zip(quiet, loud, strict=False) if of[pair[0]] < of[pair[1]]]
        if swapped:
            channels = [channel for pair in swapped for channel in pair]
            yield signals.finding(Kind.SWAPPED_CHANNELS, Severity.ERROR, 0, signals.num_rows, channels)
        elif norms[unit, _ACC] < norms[unit, _GYRO]:
            channels = [channels_of(unit)[3 * sensor + axis] for sensor in (_ACC, _GYRO) for axis in range(3)]
            yield signals.finding(Kind.SWAPPED_CHANNELS, Severity.ERROR, 0, signals.num_rows, channels)
