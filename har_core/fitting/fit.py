"""From labelled windows to a fitted model, whatever its kind: networks are trained, classical models are fitted.

Which windows are in which role, and what a model is worth, is not decided here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from har_core.base.errors import InputError
from har_core.datasets.channels import select, triples, unit_of
from har_core.datasets.dsads.layout import NUM_ACTIVITIES
from har_core.inference.classifier import RawWindowClassifier, predict_probabilities
from har_core.models.catalogue import architecture_options, describe, is_network
from har_core.models.registry import create_model, fit_model
from har_core.settings.experiment import ModelSettings
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.training import TrainingSettings
from har_core.splits.normalization import Statistics
from har_core.training.augmentation import RandomRotation
from har_core.training.data import LabelledWindows, check
from har_core.training.devices import computing
from har_core.training.events import EpochRecord, TrainingListener, ignore
from har_core.training.loop import train
from har_core.training.seeding import seed_everything

_READ_BY_CLASSICAL = ("units", "sensors", "channels", "seed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A model that answers, and how it came about."""

    model: nn.Module
    """On the CPU, in evaluation mode; windows (N, T, C) of its channels to logits (N, K)."""
    wants_raw: bool
    """Whether its windows are in sensor units (classical models), rather than normalised (networks)."""
    history: tuple[EpochRecord, ...]
    """Every epoch; none of a classical model."""
    best_epoch: int
    """The epoch of the weights, counted from 1; 0 where there are no epochs."""
    device: str
    precision: str
    seconds: float
    """Wall time of the fit: of all epochs, resumed ones included."""


def fit_architecture(
    name: str,
    training: LabelledWindows,
    validation: LabelledWindows | None,
    settings: ModelSettings,
    runtime: RuntimeSettings,
    *,
    channels: Sequence[int],
    statistics: Statistics,
    seed: int | None = None,
    num_classes: int = NUM_ACTIVITIES,
    checkpoint_path: Path | None = None,
    checkpoint_key: str = "",
    listener: TrainingListener = ignore,
) -> Fitted:
    """Fit the architecture ``name`` to the training windows.

    A network that sees all channels takes its batches out of the windows as they are, in memory or mapped from a file.
    What sees some of the channels gets a copy of those in memory; a classical model gets a copy in sensor units.

    Args:
        name: a network or a classical model.
        training: normalised windows (N, T, 45) to learn from; a classical model gets them in sensor units.
        validation: normalised windows that choose a network's epoch; classical models do not look at them.
        settings: the recipe and the options of the architecture.
        runtime: where; classical models are always fitted on the CPU.
        channels: indices of the channels that the model sees (:func:`har_core.datasets.channels.select`).
        statistics: what the windows were normalised with, (45,) each.
        seed: in place of the one of ``settings``.
        num_classes: activities, those that training lacks included.
        checkpoint_path: where an interrupted training of a network goes on; see :func:`har_core.training.loop.train`.
        checkpoint_key: what the training belongs to besides its settings.
        listener: is told of the epochs of a network.

    Raises:
        UnknownNameError: no such architecture or option.
        InputError: windows, labels, options or the device cannot be used; a network without validation windows.
        HarError: the loss of a network is no longer finite.
    """
    recipe = settings.training if seed is None else settings.training.model_copy(update={"seed": seed})
    own = _only(training, channels)
    if not is_network(name):
        check("training", own, num_classes=num_classes, at_least=2)
        start = time.perf_counter()
        with computing(runtime, torch.device("cpu")):
            model = fit_model(
                name,
                _raw(own.windows, statistics, channels),
                own.labels,
                num_classes=num_classes,
                seed=recipe.seed,
                triples=triples(channels),
                **settings.architecture_options,
            )
        return _of_classical(model, time.perf_counter() - start)
    if validation is None:
        raise InputError(f"The network {name!r} needs validation windows: they choose its epoch")
    seed_everything(recipe.seed)
    result = train(
        create_model(
            name,
            num_channels=len(channels),
            num_timepoints=training.windows.shape[1],
            num_classes=num_classes,
            **settings.architecture_options,
        ),
        own,
        _only(validation, channels),
        recipe,
        runtime,
        num_classes=num_classes,
        checkpoint_path=checkpoint_path,
        checkpoint_key=checkpoint_key,
        augment=_augmentation(recipe, statistics, channels),
        listener=listener,
    )
    return Fitted(
        model=result.model,
        wants_raw=False,
        history=result.history,
        best_epoch=result.best_epoch,
        device=result.device,
        precision=result.precision,
        seconds=sum(record.seconds for record in result.history),
    )


