"""What every recipe gets and gives, and the way to the one that an experiment file names.

A recipe is a module here with the name of its ``kind`` (:data:`har_core.settings.recipes.KINDS`) and one function,
``compress(settings, parent, material)``. It leaves its parent as it is.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import cast

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor, nn

from har_core.base.errors import InputError
from har_core.fitting.fit import classifier_of, train_network
from har_core.fitting.recipe import channels_seen
from har_core.fitting.trained import labelled
from har_core.inference.classifier import predict_probabilities
from har_core.inference.predictions import tabulate_predictions
from har_core.models.catalogue import is_network, list_models
from har_core.models.registry import create_model
from har_core.settings.experiment import ModelSettings
from har_core.settings.recipes import RecipeSettings
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.training import TrainingSettings
from har_core.splits.build import SplitWindows
from har_core.training.events import EpochRecord, Fitted, TrainingListener, ignore

NETWORK = "network."
"""Where a registered model keeps its network (:class:`har_core.inference.classifier.RawWindowClassifier`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What a recipe may learn from, and how the parent learnt. Test windows are only predicted."""

    windows: SplitWindows
    """Normalised, as networks take them."""
    settings: ModelSettings | None
    """Of the parent's architecture; None where the parent has none."""
    runtime: RuntimeSettings
    seed: int
    fills_gaps: bool = False
    """Whether gaps in the windows were filled."""
    listener: TrainingListener = ignore
    """Is told of every epoch."""

    def raw(self, role: str) -> Tensor:
        """The windows (N, T, C) of a role in sensor units."""
        return torch.from_numpy(np.concatenate([*self.windows.raw(role)]))

    def training_sample(self, per_activity: int) -> Tensor:
        """Raw training windows (N, T, C): so many of each activity, or all there are, evenly spread over them."""
        labels = self.windows.roles["training"].labels.numpy()
        chosen = []
        for activity in np.unique(labels):
            own = np.flatnonzero(labels == activity)
            chosen.append(own[np.linspace(0, len(own) - 1, min(per_activity, len(own))).astype(np.intp)])
        return self.raw("training")[np.sort(np.concatenate(chosen))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """A registered model that another one is made from."""

    name: str
    """``cnn``; of an ensemble or a compressed model, that name."""
    model: nn.Module
    """As it was exported, on the CPU: raw windows (N, T, C) to probabilities (N, K)."""

    def network(self, material: Material) -> nn.Module:
        """A copy of its network, as its architecture defines it: normalised windows of its channels to logits.

        Raises:
            InputError: it is no network of an architecture.
        """
        if self.name not in list_models() or not is_network(self.name) or material.settings is None:
            raise InputError(f"{self.name} is no network of an architecture, which this recipe changes")
        spec = material.windows.spec
        network = create_model(
            self.name,
            num_channels=len(channels_seen(spec, material.settings.training)),
            num_timepoints=material.windows.roles["training"].windows.shape[1],
            num_classes=spec.num_activities,
            **material.settings.architecture_options,
        )
        weights = self.model.state_dict()
        network.load_state_dict(
            {name.removeprefix(NETWORK): value for name, value in weights.items() if name.startswith(NETWORK)}
        )
        return network.eval()


@dataclass(frozen=True, slots=True, kw_only=True)
class Compressed:
    """What a recipe made."""

    classifier: nn.Module
    """Raw windows (N, T, C) to probabilities (N, K), on the CPU, in evaluation mode; it is what is registered."""
    history: tuple[EpochRecord, ...] = ()
    """Epochs that it was trained for after it was changed."""
    seconds: float = 0.0
    """Of all that, wall-clock time."""
    device: str = "cpu"
    precision: str = "fp32"


def compress(settings: RecipeSettings, parent: Parent, material: Material) -> Compressed:
    """Make a model from ``parent``, which stays as it is.

    Raises:
        InputError: the recipe cannot be applied to this parent, or needs a package that is not installed.
    """
    recipe = importlib.import_module(f"{__package__}.{settings.kind}")
    return cast("Compressed", recipe.compress(settings, parent, material))


def fine_tune(network: nn.Module, material: Material, *, epochs: int, learning_rate: float) -> Fitted:
    """Train ``network`` in place for some more epochs, as its parent was trained; the last epoch is kept.

    Raises:
        InputError: the parent has no architecture, so nobody knows how it was trained; or no windows.
    """
    if material.settings is None:
        raise InputError("only a network of an architecture can be trained on")
    windows, recipe = material.windows, further(material.settings.training, epochs, learning_rate, material.seed)
    validation = labelled(windows.roles["validation"])
    return train_network(
        network,
        labelled(windows.roles["training"]),
        validation if len(validation.labels) else None,
        recipe,
        material.runtime,
        spec=windows.spec,
        channels=channels_seen(windows.spec, recipe),
        statistics=windows.statistics,
        listener=material.listener,
    )


def further(recipe: TrainingSettings, epochs: int, learning_rate: float, seed: int) -> TrainingSettings:
    """The recipe of a training for a few epochs more, down to a learning rate of 0; the last one is kept."""
    changed = {
        "epochs": epochs,
        "learning_rate": learning_rate,
        "seed": seed,
        "keep": "last",
        "early_stopping_patience": None,
        "warmup_epochs": 0.0,
        "schedule": "cosine",
    }
    return TrainingSettings.model_validate(recipe.model_dump() | changed)


def with_input(network: nn.Module, material: Material) -> nn.Module:
    """``network`` as a classifier of raw windows, as its parent is one."""
    if material.settings is None:
        raise InputError("only a network of an architecture knows its channels")
    windows = material.windows
    fitted = Fitted(model=network, history=(), best_epoch=0, device="cpu", precision="fp32", seconds=0.0)
    channels = channels_seen(windows.spec, material.settings.training)
    return classifier_of(fitted, windows.statistics, windows.spec, channels, fills_gaps=material.fills_gaps)


def predict_held_out(compressed: Compressed, material: Material) -> pa.Table:
    """What it says of validation and test windows, where there are such."""
    windows = material.windows
    learnt = sorted(set(windows.roles["training"].labels.tolist()))
    return pa.concat_tables(
        tabulate_predictions(
            own,
            predict_probabilities(compressed.classifier, material.raw(role)),
            role=role,
            seed=material.seed,
            learnt=learnt,
        )
        for role, own in windows.roles.items()
        if role != "training" and len(own.labels)
    )
