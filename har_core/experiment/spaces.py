"""Reads ``[search.<architecture>.space]``: which settings can be searched, and over which values.

What a search does with them is the business of :mod:`har_core.search`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import ValidationError

from har_core.base.document import TYPE_NAMES, Document
from har_core.base.errors import Problem
from har_core.base.names import hint
from har_core.base.positions import Key
from har_core.models.catalogue import WITHOUT_LAST_LAYER, describe, is_network
from har_core.settings.base import Settings
from har_core.settings.experiment import ModelSettings, Option
from har_core.settings.explanation import explain
from har_core.settings.search import MAX_VALUES, Dimension, Range, SearchSettings
from har_core.settings.training import TrainingSettings

_NOT_SEARCHED = {
    "seed": "left out: a lucky seed is no better setting",
    "pretraining.windows": "left out: a path is no setting",
}
_FORMS = "{ low = …, high = … } or a list of values"
_MIN_RANGES_OF_CMAES = 2


@dataclass(frozen=True, slots=True)
class _Setting:
    """A setting that can be searched."""

    kind: type
    """``int`` and ``float`` take ranges; anything else takes a list of values."""
    is_option: bool = False
    """Of the architecture, rather than of ``[training]``."""


def read_space(
    document: Document, key: Key, architecture: str, base: ModelSettings
) -> tuple[dict[str, Dimension], list[Problem]]:
    """The space at ``key``, by dotted name of the setting, and every problem in it.

    Args:
        document: the experiment file.
        key: of the space in it.
        architecture: whose settings are searched.
        base: its settings otherwise; with each value in turn they must be valid.
    """
    reader = _SpaceReader(document, architecture, base)
    reader.read(key, document.get(key)[1] or {})
    return reader.space, reader.problems


def sampler_problems(document: Document, key: Key, architecture: str, settings: SearchSettings) -> Iterator[Problem]:
    """What the sampler or the pruner of a search cannot do with its space or its architecture."""
    ranges = [name for name, dimension in settings.space.items() if isinstance(dimension, Range)]
    choices = [name for name in settings.space if name not in ranges]
    if settings.sampler == "grid":
        for name in ranges:
            dimension = settings.space[name]
            if isinstance(dimension, Range) and dimension.values() is None:
                yield document.problem((*key, "space", *name.split(".")), "a range with a step, for a grid")
    if settings.sampler == "cmaes":
        for name in choices:
            yield document.problem(
                (*key, "space", *name.split(".")), "a range of numbers: 'cmaes' knows no lists; 'tpe' does"
            )
        if len(ranges) < _MIN_RANGES_OF_CMAES:
            yield document.problem((*key, "space"), "at least two ranges, for 'cmaes'")
    if settings.sampler == "nsga2":
        if not is_network(architecture):
            yield document.problem(
                (*key, "sampler"), "another sampler: multiply-accumulates say nothing of a classical model"
            )
        if settings.pruner != "none":
            yield document.problem((*key, "pruner"), "'none': there is no pruning by two goals")
    if settings.pruner != "none" and "epochs" in settings.space:
        yield document.problem(
            (*key, "space", "epochs"), "no epochs where trials are pruned: their scores are compared epoch by epoch"
        )


class _SpaceReader:
    def __init__(self, document: Document, architecture: str, base: ModelSettings) -> None:
        self.document, self.architecture, self.base = document, architecture, base
        self.settings = _settings_of(architecture)
        self.space: dict[str, Dimension] = {}
        self.problems: list[Problem] = []

    def refuse(self, key: Key, expected: str) -> None:
        self.problems.append(self.document.problem(key, expected))

    def read(self, key: Key, table: Mapping[str, Any], prefix: str = "") -> None:
        for part, value in table.items():
            name, own = f"{prefix}{part}", (*key, part)
            if isinstance(value, Mapping) and any(known.startswith(f"{name}.") for known in self.settings):
                self.read(own, value, f"{name}.")
            elif name in _NOT_SEARCHED:
                self.refuse(own, f"{name} {_NOT_SEARCHED[name]}")
            elif name not in self.settings:
                what = f"setting of {self.architecture} that can be searched"
                self.refuse(own, f"a {what}{hint(name, self.settings)}")
            else:
                dimension = self._dimension(own, name, value)
                if dimension is not None:
                    self.space[name] = dimension

    def _dimension(self, key: Key, name: str, value: Any) -> Dimension | None:
        if isinstance(value, Mapping):
            return self._range(key, name, value)
        if isinstance(value, list):
            return self._choices(key, name, value)
        self.refuse(key, _FORMS)
        return None

    def _choices(self, key: Key, name: str, values: Sequence[Any]) -> tuple[Option, ...] | None:
        num_before = len(self.problems)
        if len(values) <= 1:
            self.refuse(key, "at least two values in the list; one alone belongs in [models]")
        for index, value in enumerate(values):
            if any(value == other and type(value) is type(other) for other in values[:index]):
                self.refuse((*key, index), "each value once")
            else:
                self._check(name, value, (*key, index))
        return tuple(values) if len(self.problems) == num_before else None

    def _range(self, key: Key, name: str, table: Mapping[str, Any]) -> Range | None:
        kind = self.settings[name].kind
        if kind not in {int, float}:
            self.refuse(key, f"a list of values: {name} is {TYPE_NAMES.get(kind, 'no number')}")
            return None
        num_before = len(self.problems)
        self._check_keys(key, kind, table)
        if len(self.problems) > num_before:
            return None
        parsed = Range.model_validate(table)
        for end in ("low", "high"):
            self._check(name, table[end], (*key, end))
        if len(self.problems) > num_before:
            return None
        self._check_order(key, parsed)
        if len(self.problems) > num_before:
            return None
        if kind is float:  # by their type a search tells whole numbers from others
            parsed = parsed.model_copy(
                update={end: float(table[end]) for end in ("low", "high", "step") if end in table}
            )
        elif parsed.step is None and not parsed.log:
            parsed = parsed.model_copy(update={"step": 1})
        self._check_steps(key, parsed)
        return parsed if len(self.problems) == num_before else None

    def _check_order(self, key: Key, parsed: Range) -> None:
        """Add a problem for ends that are none, and for what does not go together."""
        if parsed.low >= parsed.high:
            self.refuse(key, "low below high")
        elif parsed.log and parsed.low <= 0:
            self.refuse((*key, "low"), "more than 0, because log is true")
        if parsed.step is not None and parsed.log:
            self.refuse((*key, "step"), "no step where log is true")
        elif parsed.step is not None and parsed.step <= 0:
            self.refuse((*key, "step"), "more than 0")

    def _check_steps(self, key: Key, parsed: Range) -> None:
        steps = parsed.num_steps
        if steps is not None and steps >= MAX_VALUES:
            self.refuse((*key, "step"), f"at most {MAX_VALUES:,} values in the range")
        elif steps is not None and steps != int(steps):
            last = (parsed.values() or ())[-1]
            self.refuse((*key, "high"), f"low + a whole number of steps; the last below is {last}")

    def _check_keys(self, key: Key, kind: type, table: Mapping[str, Any]) -> None:
        """Add a problem for each key of a range that is unknown, missing or of another type than its setting."""
        for part, value in table.items():
            if part not in Range.model_fields:
                self.refuse((*key, part), f"a key of a range{hint(part, Range.model_fields)}")
            elif part == "log":
                if not isinstance(value, bool):
                    self.refuse((*key, part), TYPE_NAMES[bool])
            elif type(value) not in ((int,) if kind is int else (int, float)):  # not isinstance: a bool is an int too
                self.refuse((*key, part), TYPE_NAMES[kind])
            elif not math.isfinite(value):
                self.refuse((*key, part), "a finite number")
        missing = [end for end in ("low", "high") if end not in table]
        if missing:
            self.refuse(key, f"{' and '.join(missing)} of the range")

    def _check(self, name: str, value: Any, key: Key) -> None:
        """Add a problem unless ``value`` is one that the setting ``name`` can have."""
        setting = self.settings[name]
        if setting.is_option:
            accepted = (int, float) if setting.kind is float else (setting.kind,)
            if type(value) not in accepted:  # not isinstance: a bool is an int too
                self.refuse(key, TYPE_NAMES[setting.kind])
            return
        try:
            self.base.with_values({name: value})
        except ValidationError as error:
            problem = next(explain(error, TrainingSettings, self.document, key))
            self.refuse(key, problem.expected)


def _settings_of(architecture: str) -> dict[str, _Setting]:
    """What can be searched; a classical model reads nothing of ``[training]`` but channels and the seed."""
    training = dict(_training_settings(TrainingSettings)) if is_network(architecture) else {}
    if architecture in WITHOUT_LAST_LAYER:
        training = {name: setting for name, setting in training.items() if not name.startswith("pretraining.")}
    options = describe(architecture).options
    return {**{name: _Setting(type(value), is_option=True) for name, value in options.items()}, **training}


def _training_settings(model: type[Settings], prefix: str = "") -> Iterator[tuple[str, _Setting]]:
    """The settings of ``[training]`` with one plain value, by dotted name."""
    for name, field in model.model_fields.items():
        kinds = (field.annotation, *get_args(field.annotation))
        inner = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Settings)), None)
        if inner is not None:
            yield from _training_settings(inner, f"{prefix}{name}.")
        elif tuple not in {get_origin(kind) for kind in kinds} and f"{prefix}{name}" not in _NOT_SEARCHED:
            yield f"{prefix}{name}", _Setting(next((kind for kind in (int, float, bool) if kind in kinds), str))
