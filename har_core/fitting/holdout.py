"""From split windows to a fitted, scored model: the steps of the core in their order. No figure is made here."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from har_core.datasets.dsads.layout import NUM_CHANNELS
from har_core.evaluation.complexity import measure_complexity
from har_core.evaluation.latency import measure_latency
from har_core.evaluation.result import ModelResult, Origin
from har_core.evaluation.scores import Scores, score
from har_core.fitting.fit import (
    Fitted,
    channels_seen,
    classifier_of,
    fit_architecture,
    predict_normalised,
    settings_read,
)
from har_core.inference.classifier import RawWindowClassifier
from har_core.inference.predictions import tabulate_predictions
from har_core.settings.experiment import Experiment
from har_core.splits.build import SplitWindows
from har_core.training.data import LabelledWindows
from har_core.training.events import TrainingListener
from har_core.windows.tensors import WindowTensors

SCORED_ROLES = ("validation", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A model that takes raw windows, what is known of it, and its predictions."""

    classifier: RawWindowClassifier
    result: ModelResult
    predictions: list[pa.Table]


def train_and_score(
    architecture: str,
    experiment: Experiment,
    splits: SplitWindows,
    *,
    origin: Origin,
    checkpoint_path: Path,
    checkpoint_key: str,
    listener: TrainingListener,
) -> Trained:
    """Fit ``architecture`` to the training windows; score validation and test windows, with its best weights."""
    settings = experiment.model_settings(architecture)
    channels = channels_seen(settings.training)
    fitted = fit_architecture(
        architecture,
        _labelled(splits.roles["training"]),
        _labelled(splits.roles["validation"]),
        settings,
        experiment.runtime,
        channels=channels,
        statistics=splits.statistics,
        checkpoint_path=checkpoint_path,
        checkpoint_key=checkpoint_key,
        listener=listener,
    )
    probabilities = {
        role: predict_normalised(fitted, splits.roles[role].windows, statistics=splits.statistics, channels=channels)
        for role in SCORED_ROLES
    }
    classifier = classifier_of(fitted, splits.statistics, channels)
    result = _describe(
        architecture,
        experiment,
        splits,
        fitted=fitted,
        classifier=classifier,
        probabilities=probabilities,
        origin=origin,
    )
    tables = [
        tabulate_predictions(
            splits.roles[role].keys,
            splits.roles[role].labels.numpy(),
            probabilities[role],
            role=role,
            seed=settings.training.seed,
        )
        for role in SCORED_ROLES
    ]
    return Trained(classifier=classifier, result=result, predictions=tables)


def _describe(
    architecture: str,
    experiment: Experiment,
    splits: SplitWindows,
    *,
    fitted: Fitted,
    classifier: RawWindowClassifier,
    probabilities: dict[str, npt.NDArray[np.float32]],
    origin: Origin,
) -> ModelResult:
    settings, num_timepoints = experiment.model_settings(architecture), experiment.windows.length
    return ModelResult(
        architecture=architecture,
        origin=origin,
        seed=settings.training.seed,
        training_settings=settings_read(architecture, settings),
        scores={role: _score(splits.roles[role], probabilities[role]) for role in SCORED_ROLES},
        scores_clean={
            role: _score(splits.roles[role], probabilities[role], ~splits.roles[role].damaged.numpy())
            for role in SCORED_ROLES
            if not splits.roles[role].damaged.all()
        },
        history=tuple(asdict(record) for record in fitted.history),
        best_epoch=fitted.best_epoch,
        complexity=measure_complexity(fitted.model, num_timepoints, len(channels_seen(settings.training))),
        latency=measure_latency(classifier, num_timepoints, NUM_CHANNELS, experiment.evaluation),
        num_windows={role: len(windows.labels) for role, windows in splits.roles.items()},
        training_seconds=fitted.seconds,
        device=fitted.device,
        precision=fitted.precision,
    )


def _score(
    windows: WindowTensors, probabilities: npt.NDArray[np.float32], chosen: npt.NDArray[np.bool_] | None = None
) -> Scores:
    labels = windows.labels.numpy()
    return score(labels, probabilities) if chosen is None else score(labels[chosen], probabilities[chosen])


def _labelled(windows: WindowTensors) -> LabelledWindows:
    return LabelledWindows(windows.windows, windows.labels)
