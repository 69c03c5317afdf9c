"""From labelled windows to a fitted model, whatever its kind: networks are trained, classical models are fitted.

Which windows are in which role, and what a model is worth, is not decided here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from har_core.base.errors import InputError
from har_core.fitting.layout import layout_of
from har_core.fitting.other_windows import read_other_windows
from har_core.inference.classifier import RawWindowClassifier
from har_core.models.catalogue import is_network
from har_core.models.registry import create_model, fit_model
from har_core.settings.augmentation import AugmentationSettings
from har_core.settings.experiment import ModelSettings
from har_core.settings.pretraining import PretrainingSettings
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.training import TrainingSettings
from har_core.spec.channels import sensors_among
from har_core.spec.dataset import DatasetSpec
from har_core.splits.normalization import Statistics
from har_core.training.augmentation import Change, make_augmentation
from har_core.training.data import LabelledWindows, check
from har_core.training.devices import computing
from har_core.training.events import Fitted, TrainingListener, ignore
from har_core.training.initialisation import initialise
from har_core.training.loop import train
from har_core.training.pretraining.heads import LastLayerAlone
from har_core.training.pretraining.pretrain import PretrainingWindows, pretrain
from har_core.training.seeding import seed_everything
from har_core.training.unfinished import of_pretraining


def fit_architecture(
    name: str,
    training: LabelledWindows,
    validation: LabelledWindows | None,
    settings: ModelSettings,
    runtime: RuntimeSettings,
    *,
    spec: DatasetSpec,
    channels: Sequence[int],
    statistics: Statistics | None,
    seed: int | None = None,
    checkpoint_path: Path | None = None,
    checkpoint_key: str = "",
    listener: TrainingListener = ignore,
    wrap: Callable[[nn.Module], nn.Module] = lambda network: network,
) -> Fitted:
    """Fit the architecture ``name`` to the training windows.

    A model that sees all channels takes the windows as they are, in memory or mapped from a file. One that sees some of
    them gets a copy of those in memory.

    Args:
        name: a network or a classical model.
        training: windows (N, T, C) to learn from: normalised for a network, in sensor units for a classical model,
            which looks at no soft labels.
        validation: windows that choose a network's epoch, or only measure it where ``keep`` is ``last``; None where
            there are none. Classical models do not look at them.
        settings: the recipe and the options of the architecture.
        runtime: where; classical models are always fitted on the CPU.
        spec: what the windows are of.
        channels: indices of the channels that the model sees (:func:`har_core.fitting.recipe.channels_seen`).
        statistics: what the windows were normalised with, (C,) each; None where they are in sensor units.
        seed: in place of the one of ``settings``.
        checkpoint_path: where an interrupted training of a network goes on; see :func:`har_core.training.loop.train`.
        checkpoint_key: what the training belongs to besides its settings.
        listener: is told of the epochs of a network.
        wrap: gives what is trained in place of a network, and shares its weights.

    Raises:
        UnknownNameError: no such architecture or option.
        InputError: windows, labels, options or the device cannot be used; nothing chooses a network's epoch.
        HarError: the loss of a network is no longer finite.
    """
    recipe = settings.training if seed is None else settings.training.model_copy(update={"seed": seed})
    if not is_network(name):
        own = _only(training, channels)
        check("training", own, num_classes=spec.num_activities, at_least=2)
        start = time.perf_counter()
        with computing(runtime, torch.device("cpu")):
            model = fit_model(
                name,
                own.windows,
                own.labels,
                num_classes=spec.num_activities,
                seed=recipe.seed,
                sampling_rate_hz=spec.sampling_rate_hz,
                sensors=sensors_among(spec, channels),
                **settings.architecture_options,
            )
        seconds = time.perf_counter() - start
        return Fitted(model=model, history=(), best_epoch=0, device="cpu", precision="fp32", seconds=seconds)
    seed_everything(recipe.seed)
    network = create_model(
        name,
        num_channels=len(channels),
        num_timepoints=training.windows.shape[1],
        num_classes=spec.num_activities,
        **settings.architecture_options,
    )
    initialise(network, recipe)
    learner, seconds = network, 0.0
    if recipe.pretraining is not None:
        pretrained = pretrain(
            network,
            _pretraining_windows(recipe.pretraining, training, spec, channels, statistics),
            recipe.pretraining,
            recipe,
            runtime,
            num_channels=len(channels),
            checkpoint_path=None if checkpoint_path is None else of_pretraining(checkpoint_path),
            checkpoint_key=checkpoint_key,
            listener=listener,
        )
        seconds = pretrained.seconds
        if recipe.pretraining.frozen:
            learner = LastLayerAlone(network, (training.windows.shape[1], len(channels)))
    fitted = train_network(
        wrap(learner),
        training,
        validation,
        recipe,
        runtime,
        spec=spec,
        channels=channels,
        statistics=statistics,
        checkpoint_path=checkpoint_path,
        checkpoint_key=checkpoint_key,
        listener=listener,
    )
    return replace(fitted, model=network.requires_grad_(True), seconds=fitted.seconds + seconds)


def train_network(
    network: nn.Module,
    training: LabelledWindows,
    validation: LabelledWindows | None,
    recipe: TrainingSettings,
    runtime: RuntimeSettings,
    *,
    spec: DatasetSpec,
    channels: Sequence[int],
    statistics: Statistics | None,
    checkpoint_path: Path | None = None,
    checkpoint_key: str = "",
    listener: TrainingListener = ignore,
) -> Fitted:
    """Train ``network``, which has its first weights, in place: normalised windows of ``channels`` to logits.

    The rest is as for :func:`fit_architecture`, with ``recipe`` as ``settings.training``.
    """
    return train(
        network,
        _only(training, channels),
        None if validation is None else _only(validation, channels),
        recipe,
        runtime,
        num_classes=spec.num_activities,
        checkpoint_path=checkpoint_path,
        checkpoint_key=checkpoint_key,
        augment=_augmentation(recipe, statistics, spec, channels),
        listener=listener,
    )


def classifier_of(
    fitted: Fitted,
    statistics: Statistics | None,
    spec: DatasetSpec,
    channels: Sequence[int],
    *,
    fills_gaps: bool = False,
) -> RawWindowClassifier:
    """What is exported and registered: windows (N, T, C) of all channels to probabilities (N, K).

    Args:
        fitted: the model.
        statistics: what normalised its windows, so that the classifier takes raw ones; None leaves windows as they are.
        spec: what the windows are of.
        channels: indices of the channels that the model sees.
        fills_gaps: whether the classifier fills zeros of a place, as was done to the windows that it was fitted to.
    """
    seen = None if tuple(channels) == tuple(range(spec.num_channels)) else channels
    if statistics is None:
        return RawWindowClassifier(fitted.model, spec, channels=seen, fills_gaps=fills_gaps).eval()
    mean, deviation = torch.from_numpy(statistics.mean), torch.from_numpy(statistics.standard_deviation)
    return RawWindowClassifier(
        fitted.model, spec, mean=mean, standard_deviation=deviation, channels=seen, fills_gaps=fills_gaps
    ).eval()


def _augmentation(
    recipe: TrainingSettings, statistics: Statistics | None, spec: DatasetSpec, channels: Sequence[int]
) -> Change | None:
    """What changes the windows of a training batch."""
    if recipe.augmentation == AugmentationSettings():
        return None
    if statistics is None:
        raise InputError("[training.augmentation] needs normalised windows: it changes them in sensor units")
    return make_augmentation(recipe.augmentation, layout_of(spec, channels, statistics))


def _pretraining_windows(
    settings: PretrainingSettings,
    training: LabelledWindows,
    spec: DatasetSpec,
    channels: Sequence[int],
    statistics: Statistics | None,
) -> PretrainingWindows:
    """What a network is pretrained on: the training windows, or those of another data set."""
    if settings.windows is not None:
        num_timepoints = training.windows.shape[1]
        return read_other_windows(Path(settings.windows), spec, channels, num_timepoints=num_timepoints)
    return PretrainingWindows(
        data=_only(replace(training, soft=None), channels),
        num_classes=spec.num_activities,
        layout=None if statistics is None else layout_of(spec, channels, statistics),
    )


def _only(data: LabelledWindows, channels: Sequence[int]) -> LabelledWindows:
    """The same windows with ``channels`` alone; nothing is copied where that is all of them."""
    if tuple(channels) == tuple(range(data.windows.shape[2])):
        return data
    return replace(data, windows=data.windows[:, :, list(channels)])
