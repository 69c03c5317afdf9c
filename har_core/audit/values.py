"""Values that a unit cannot measure, and magnetic fields that are not the Earth's."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from har_core.audit.findings import Finding
from har_core.audit.kinds import Kind, Severity
from har_core.audit.signals import ACC, GYRO, MAG, Mask, Signals, runs
from har_core.datasets.dsads.layout import UNITS, channels_of_sensor
from har_core.settings.audit import AuditSettings


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
