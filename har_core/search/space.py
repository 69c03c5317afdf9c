"""The space of a search: how Optuna draws from it, and what is refused before anything is tried."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from har_core.base.errors import InputError, Problem
from har_core.models.registry import check_options
from har_core.settings.experiment import ModelSettings, Option
from har_core.settings.search import Choice, Dimension, Range

if TYPE_CHECKING:
    from optuna.trial import Trial

_DIGITS = 4
"""Significant, of a number from a range without steps. More say nothing, and what is reported can be pasted whole."""
_MOST_CHECKED = 200
"""Values of a setting."""


def draw(trial: Trial, space: Mapping[str, Dimension]) -> dict[str, Option]:
    """What ``trial`` tries: a value of each dimension."""
    return {name: _draw(trial, name, dimension) for name, dimension in space.items()}


def grid_of(space: Mapping[str, Dimension]) -> dict[str, tuple[Choice, ...]]:
    """Every value of each dimension.

    Raises:
        ValueError: one is a range without steps; settings let none through.
    """
    values = {name: _values(dimension) for name, dimension in space.items()}
    endless = [name for name, own in values.items() if own is None]
    if endless:
        raise ValueError(f"no grid over ranges without steps: {', '.join(endless)}")
    return {name: own for name, own in values.items() if own is not None}


def size_of_grid(space: Mapping[str, Dimension]) -> int:
    """How many points :func:`grid_of` spans."""
    return math.prod(map(len, grid_of(space).values()))


def check_space(
    architecture: str,
    base: ModelSettings,
    space: Mapping[str, Dimension],
    *,
    num_channels: int,
    num_timepoints: int,
    num_classes: int,
) -> None:
    """Build the architecture with each value of each option in turn, without allocating weights.

    What only several values together make impossible fails when it is tried.

    Raises:
        InputError: lists every option with a value that the architecture refuses.
    """
    problems: list[Problem] = []
    for name, dimension in space.items():
        if name not in base.architecture_options:
            continue
        for value in _some_values(dimension):
            options = base.with_values({name: value}).architecture_options
            try:
                check_options(
                    architecture,
                    num_channels=num_channels,
                    num_timepoints=num_timepoints,
                    num_classes=num_classes,
                    **options,
                )
            except InputError as error:
                path = f"search.{architecture}.space.{name}"
                problems += [Problem(path=path, value=str(value), expected=p.expected) for p in error.problems[:1]]
                break
    if problems:
        raise InputError(f"The architecture {architecture!r} refuses what would be searched", problems)


def as_toml(architecture: str, values: Mapping[str, Option], remarks: str = "") -> str:
    """``values`` as a section to paste into an experiment file, below ``remarks`` as comments.

    >>> print(as_toml("compact", {"width": 32, "optimizer": "sgd"}, "Best of 3."))
    # Best of 3.
    [models.compact]
    width = 32
    optimizer = "sgd"
    """
    comments = [f"# {line}".rstrip() for line in remarks.splitlines()]
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()]
    return "\n".join([*comments, f"[models.{architecture}]", *lines])


def _draw(trial: Trial, name: str, dimension: Dimension) -> Option:
    if not isinstance(dimension, Range):
        chosen = trial.suggest_categorical(name, dimension)
        return next(choice for choice in dimension if choice == chosen and type(choice) is type(chosen))
    low, high = dimension.low, dimension.high
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(name, low, high, step=int(dimension.step or 1), log=dimension.log)
    number = trial.suggest_float(name, low, high, step=dimension.step, log=dimension.log)
    if dimension.step is None:
        return float(min(max(float(f"{number:.{_DIGITS}g}"), low), high))
    return float(min(dimension.values() or (), key=lambda value: abs(value - number)))  # 0.3, not 0.30000000000000004


def _values(dimension: Dimension) -> tuple[Choice, ...] | None:
    return dimension.values() if isinstance(dimension, Range) else dimension


def _some_values(dimension: Dimension) -> tuple[Choice, ...]:
    """All, where they are counted and not too many; else the ends."""
    values = _values(dimension)
    if values is not None and len(values) <= _MOST_CHECKED:
        return values
    return (dimension.low, dimension.high) if isinstance(dimension, Range) else dimension
