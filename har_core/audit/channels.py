"""Channels that hold what they cannot have measured: impossible values, odd magnetic fields, or another's values.

Two channels are equal for many rows, or sensors are exchanged throughout; exchanges in a part of a recording are in
``exchanges``. A magnetometer is quieter than the other sensors of its place, and an accelerometer, which feels gravity,
has the larger norm than a gyroscope.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from har_core.audit.findings import Finding
from har_core.audit.kinds import Kind, Severity
from har_core.audit.needs import Need
from har_core.audit.signals import Mask, Signals, Values, columns, runs
from har_core.audit.steps import Steps
from har_core.settings.audit import AuditSettings
from har_core.spec.dataset import DatasetSpec, Sensor

_CHUNK = 25
"""Rows that are compared at once; a run of twice as many holds a whole chunk wherever it begins."""
_UNITS = {"acc": "m/s²", "gyro": "rad/s", "mag": "normalised to the Earth's field"}
"""Units of measure in which sensors of a place can be compared."""


def _limits(spec: DatasetSpec) -> Mapping[str, tuple[int, float] | None]:
    """Index and limit of each channel that has a limit."""
    limits = {channel.name: channel.limit for channel in spec.channels}
    return {name: None if limit is None else (c, limit) for c, (name, limit) in enumerate(limits.items())}


def _comparable(spec: DatasetSpec) -> Mapping[str, dict[str, Sensor]]:
    """The accelerometer, gyroscope and magnetometer of each place that measure in :data:`_UNITS`."""
    found: dict[str, dict[str, Sensor]] = {name: {} for name in spec.places}
    for sensor in spec.triads:
        if {spec.channels[axis].unit for axis in sensor.axes} == {_UNITS.get(sensor.kind)}:
            found[spec.places[sensor.place]][sensor.kind] = sensor
    return found


def _fields(spec: DatasetSpec) -> Mapping[str, Sensor | None]:
    return {place: sensors.get("mag") for place, sensors in _comparable(spec).items()}


def _several(spec: DatasetSpec) -> Mapping[str, dict[str, Sensor] | None]:
    return {place: sensors if len(sensors) > 1 else None for place, sensors in _comparable(spec).items()}


LIMITS = Need(kinds=(Kind.OUT_OF_RANGE,), look=_limits, lacking="no limit is known")
FIELDS = Need(
    kinds=(Kind.MAGNETOMETER_NORM,), look=_fields, lacking=f"no magnetometer with three axes, {_UNITS['mag']}"
)
SENSORS = Need(
    kinds=(Kind.SWAPPED_CHANNELS,),
    look=_several,
    lacking="throughout a recording: fewer than two of an accelerometer in m/s², a gyroscope in rad/s and a "
    f"magnetometer {_UNITS['mag']}, each with three axes",
)


def find_out_of_range(signals: Signals) -> Iterator[Finding]:
    """Runs of rows in which a channel is beyond its limit, channel by channel."""
    for channel, limit in LIMITS.met(signals.spec):
        size = np.abs(signals.channels[channel])
        for row, num_rows in runs(size > limit) if size.max() > limit else ():
            yield Finding(Kind.OUT_OF_RANGE, Severity.WARNING, signals.place(row), num_rows, [channel])


def find_odd_fields(signals: Signals, settings: AuditSettings, standing_still: Mask) -> Iterator[Finding]:
    """Ranges of rows in which the norm of a place's magnetometer is outside its limits.

    Up to ``field_gap`` rows within the limits do not divide a range; rows (P, n) that stand still, and those in which a
    value is missing, do not count.
    """
    for sensor in FIELDS.met(signals.spec):
        norms = _norms(signals, sensor)
        ignored = standing_still[sensor.place]
        if signals.missing is not None:
            ignored = ignored | signals.missing[list(sensor.axes)].any(axis=0)
        odd = ((norms < settings.field_min) | (norms > settings.field_max)) & ~ignored
        closed = odd.copy()
        for row, num_rows in runs(~odd):
            is_inside = row > 0 and row + num_rows < len(closed)
            if is_inside and num_rows <= settings.field_gap and not ignored[row : row + num_rows].any():
                closed[row : row + num_rows] = True
        for row, num_rows in runs(closed, settings.field_rows):
            yield Finding(Kind.MAGNETOMETER_NORM, Severity.INFO, signals.place(row), num_rows, sensor.axes)


def find_duplicated(signals: Signals, settings: AuditSettings, standing_still: Mask) -> Iterator[Finding]:
    """Pairs of channels that are equal for many rows.

    Rows (P, n) in which a place stands still do not count, nor those in which a value is missing.
    """
    num_channels, num_chunks = len(signals.channels), signals.num_rows // _CHUNK
    bits = signals.channels[:, : num_chunks * _CHUNK].view(np.uint32).reshape(num_channels, num_chunks, _CHUNK)
    moves = (bits != bits[:, :, :1]).any(axis=2)  # (C, chunks)
    weights = np.random.default_rng(0).integers(1, 2**62, _CHUNK, dtype=np.uint64) * 2 + 1
    hashes = bits.astype(np.uint64) @ weights
    for one in range(num_channels):
        same = ((hashes[one + 1 :] == hashes[one]) & moves[one]).any(axis=1)
        for other in (np.flatnonzero(same) + one + 1).tolist():
            equal = signals.channels[one] == signals.channels[other]
            for channel in (one, other):
                equal &= ~standing_still[signals.spec.place_of_channel[channel]]
                if signals.missing is not None:
                    equal &= ~signals.missing[channel]
            for row, num_rows in runs(equal, settings.copied_rows_of_channel):
                yield Finding(Kind.DUPLICATED_CHANNELS, Severity.ERROR, signals.place(row), num_rows, [one, other])


def find_swapped_sensors(signals: Signals, steps: Steps) -> Iterator[Finding]:
    """Channels that, throughout a recording, move as those of another sensor of their place do."""
    noise = steps.usual[:, 0].tolist()
    for sensors in SENSORS.met(signals.spec):
        axes = {kind: sensors[kind].axes if kind in sensors else () for kind in _UNITS}
        loud = sorted(axes["mag"], key=noise.__getitem__, reverse=True)
        quiet = sorted([*axes["acc"], *axes["gyro"]], key=noise.__getitem__)[: len(loud)]
        swapped = [
            channel for pair in zip(quiet, loud, strict=True) if noise[pair[0]] < noise[pair[1]] for channel in pair
        ]
        if not swapped and {"acc", "gyro"} <= sensors.keys():
            acc, gyro = (float(np.median(_norms(signals, sensors[kind]))) for kind in ("acc", "gyro"))
            if acc < gyro:
                swapped = [*axes["acc"], *axes["gyro"]]
        if swapped:
            yield Finding(Kind.SWAPPED_CHANNELS, Severity.ERROR, signals.place(0), signals.num_rows, swapped)


def _norms(signals: Signals, sensor: Sensor) -> Values:
    """(n,) the length of the vector that a sensor with three axes measures."""
    return np.asarray(np.sqrt(np.square(signals.channels[columns(sensor.axes)]).sum(axis=0)), dtype=np.float32)
