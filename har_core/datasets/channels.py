"""Chooses which of the 45 channels a model sees: by unit, by sensor, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from har_core.base.errors import InputError, Problem
from har_core.base.names import hint
from har_core.datasets.dsads.layout import AXES, CHANNELS, NUM_CHANNELS, SENSORS, UNITS

NAMES: dict[str, tuple[str, ...]] = {"units": UNITS, "sensors": SENSORS, "channels": CHANNELS}
"""The three ways to choose, as settings call them, and the names that each knows."""

_PARTS = [(unit, sensor, f"{unit}_{axis}{sensor}") for unit in UNITS for sensor in SENSORS for axis in AXES]
"""Unit, sensor and name of each channel."""


def select_channels(
    units: Sequence[str] | None = None, sensors: Sequence[str] | None = None, channels: Sequence[str] | None = None
) -> tuple[int, ...]:
    """Indices, ascending, of the channels that fit every choice; None makes no choice.

    Args:
        units: sensor units: T, RA, LA, RL, LL.
        sensors: acc, gyro, mag.
        channels: names of single channels, as in ``T_xacc``.

    Raises:
        InputError: an unknown name, with the nearest known one, or no channel is left.

    >>> [CHANNELS[index] for index in select_channels(units=["RA"], sensors=["acc"])]
    ['RA_xacc', 'RA_yacc', 'RA_zacc']
    """
    chosen = {"units": units, "sensors": sensors, "channels": channels}
    problems = [
        Problem(path=f"{what}[{index}]", value=name, expected=expected)
        for what, index, name, expected in unknown_names(chosen)
    ]
    if problems:
        raise InputError("The channels cannot be chosen", problems)
    indices = tuple(
        index
        for index, parts in enumerate(_PARTS)
        if all(names is None or part in names for part, names in zip(parts, chosen.values(), strict=True))
    )
    if not indices:
        written = ", ".join(f"{what} {', '.join(names)}" for what, names in chosen.items() if names is not None)
        raise InputError(f"No channel is left of {written}: a channel must fit each of them")
    return indices


def unknown_names(chosen: Mapping[str, Sequence[str] | None]) -> Iterator[tuple[str, int, str, str]]:
    """Of each chosen name that does not exist: way to choose, index, name, and what should have stood in its place.

    >>> list(unknown_names({"units": ["T", "ra"]}))
    [('units', 1, 'ra', "a unit; did you mean 'RA'?")]
    """
    for what, names in chosen.items():
        for index, name in enumerate(names or ()):
            if name not in NAMES[what]:
                yield what, index, name, f"a {what.removesuffix('s')}{hint(name, NAMES[what])}"


class Sensor(NamedTuple):
    """A sensor with three axes."""

    unit: int
    """Index of the unit that it sits in: sensors of one unit turn together."""
    kind: str
    """acc, gyro or mag."""
    axes: tuple[int, int, int]
    """Where the x, y and z axis stand among the channels of a window."""


def sensors(channels: Sequence[int]) -> tuple[Sensor, ...]:
    """The sensors whose three axes are all in ``channels``.

    >>> sensors(select_channels(channels=["T_xacc", "RA_xgyro", "RA_ygyro", "RA_zgyro"]))
    (Sensor(unit=1, kind='gyro', axes=(1, 2, 3)),)
    """
    position = {channel: place for place, channel in enumerate(channels)}
    found = []
    for index, first in enumerate(range(0, NUM_CHANNELS, len(AXES))):
        x, y, z = (position.get(first + axis) for axis in range(len(AXES)))
        if x is not None and y is not None and z is not None:
            unit, kind = divmod(index, len(SENSORS))
            found.append(Sensor(unit, SENSORS[kind], (x, y, z)))
    return tuple(found)


def triples(channels: Sequence[int]) -> tuple[tuple[int, int, int], ...]:
    """The axes of each of the :func:`sensors`."""
    return tuple(sensor.axes for sensor in sensors(channels))