def classifier_of(fitted: Fitted, statistics: Statistics, channels: Sequence[int]) -> RawWindowClassifier:
    """What is exported and registered: raw windows (N, T, 45) of all channels to probabilities (N, K)."""
    if fitted.wants_raw:
        return _classifier(fitted, *_no_normalisation(len(statistics.channels)), channels)
    mean, deviation = torch.from_numpy(statistics.mean), torch.from_numpy(statistics.standard_deviation)
    return _classifier(fitted, mean, deviation, channels)


def predict_normalised(
    fitted: Fitted, windows: Tensor, *, statistics: Statistics, channels: Sequence[int]
) -> npt.NDArray[np.float32]:
    """Probabilities (N, K) of normalised windows (N, T, 45), as the files of a split hold them.

    A classical model gets a copy of them in sensor units; a network reads them batch by batch.
    """
    classifier = _classifier(fitted, *_no_normalisation(len(statistics.channels)), channels)
    return predict_probabilities(classifier, _raw(windows, statistics) if fitted.wants_raw else windows)


def channels_seen(training: TrainingSettings) -> tuple[int, ...]:
    """Indices of the channels that ``[training]`` lets a model see.

    Raises:
        InputError: an unknown name, or no channel is left.
    """
    return select(training.units, training.sensors, training.channels)


def settings_read(name: str, settings: ModelSettings) -> dict[str, Any]:
    """What a fit of ``name`` depends on, JSON-able: a classical model has no epochs and reads few settings."""
    recipe = settings.training.model_dump(mode="json")
    if not is_network(name):
        recipe = {key: recipe[key] for key in _READ_BY_CLASSICAL}
    return {**recipe, **architecture_options(name), **settings.architecture_options}


def code_roots(name: str) -> list[str]:
    """The modules that compute a fit of ``name``, for its code version: classical models need no training loop.

    This module is one of them, and counts by itself (``assets/machinery/code_versions.py``): it imports both kinds.
    """
    training = ["har_core.training.augmentation", "har_core.training.loop"] if is_network(name) else []
    own = [
        __name__,
        "har_core.datasets.channels",
        "har_core.inference.classifier",
        "har_core.splits.normalization",
    ]
    return [describe(name).module, *own, *training]


def _augmentation(
    recipe: TrainingSettings, statistics: Statistics, channels: Sequence[int]
) -> Callable[[Tensor], Tensor] | None:
    """What changes the windows of a training batch; sensors of which an axis is left out do not turn."""
    sensors = triples(channels)
    if not recipe.rotation_degrees or not sensors:
        return None
    index = list(channels)
    return RandomRotation(
        sensors,
        [unit_of(channels[x]) for x, _, _ in sensors],
        mean=torch.from_numpy(statistics.mean[index]),
        standard_deviation=torch.from_numpy(statistics.standard_deviation[index]),
        degrees=recipe.rotation_degrees,
    )


def _of_classical(model: nn.Module, seconds: float) -> Fitted:
    return Fitted(
        model=model, wants_raw=True, history=(), best_epoch=0, device="cpu", precision="fp32", seconds=seconds
    )


def _only(data: LabelledWindows, channels: Sequence[int]) -> LabelledWindows:
    """The same windows with ``channels`` alone; nothing is copied where that is all of them."""
    if tuple(channels) == tuple(range(data.windows.shape[2])):
        return data
    return LabelledWindows(data.windows[:, :, list(channels)], data.labels)


def _raw(windows: Tensor, statistics: Statistics, channels: Sequence[int] | None = None) -> Tensor:
    """Undo the normalisation of windows (N, T, C), of ``channels`` alone or of all."""
    index = slice(None) if channels is None else list(channels)
    mean = torch.from_numpy(statistics.mean[index])
    return windows * torch.from_numpy(statistics.standard_deviation[index]) + mean


def _classifier(fitted: Fitted, mean: Tensor, deviation: Tensor, channels: Sequence[int]) -> RawWindowClassifier:
    is_all = tuple(channels) == tuple(range(len(mean)))
    seen = None if is_all else channels
    return RawWindowClassifier(fitted.model, mean=mean, standard_deviation=deviation, channels=seen).eval()


def _no_normalisation(num_channels: int) -> tuple[Tensor, Tensor]:
    """Statistics that change nothing: for windows that are normalised already, and for models that want raw ones."""
    return torch.zeros(num_channels), torch.ones(num_channels)
