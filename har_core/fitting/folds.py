"""From the windows of a fold to a scored model of one seed, and from those of all seeds to the fold's result.

The steps of the core in their order; no figure is made here. The asset around it is :mod:`assets.folds.fold`.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from har_core.evaluation.complexity import measure_complexity
from har_core.evaluation.folds import FoldResult, SeedResult, score_seed
from har_core.evaluation.result import Origin, dump_json
from har_core.fitting.fit import (
    Fitted,
    channels_seen,
    classifier_of,
    fit_architecture,
    predict_normalised,
    settings_read,
)
from har_core.inference.classifier import weights_version
from har_core.inference.predictions import probabilities_of, tabulate_predictions
from har_core.settings.experiment import Experiment
from har_core.splits.build import SplitWindows
from har_core.splits.protocols import Fold
from har_core.training.data import LabelledWindows
from har_core.training.events import TrainingListener
from har_core.windows.tensors import WindowTensors


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A model of one seed, what is known of it, and its predictions."""

    fitted: Fitted
    weights: str
    """Hash of the weights of the model with its normalisation."""
    result: SeedResult
    predictions: list[pa.Table]


def train_seed(
    architecture: str,
    experiment: Experiment,
    windows: SplitWindows,
    *,
    seed: int,
    checkpoint_path: Path,
    checkpoint_key: str,
    listener: TrainingListener,
) -> Trained:
    """Fit ``architecture`` to the training windows of a fold; score test windows, and validation ones if there are any.

    A training that the checkpoint shows as finished is taken over as it is.
    """
    settings, statistics = experiment.model_settings(architecture), windows.statistics
    channels = channels_seen(settings.training)
    validation = windows.roles["validation"]
    fitted = fit_architecture(
        architecture,
        _labelled(windows.roles["training"]),
        _labelled(validation) if len(validation.labels) else None,
        settings,
        experiment.runtime,
        channels=channels,
        statistics=statistics,
        seed=seed,
        checkpoint_path=checkpoint_path,
        checkpoint_key=checkpoint_key,
        listener=listener,
    )
    scored = {role: windows.roles[role] for role in ("validation", "test") if len(windows.roles[role].labels)}
    probabilities = {
        role: predict_normalised(fitted, own.windows, statistics=statistics, channels=channels)
        for role, own in scored.items()
    }
    return Trained(
        fitted=fitted,
        weights=weights_version(classifier_of(fitted, statistics, channels)),
        result=score_seed(seed, scored, probabilities, best_epoch=fitted.best_epoch, training_seconds=fitted.seconds),
        predictions=[
            tabulate_predictions(own.keys, own.labels.numpy(), probabilities[role], role=role, seed=seed)
            for role, own in scored.items()
        ],
    )


def describe_fold(
    architecture: str,
    experiment: Experiment,
    fold: Fold,
    windows: SplitWindows,
    trainings: Sequence[Trained],
    *,
    origin: Origin,
) -> FoldResult:
    """The result of a fold from its trainings, at least one."""
    settings, fitted = experiment.model_settings(architecture), trainings[0].fitted
    complexity = measure_complexity(fitted.model, experiment.windows.length, len(channels_seen(settings.training)))
    recipe = settings_read(architecture, settings)
    recipe.pop("seed")
    return FoldResult(
        architecture=architecture,
        origin=origin,
        fold=fold.name,
        protocol=fold.protocol,
        subjects={role: _subjects(own) for role, own in windows.roles.items()},
        seeds=tuple(training.result for training in trainings),
        num_windows={role: len(own.labels) for role, own in windows.roles.items()},
        num_dropped=windows.num_dropped,
        num_parameters=complexity.num_parameters,
        training_settings=recipe,
        device=fitted.device,
        precision=fitted.precision,
    )


def fold_version(result: FoldResult, trainings: Iterable[Trained]) -> str:
    """A hash of weights, predictions and scores; of neither times nor devices.

    Weights alone would not do: another recording of a test subject changes none.
    """
    content = asdict(result)
    for name in ("device", "precision"):
        content.pop(name)
    for seed in content["seeds"]:
        seed.pop("training_seconds")
    digest = hashlib.sha256(dump_json(content).encode())
    for training in trainings:
        digest.update(training.weights.encode())
        for table in training.predictions:
            digest.update(np.ascontiguousarray(probabilities_of(table)).tobytes())
    return digest.hexdigest()


def checkpoint_key(version: str, upstream: dict[str, str], fold: str, seed: int) -> str:
    """What an unfinished training belongs to; another one starts from the beginning."""
    parts = json.dumps([version, upstream, fold, seed], sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()


def _labelled(windows: WindowTensors) -> LabelledWindows:
    return LabelledWindows(windows.windows, windows.labels)


def _subjects(windows: WindowTensors) -> tuple[int, ...]:
    return tuple(sorted(windows.keys["subject"].unique().to_pylist()))
