"""One training: an architecture fitted to the training windows of a split, and its predictions for the other roles.

The same for the split of the models and for each fold. Scores are computed from the predictions by whoever shows them
(:mod:`har_core.evaluation`): a corrected metric must not make a training stale.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from har_core.fitting.fit import classifier_of, fit_architecture
from har_core.fitting.recipe import channels_seen
from har_core.inference.classifier import RawWindowClassifier, predict_probabilities, weights_version
from har_core.inference.predictions import tabulate_predictions
from har_core.settings.experiment import ModelSettings
from har_core.settings.runtime import RuntimeSettings
from har_core.splits.build import SplitWindows
from har_core.training.data import LabelledWindows
from har_core.training.events import Fitted, TrainingListener, ignore
from har_core.windows.tensors import WindowTensors


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A fitted model and what it says of the windows that it did not train on."""

    seed: int
    fitted: Fitted
    classifier: RawWindowClassifier
    """What is registered: raw windows (N, T, C) to probabilities (N, K)."""
    weights: str
    """Hash of the classifier's weights."""
    predictions: pa.Table
    """Of validation and test windows, in the form of :func:`~har_core.inference.predictions.predictions_schema`."""


def train_and_predict(
    architecture: str,
    settings: ModelSettings,
    runtime: RuntimeSettings,
    windows: SplitWindows,
    *,
    seed: int | None = None,
    fills_gaps: bool = False,
    checkpoint_path: Path | None = None,
    checkpoint_key: str = "",
    listener: TrainingListener = ignore,
) -> Trained:
    """Fit ``architecture`` to the training windows, and predict the validation and test windows that there are.

    Arguments and errors are those of :func:`har_core.fitting.fit.fit_architecture`, where ``architecture`` is the
    ``name``. ``windows`` are normalised for networks, in sensor units for classical models
    (:func:`har_core.fitting.recipe.takes_raw_windows`); ``fills_gaps`` says whether gaps in them were filled. What the
    checkpoint shows as finished is taken over.
    """
    spec, statistics = windows.spec, windows.statistics
    channels = channels_seen(spec, settings.training)
    seed = settings.training.seed if seed is None else seed
    training, validation = windows.roles["training"], windows.roles["validation"]
    fitted = fit_architecture(
        architecture,
        labelled(training),
        labelled(validation) if len(validation.labels) else None,
        settings,
        runtime,
        spec=spec,
        channels=channels,
        statistics=statistics,
        seed=seed,
        checkpoint_path=checkpoint_path,
        checkpoint_key=checkpoint_key,
        listener=listener,
    )
    as_given = classifier_of(fitted, None, spec, channels)
    classifier = classifier_of(fitted, statistics, spec, channels, fills_gaps=fills_gaps)
    predicted = {role: own for role, own in windows.roles.items() if role != "training" and len(own.labels)}
    learnt = sorted(set(training.labels.tolist()))
    return Trained(
        seed=seed,
        fitted=fitted,
        classifier=classifier,
        weights=weights_version(classifier),
        predictions=pa.concat_tables(
            tabulate_predictions(own, predict_probabilities(as_given, own.windows), role=role, seed=seed, learnt=learnt)
            for role, own in predicted.items()
        ),
    )


def checkpoint_key(version: str, upstream: Mapping[str, str], fold: str | None, seed: int) -> str:
    """What an unfinished training belongs to; another one starts from the beginning."""
    parts = json.dumps([version, dict(upstream), fold, seed], sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()


def labelled(windows: WindowTensors) -> LabelledWindows:
    """The windows of a role, to fit or to measure a model with."""
    return LabelledWindows(windows.windows, windows.labels)
