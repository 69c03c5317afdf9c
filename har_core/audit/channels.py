"""Channels that hold what they cannot have measured: impossible values, odd magnetic fields, or another's values.

Two channels are equal for many rows, or sensors are exchanged throughout; exchanges in a part of a recording are in
``exchanges``. A magnetometer is quieter than the other sensors of its unit, and an accelerometer, which feels gravity,
has the larger norm than a gyroscope.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from har_core.audit.findings import Finding
from har_core.audit.kinds import Kind, Severity
from har_core.audit.signals import ACC, GYRO, MAG, Mask, Signals, runs
from har_core.audit.steps import Steps
from har_core.datasets.dsads.layout import CHANNELS_PER_UNIT, UNITS, channels_of_sensor, channels_of_unit
from har_core.settings.audit import AuditSettings

_CHUNK = 25
"""Rows that are compared at once; a run of twice as many holds a whole chunk wherever it begins."""


def find_out_of_range(signals: Signals, settings: AuditSettings) -> Iterator[Finding]:
    """Runs of rows in which an accelerometer or gyroscope channel is beyond its limit, channel by channel."""
    for sensor, limit in ((ACC, settings.acceleration_limit), (GYRO, settings.turning_rate_limit)):
        beyond = np.abs(signals.sensors[:, sensor]) > limit  # (units, axes, n)
        for unit, axis in np.argwhere(beyond.any(axis=2)):
            channel = channels_of_sensor(unit, sensor)[axis]
            for row, num_rows in runs(beyond[unit, axis]):
                yield Finding(Kind.OUT_OF_RANGE, Severity.WARNING, signals.place(row), num_rows, [channel])


def find_odd_fields(signals: Signals, settings: AuditSettings, standing_still: Mask) -> Iterator[Finding]:
    """Ranges of rows in which the norm of a unit's magnetometer is outside its limits.

    Up to ``field_gap`` rows within the limits do not divide a range; rows (units, n) that stand still do not count.
    """
    norms = np.sqrt(np.square(signals.sensors[:, MAG]).sum(axis=1))  # (units, n)
    odd = ((norms < settings.field_min) | (norms > settings.field_max)) & ~standing_still
    for unit in range(len(UNITS)):
        closed = odd[unit].copy()
        for row, num_rows in runs(~odd[unit]):
            is_inside = row > 0 and row + num_rows < len(closed)
            if is_inside and num_rows <= settings.field_gap and not standing_still[unit, row : row + num_rows].any():
                closed[row : row + num_rows] = True
        for row, num_rows in runs(closed, settings.field_rows):
            channels = channels_of_sensor(unit, MAG)
            yield Finding(Kind.MAGNETOMETER_NORM, Severity.INFO, signals.place(row), num_rows, channels)


def find_duplicated(signals: Signals, settings: AuditSettings, standing_still: Mask) -> Iterator[Finding]:
    """Pairs of channels that are equal for many rows, not counting the rows (units, n) in which a unit stands still."""
    num_channels = len(signals.channels)
    bits = signals.channels.view(np.uint32).reshape(num_channels, -1, _CHUNK)
    moves = (bits != bits[:, :, :1]).any(axis=2)  # (C, chunks)
    weights = np.random.default_rng(0).integers(1, 2**62, _CHUNK, dtype=np.uint64) * 2 + 1
    hashes = bits.astype(np.uint64) @ weights
    still = np.repeat(standing_still, CHANNELS_PER_UNIT, axis=0)
    for one in range(num_channels):
        same = ((hashes[one + 1 :] == hashes[one]) & moves[one]).any(axis=1)
        for other in (np.flatnonzero(same) + one + 1).tolist():
            equal = (signals.channels[one] == signals.channels[other]) & ~still[one] & ~still[other]
            for row, num_rows in runs(equal, settings.copied_rows_of_channel):
                yield Finding(Kind.DUPLICATED_CHANNELS, Severity.ERROR, signals.place(row), num_rows, [one, other])


def find_swapped_sensors(signals: Signals, steps: Steps) -> Iterator[Finding]:
    """Channels that, throughout a recording, move as those of another sensor of their unit do."""
    noise = steps.usual[:, 0].tolist()
    norms = np.median(np.sqrt(np.square(signals.sensors).sum(axis=2)), axis=2)  # (units, sensors)
    for unit in range(len(UNITS)):
        loud = sorted(channels_of_sensor(unit, MAG), key=noise.__getitem__, reverse=True)
        others = [channel for channel in channels_of_unit(unit) if channel not in loud]
        quiet = sorted(others, key=noise.__getitem__)[: len(loud)]
        swapped = [
            channel for pair in zip(quiet, loud, strict=True) if noise[pair[0]] < noise[pair[1]] for channel in pair
        ]
        if not swapped and norms[unit, ACC] < norms[unit, GYRO]:
            swapped = [*channels_of_sensor(unit, ACC), *channels_of_sensor(unit, GYRO)]
        if swapped:
            yield Finding(Kind.SWAPPED_CHANNELS, Severity.ERROR, signals.place(0), signals.num_rows, swapped)
