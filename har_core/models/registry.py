"""The names of the architectures, and how a network is made from one.

A new architecture is one new file in this package with one class under :func:`register_model`; nothing else is edited.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable
from functools import cache
from typing import TypeVar

from torch import nn

from har_core.errors import InputError, Problem, UnknownNameError

Option = int | float | bool | str
Architecture = TypeVar("Architecture", bound=type[nn.Module])

_SHAPE_ARGUMENTS = ("num_channels", "num_timepoints", "num_classes")
_architectures: dict[str, type[nn.Module]] = {}


def register_model(name: str) -> Callable[[Architecture], Architecture]:
    """Class decorator: makes a network known as ``name``.

    Its ``__init__`` takes keywords alone: ``num_channels``, ``num_timepoints``, ``num_classes``, and options with
    defaults, which an experiment file may set under ``[models.<name>]``.

    Raises:
        ValueError: the name is taken, or ``__init__`` has another form.
    """

    def register(architecture: Architecture) -> Architecture:
        if name in _architectures:
            other = _architectures[name]
            raise ValueError(f"{name!r} is registered twice: by {_place(other)} and by {_place(architecture)}")
        parameters = list(inspect.signature(architecture).parameters.values())
        if tuple(parameter.name for parameter in parameters[:3]) != _SHAPE_ARGUMENTS:
            raise ValueError(f"{_place(architecture)}: the first three arguments must be {', '.join(_SHAPE_ARGUMENTS)}")
        for parameter in parameters[3:]:
            if parameter.kind is not parameter.KEYWORD_ONLY or not isinstance(parameter.default, Option):
                raise ValueError(f"{_place(architecture)}: {parameter.name} must be a keyword with a plain default")
        _architectures[name] = architecture
        return architecture

    return register


def list_models() -> list[str]:
    """The names of all architectures, sorted.

    >>> list_models()[:2]
    ['cnn', 'lstm']
    """
    _discover()
    return sorted(_architectures)


def create_model(
    name: str, *, num_channels: int, num_timepoints: int, num_classes: int, **overrides: Option
) -> nn.Module:
    """A new network with random weights from PyTorch's global generator (see ``har_core.training.seed_everything``).

    Its ``forward`` takes normalised float32 windows (N, ``num_timepoints``, ``num_channels``) and returns float32
    logits (N, ``num_classes``). ``overrides`` are options of the architecture (:func:`architecture_options`).

    Raises:
        UnknownNameError: no such architecture, or it has no such option.
        InputError: an option or a size has an impossible value.
    """
    options = architecture_options(name)
    sizes = {"num_channels": num_channels, "num_timepoints": num_timepoints, "num_classes": num_classes}
    problems = [
        Problem(path=f"models.{name}.{size}", value=repr(value), expected="a whole number of at least 1")
        for size, value in sizes.items()
        if value < 1
    ]
    for option, value in overrides.items():
        if option not in options:
            raise UnknownNameError(_unknown(f"option of {name}", option, options))
        problem = _option_problem(name, option, value, options[option])
        if problem:
            problems.append(problem)
    if problems:
        raise InputError(f"The network {name!r} cannot be made", problems)
    return _architectures[name](**sizes, **overrides)


def architecture_options(name: str) -> dict[str, Option]:
    """What may be overridden in ``create_model(name, …)``, with the defaults.

    Raises:
        UnknownNameError: no such architecture; the text offers the nearest names.
    """
    signature = inspect.signature(_architecture(name))
    return {option: p.default for option, p in signature.parameters.items() if option not in _SHAPE_ARGUMENTS}


def architecture_module(name: str) -> str:
    """The module that defines an architecture, as in ``import``: ``har_core.models.cnn``.

    Raises:
        UnknownNameError: no such architecture.
    """
    return _architecture(name).__module__


def _architecture(name: str) -> type[nn.Module]:
    _discover()
    if name not in _architectures:
        raise UnknownNameError(_unknown("architecture", name, _architectures))
    return _architectures[name]


@cache
def _discover() -> None:
    """Import every module of this package, so that each registers its architecture."""
    package = importlib.import_module(__package__)
    for module in pkgutil.iter_modules(package.__path__, prefix=f"{__package__}."):
        importlib.import_module(module.name)


def _option_problem(name: str, option: str, value: Option, default: Option) -> Problem | None:
    """What is wrong with an option's type or value, if anything: an option has the type of its default."""
    is_flag, wants_flag = isinstance(value, bool), isinstance(default, bool)
    right_type = isinstance(value, (int, float) if isinstance(default, float) else type(default))
    if is_flag == wants_flag and right_type:
        return None
    expected = f"a value of type {type(default).__name__}, like the default {default!r}"
    return Problem(path=f"models.{name}.{option}", value=str(value), expected=expected)


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    nearest = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(map(repr, nearest))}?" if nearest else "."
    return f"No {what} is called {name!r}{hint} Known: {', '.join(names) or 'none'}."


def _place(architecture: type[nn.Module]) -> str:
    return f"{architecture.__module__}.{architecture.__qualname__}"
