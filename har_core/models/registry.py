"""Registers architectures, and makes models from them.

A new architecture is one new file in this package, which :mod:`har_core.models.catalogue` finds; nothing else needs
editing. A network is a class under :func:`register_model`, made with random weights and trained elsewhere. A classical
model is a function under :func:`register_classical`, which takes training windows and returns a fitted module.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

from har_core.base.errors import InputError, Problem, UnknownNameError
from har_core.base.names import unknown
from har_core.models.catalogue import describe, is_network, list_models
from har_core.settings.experiment import Option
from har_core.spec.dataset import Sensor

_Maker = TypeVar("_Maker", bound=Callable[..., nn.Module])

_SHAPE_ARGUMENTS = ("num_channels", "num_timepoints", "num_classes")
_FIT_ARGUMENTS = ("windows_NTC", "labels_N", "num_classes", "seed")
_OPTIONAL_ARGUMENTS = ("sensors", "sampling_rate_hz")
_makers: dict[str, Callable[..., nn.Module]] = {}


def register_model(name: str) -> Callable[[_Maker], _Maker]:
    """Class decorator that registers a network as ``name``.

    Its ``__init__`` takes keywords only: ``num_channels``, ``num_timepoints``, ``num_classes``, and options with
    defaults, which an experiment file may set under ``[models.<name>]``.

    Raises:
        ValueError: the name is taken, or ``__init__`` has other arguments.
    """
    return _register(name, _SHAPE_ARGUMENTS)


def register_classical(name: str) -> Callable[[_Maker], _Maker]:
    """Function decorator that registers a classical model as ``name``.

    The function is called as ``fit(windows_NTC, labels_N, *, num_classes, seed, **options)``, with raw float32 windows
    (N, T, C) in sensor units; activities counted from 0, int64 (N,); the number of activities, of which training may
    lack some; the seed of all randomness; and options with positive numbers as defaults, which an experiment file may
    set under ``[models.<name>]``. If it has the arguments ``sensors`` or ``sampling_rate_hz`` after ``seed``, it
    also gets the sensors whose three axes are among the channels, or the samples in a second.

    It returns an ``nn.Module`` that takes any number of raw windows (N, T, C) and returns float32 logits (N, K), whose
    softmax gives the probabilities. Everything learnt is in its buffers (no code is ever pickled); buffers that only
    depend on the shape of a window are non-persistent. Two fits with the same seed agree, and the answer for a window
    does not depend on the others.

    Raises:
        ValueError: the name is taken, or the function has other arguments.
    """
    return _register(name, _FIT_ARGUMENTS, optional=_OPTIONAL_ARGUMENTS)


def create_model(
    name: str, *, num_channels: int, num_timepoints: int, num_classes: int, **overrides: Option
) -> nn.Module:
    """A new network with random weights from PyTorch's global generator (see ``har_core.training.seeding``).

    Its ``forward`` takes normalised float32 windows (N, ``num_timepoints``, ``num_channels``) and returns float32
    logits (N, ``num_classes``). ``overrides`` are options of the architecture (:func:`describe`).

    Raises:
        UnknownNameError: there is no such architecture or option.
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
    sampling_rate_hz: float,
    sensors: Sequence[Sensor] = (),
    **options: Option,
) -> nn.Module:
    """Fit a classical model to raw windows; :func:`register_classical` describes the result.

    Args:
        name: name of the model.
        windows_NTC: float32 (N, T, C), in sensor units.
        labels_N: int64 (N,), activities counted from 0; at least two different ones.
        num_classes: K, the number of activities in the logits.
        seed: seed of all randomness.
        sampling_rate_hz: samples in a second.
        sensors: those whose three axes are among the channels (:func:`har_core.spec.channels.sensors_among`).
        **options: options of the model (:func:`describe`).

    Raises:
        UnknownNameError: there is no such architecture or option.
        InputError: an option has an impossible value, the windows or labels cannot be used, or ``name`` is a network.
    """
    if is_network(name):
        raise InputError(f"{name!r} is a network: it is created and trained; use create_model")
    problems = [*_option_problems(name, options), *_data_problems(windows_NTC, labels_N, num_classes)]
    if problems:
        raise InputError(f"The model {name!r} cannot be fitted", problems)
    fit = _architecture(name)
    known = dict(zip(_OPTIONAL_ARGUMENTS, (tuple(sensors), sampling_rate_hz), strict=True))
    taken = {name: value for name, value in known.items() if name in inspect.signature(fit).parameters}
    return fit(windows_NTC, labels_N, num_classes=num_classes, seed=seed, **taken, **options).eval()


def check_options(name: str, *, num_channels: int, num_timepoints: int, num_classes: int, **overrides: Option) -> None:
    """Refuse what :func:`create_model` or :func:`fit_model` would refuse, without allocating weights or taking windows.

    Raises:
        UnknownNameError: there is no such architecture or option.
        InputError: an option has an impossible value.
    """
    if not is_network(name):
        problems = _option_problems(name, overrides)
        if problems:
            raise InputError(f"The model {name!r} cannot be fitted", problems)
        return
    with torch.device("meta"):  # shapes only: takes a millisecond, and saves a failure after an hour
        create_model(
            name, num_channels=num_channels, num_timepoints=num_timepoints, num_classes=num_classes, **overrides
        )


def _architecture(name: str) -> Callable[..., nn.Module]:
    """The class or function that makes ``name``; imports its file and no other."""
    importlib.import_module(describe(name).module)
    return _makers[name]


def _register(name: str, fixed: tuple[str, ...], optional: tuple[str, ...] = ()) -> Callable[[_Maker], _Maker]:
    """Refuse a taken name, and arguments other than ``fixed``, ``optional`` and keywords with defaults."""

    def register(maker: _Maker) -> _Maker:
        place = f"{maker.__module__}.{maker.__qualname__}"
        if name in list_models() and describe(name).module != maker.__module__:
            raise ValueError(f"{name!r} is registered twice: in {describe(name).module} and by {place}")
        parameters = list(inspect.signature(maker).parameters.values())
        if tuple(parameter.name for parameter in parameters[: len(fixed)]) != fixed:
            raise ValueError(f"{place}: the first arguments must be {', '.join(fixed)}")
        for parameter in parameters[len(fixed) :]:
            is_plain = parameter.kind is parameter.KEYWORD_ONLY and isinstance(parameter.default, Option)
            if not is_plain and parameter.name not in optional:
                raise ValueError(f"{place}: {parameter.name} must be a keyword with a plain default")
        _makers[name] = maker
        return maker

    return register


def _option_problems(name: str, overrides: Mapping[str, Option]) -> list[Problem]:
    """Problems of the options: each must have the type of its default, and be positive for classical models."""
    options = describe(name).options
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
    """Problems of the windows and labels of a fit."""
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
