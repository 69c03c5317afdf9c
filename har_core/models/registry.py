"""The names of the architectures, and how a model is made from one.

A new architecture is one new file in this package; nothing else is edited (:mod:`har_core.models.catalogue` finds it).
A network is a class under
:func:`register_model`, made with random weights and trained elsewhere. A classical model is a function under
:func:`register_classical`, which looks at training windows and returns a module that is fitted.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from har_core.base.errors import InputError, Problem, UnknownNameError
from har_core.base.names import unknown
from har_core.models.catalogue import architecture_options, describe, is_network, list_models
from har_core.settings.experiment import Option

Architecture = TypeVar("Architecture", bound=type[nn.Module])
Fit = TypeVar("Fit", bound=Callable[..., nn.Module])

_SHAPE_ARGUMENTS = ("num_channels", "num_timepoints", "num_classes")
_FIT_ARGUMENTS = ("windows_NTC", "labels_N", "num_classes", "seed")
_TRIPLES = "triples"
_networks: dict[str, type[nn.Module]] = {}
_classical: dict[str, Callable[..., nn.Module]] = {}


def register_model(name: str) -> Callable[[Architecture], Architecture]:
    """Class decorator: makes a network known as ``name``.

    Its ``__init__`` takes keywords alone: ``num_channels``, ``num_timepoints``, ``num_classes``, and options with
    defaults, which an experiment file may set under ``[models.<name>]``.

    Raises:
        ValueError: the name is taken, or ``__init__`` has another form.
    """

    def register(architecture: Architecture) -> Architecture:
        _require_form(name, architecture, _SHAPE_ARGUMENTS)
        _networks[name] = architecture
        return architecture

    return register


def register_classical(name: str) -> Callable[[Fit], Fit]:
    """Decorator of a fit function: makes a classical model known as ``name``.

    The function is called as ``fit(windows_NTC, labels_N, *, num_classes, seed, **options)``: raw float32 windows
    (N, T, C) in sensor units, activities counted from 0 as int64 (N,), how many there are (training may lack some),
    the seed of all its randomness, and options with positive numbers as defaults, which an experiment file may set
    under ``[models.<name>]``. One that has an argument ``triples`` after ``seed`` gets there which channels are the
    x, y and z axis of one sensor.

    It returns an ``nn.Module`` that takes raw windows (N, T, C) of any number and returns float32 logits (N, K), whose
    softmax is its probabilities. Everything learnt is in its buffers (no code is ever pickled), what only depends on
    the shape of a window in non-persistent ones. Two fits with one seed agree, and each window is judged by itself.

    Raises:
        ValueError: the name is taken, or the function has another form.
    """

    def register(fit: Fit) -> Fit:
        _require_form(name, fit, _FIT_ARGUMENTS, optional=(_TRIPLES,))
        _classical[name] = fit
        return fit

    return register


def create_model(
    name: str, *, num_channels: int, num_timepoints: int, num_classes: int, **overrides: Option
) -> nn.Module:
    """A new network with random weights from PyTorch's global generator (see ``har_core.training.seed_everything``).

    Its ``forward`` takes normalised float32 windows (N, ``num_timepoints``, ``num_channels``) and returns float32
    logits (N, ``num_classes``). ``overrides`` are options of the architecture (:func:`architecture_options`).

    Raises:
        UnknownNameError: no such architecture, or it has no such option.
        InputError: an option or a size has an impossible value, or ``name`` is a classical model.
    """
    if not is_network(name):
        raise InputError(f"{name!r} is a classical model: it is fitted, not created; use fit_model")
    sizes = {"num_channels": num_channels, "num_timepoints": num_timepoints, "num_classes": num_classes}
    problems = [
        Problem(path=f"models.{name}.{size}", value=repr(value), expected="a whole number of at least 1")
        for size, value in sizes.items()
        if value < 1
    ]
    problems += _option_problems(name, overrides)
    if problems:
        raise InputError(f"The network {name!r} cannot be made", problems)
    return _architecture(name)(**sizes, **overrides)


def fit_model(
    name: str,
    windows_NTC: Tensor,
    labels_N: Tensor,
    *,
    num_classes: int,
    seed: int,
    triples: Sequence[tuple[int, int, int]] | None = None,
    **options: Option,
) -> nn.Module:
    """A classical model, fitted to raw windows; see :func:`register_classical` for what it takes and returns.

    Args:
        name: of the model.
        windows_NTC: float32 (N, T, C), in sensor units.
        labels_N: int64 (N,), activities counted from 0; at least two of them.
        num_classes: K, activities that the logits are of.
        seed: of all randomness.
        triples: which channels are the x, y and z axis of one sensor; where absent, each three in a row.
        **options: those of the model (:func:`architecture_options`).

    Raises:
        UnknownNameError: no such architecture, or it has no such option.
        InputError: an option has an impossible value, the windows or labels cannot be used, or ``name`` is a network.
    """
    if is_network(name):
        raise InputError(f"{name!r} is a network: it is created and trained; use create_model")
    problems = [*_option_problems(name, options), *_data_problems(windows_NTC, labels_N, num_classes)]
    if problems:
        raise InputError(f"The model {name!r} cannot be fitted", problems)
    fit = _architecture(name)
    if _TRIPLES in inspect.signature(fit).parameters:
        given = [(i, i + 1, i + 2) for i in range(0, windows_NTC.shape[2] - 2, 3)] if triples is None else triples
        return fit(windows_NTC, labels_N, num_classes=num_classes, seed=seed, triples=tuple(given), **options).eval()
    return fit(windows_NTC, labels_N, num_classes=num_classes, seed=seed, **options).eval()


def check_options(name: str, *, num_channels: int, num_timepoints: int, num_classes: int, **overrides: Option) -> None:
    """Refuse what :func:`create_model` or :func:`fit_model` would, without weights in memory and without windows.

    Raises:
        UnknownNameError: no such architecture, or it has no such option.
        InputError: an option has an impossible value.
    """
    if not is_network(name):
        problems = _option_problems(name, overrides)
        if problems:
            raise InputError(f"The model {name!r} cannot be fitted", problems)
        return
    with torch.device("meta"):  # shapes without memory: a millisecond instead of a failure after an hour
        create_model(
            name, num_channels=num_channels, num_timepoints=num_timepoints, num_classes=num_classes, **overrides
        )


def _architecture(name: str) -> Callable[..., nn.Module]:
    """What makes ``name``, once its file, and no other, is imported."""
    entry = describe(name)
    importlib.import_module(entry.module)
    return _networks[name] if entry.is_network else _classical[name]


def _require_form(
    name: str, maker: Callable[..., nn.Module], fixed: tuple[str, ...], optional: tuple[str, ...] = ()
) -> None:
    """Refuse a name that is taken, and arguments other than ``fixed``, ``optional`` and keywords with defaults."""
    if name in list_models() and describe(name).module != maker.__module__:
        raise ValueError(f"{name!r} is registered twice: in {describe(name).module} and by {_place(maker)}")
    parameters = list(inspect.signature(maker).parameters.values())
    if tuple(parameter.name for parameter in parameters[: len(fixed)]) != fixed:
        raise ValueError(f"{_place(maker)}: the first arguments must be {', '.join(fixed)}")
    for parameter in parameters[len(fixed) :]:
        is_plain = parameter.kind is parameter.KEYWORD_ONLY and isinstance(parameter.default, Option)
        if not is_plain and parameter.name not in optional:
            raise ValueError(f"{_place(maker)}: {parameter.name} must be a keyword with a plain default")


def _option_problems(name: str, overrides: Mapping[str, Option]) -> list[Problem]:
    """What is wrong with options: an option has the type of its default, and is positive in a classical model."""
    options = architecture_options(name)
    problems = []
    for option, value in overrides.items():
        if option not in options:
            raise UnknownNameError(unknown(f"option of {name}", option, options))
        default = options[option]
        is_flag, wants_flag = isinstance(value, bool), isinstance(default, bool)
        right_type = isinstance(value, (int, float) if isinstance(default, float) else type(default))
        expected = None
        if is_flag != wants_flag or not right_type:
            expected = f"a value of type {type(default).__name__}, like the default {default!r}"
        elif not is_network(name) and isinstance(value, int | float) and not value > 0:
            expected = "a number above 0"
        if expected:
            problems.append(Problem(path=f"models.{name}.{option}", value=str(value), expected=expected))
    return problems


def _data_problems(windows_NTC: Tensor, labels_N: Tensor, num_classes: int) -> list[Problem]:
    """What is wrong with the windows and labels of a fit."""
    problems = []
    if windows_NTC.ndim != 3 or windows_NTC.dtype != torch.float32:  # noqa: PLR2004 - windows, timepoints, channels
        found = f"{windows_NTC.dtype} {tuple(windows_NTC.shape)}"
        problems.append(Problem(path="windows", value=found, expected="a float32 tensor (N, T, C)"))
    if labels_N.shape != windows_NTC.shape[:1] or labels_N.dtype != torch.int64:
        found = f"{labels_N.dtype} {tuple(labels_N.shape)}"
        problems.append(Problem(path="labels", value=found, expected="int64, one label for each window"))
    present = sorted(set(labels_N.tolist()))
    if len(present) < 2 or min(present) < 0 or max(present) >= num_classes:  # noqa: PLR2004 - a choice needs two
        expected = f"at least two activities, from 0 to {num_classes - 1}"
        problems.append(Problem(path="labels", value=str(present), expected=expected))
    return problems


def _place(architecture: Callable[..., Any]) -> str:
    return f"{architecture.__module__}.{architecture.__qualname__}"
