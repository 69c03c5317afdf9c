"""Chooses which channels of a data set a model sees: by place, by kind of sensor, by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from har_core.base.errors import InputError, Problem
from har_core.base.names import hint
from har_core.spec.dataset import DatasetSpec, Sensor

WAYS = ("units", "sensors", "channels")
"""The three ways to choose, as settings call them: by the place where a sensor unit is worn, by kind, by name."""


def known_names(spec: DatasetSpec) -> dict[str, tuple[str, ...]]:
    """The names that each of :data:`WAYS` knows."""
    return dict(zip(WAYS, (spec.places, spec.sensor_kinds, spec.channel_names), strict=True))


def select_channels(
    spec: DatasetSpec,
    units: Sequence[str] | None = None,
    sensors: Sequence[str] | None = None,
    channels: Sequence[str] | None = None,
) -> tuple[int, ...]:
    """Indices, ascending, of the channels that fit every choice; None makes no choice.

    Args:
        spec: whose channels.
        units: places at which sensor units are worn, as in ``RA``.
        sensors: kinds, as in ``acc``.
        channels: names of single channels.

    Raises:
        InputError: an unknown name, with the nearest known one, or no channel is left.
    """
    chosen = dict(zip(WAYS, (units, sensors, channels), strict=True))
    problems = [
        Problem(path=f"{what}[{index}]", value=name, expected=expected)
        for what, index, name, expected in unknown_names(spec, chosen)
    ]
    if problems:
        raise InputError("The channels cannot be chosen", problems)
    indices = tuple(
        index
        for index, channel in enumerate(spec.channels)
        if all(
            names is None or part in names
            for part, names in zip((channel.place, channel.sensor, channel.name), chosen.values(), strict=True)
        )
    )
    if not indices:
        written = ", ".join(f"{what} {', '.join(names)}" for what, names in chosen.items() if names is not None)
        raise InputError(f"No channel is left of {written}: a channel must fit each of them")
    return indices


def unknown_names(spec: DatasetSpec, chosen: Mapping[str, Sequence[str] | None]) -> Iterator[tuple[str, int, str, str]]:
    """Of each chosen name that ``spec`` lacks: way to choose, index, name, and what should have stood in its place."""
    known = known_names(spec)
    for what, names in chosen.items():
        for index, name in enumerate(names or ()):
            if name not in known[what]:
                yield what, index, name, f"a {what.removesuffix('s')}{hint(name, known[what])}"


def match_other(target: DatasetSpec, channels: Sequence[int], source: DatasetSpec) -> tuple[tuple[int, int], ...]:
    """Channels of two data sets that measure the same: place in ``channels``, and index among those of ``source``.

    They have the same place, kind of sensor and axis. Where several do, the first belongs to the first, and so on.
    Names and units do not count. In the order of ``channels``.

    Raises:
        InputError: there are none, and it names the channels of both; or both are the same data set, whose subjects may
            be held out.
    """
    if target.name == source.name:
        raise InputError(
            f"Windows of {source.name} pretrain no model of {target.name}: they are of subjects who test, too"
        )
    found = {key: index for index, key in enumerate(_measured(source, range(source.num_channels)))}
    own = enumerate(_measured(target, channels))
    matched = tuple((place, found[key]) for place, key in own if key in found)
    if not matched:
        seen = [target.channel_names[channel] for channel in channels]
        raise InputError(
            f"No channel of {source.name} ({', '.join(source.channel_names)}) is at the place, of the kind and of the "
            f"axis of one of {target.name} that the model sees ({', '.join(seen)})"
        )
    return matched


def _measured(spec: DatasetSpec, channels: Sequence[int]) -> Iterator[tuple[str, str, str, int]]:
    """Place, kind and axis of each channel, and how many alike came before it."""
    num_before = Counter[tuple[str, str, str]]()
    for channel in (spec.channels[index] for index in channels):
        key = (channel.place, channel.sensor, channel.axis)
        yield (*key, num_before[key])
        num_before[key] += 1


def sensors_among(spec: DatasetSpec, channels: Sequence[int]) -> tuple[Sensor, ...]:
    """The sensors whose three axes are all among ``channels``; their axes count within ``channels``."""
    position = {channel: place for place, channel in enumerate(channels)}
    found = []
    for sensor in spec.triads:
        if all(axis in position for axis in sensor.axes):
            x, y, z = (position[axis] for axis in sensor.axes)
            found.append(Sensor(sensor.place, sensor.kind, (x, y, z)))
    return tuple(found)


def triples(spec: DatasetSpec, channels: Sequence[int]) -> tuple[tuple[int, int, int], ...]:
    """The axes of each of the :func:`sensors_among`."""
    return tuple(sensor.axes for sensor in sensors_among(spec, channels))
