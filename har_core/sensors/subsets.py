"""Which of its channels a model is measured with: all, a unit or a kind of sensor alone, and everything but it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from har_core.fitting.recipe import channels_seen
from har_core.settings.experiment import ModelSettings
from har_core.settings.training import TrainingSettings
from har_core.spec.dataset import DatasetSpec

Way = Literal["all", "alone", "left_out", "missing"]
"""How a model is measured; ``missing``: trained with everything, and a unit fails when it predicts."""
Part = Literal["", "unit", "sensor"]
"""What is alone, left out or missing: nothing, a unit, or a kind of sensor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subset:
    """Channels that one training sees."""

    way: Way
    part: Part = ""
    name: str = ""
    """Of the unit or the kind of sensor, as in the data set; empty for all."""
    units: tuple[str, ...]
    sensors: tuple[str, ...]
    """Kinds."""

    def narrowed(self, training: TrainingSettings) -> TrainingSettings:
        """A recipe that sees these units and sensors; what it says of single channels stays."""
        return training.model_copy(update={"units": self.units, "sensors": self.sensors})

    def settings(self, settings: ModelSettings) -> ModelSettings:
        """Everything that an architecture is built and trained with, on these channels."""
        return settings.model_copy(update={"training": self.narrowed(settings.training)})


def subsets_of(spec: DatasetSpec, training: TrainingSettings) -> tuple[Subset, ...]:
    """All subsets of what ``training`` lets a model see, first all of it, then units, then kinds of sensors.

    No set of channels comes twice: of two units, one left out is the other one alone.

    Raises:
        InputError: ``training`` names what ``spec`` has not, or leaves no channel.
    """
    by_channels: dict[tuple[int, ...], Subset] = {}
    for subset in _every(units_seen(spec, training), sensors_seen(spec, training)):
        by_channels.setdefault(channels_seen(spec, subset.narrowed(training)), subset)
    return tuple(by_channels.values())


def units_seen(spec: DatasetSpec, training: TrainingSettings) -> tuple[str, ...]:
    """The units of the channels that ``training`` lets a model see, in the order of ``spec``."""
    return tuple(dict.fromkeys(spec.channels[index].place for index in channels_seen(spec, training)))


def sensors_seen(spec: DatasetSpec, training: TrainingSettings) -> tuple[str, ...]:
    """The kinds of sensors of the same channels."""
    return tuple(dict.fromkeys(spec.channels[index].sensor for index in channels_seen(spec, training)))


def _every(units: tuple[str, ...], sensors: tuple[str, ...]) -> Iterator[Subset]:
    yield Subset(way="all", units=units, sensors=sensors)
    if len(units) > 1:
        for unit in units:
            yield Subset(way="alone", part="unit", name=unit, units=(unit,), sensors=sensors)
        for unit in units:
            yield Subset(way="left_out", part="unit", name=unit, units=_without(units, unit), sensors=sensors)
    if len(sensors) > 1:
        for sensor in sensors:
            yield Subset(way="alone", part="sensor", name=sensor, units=units, sensors=(sensor,))
        for sensor in sensors:
            yield Subset(way="left_out", part="sensor", name=sensor, units=units, sensors=_without(sensors, sensor))


def _without(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(other for other in names if other != name)
