"""Makes the record of a training: what it was made with, how it went, and what the model costs on this machine."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import torch

from har_core.datasets.origin import Origin
from har_core.evaluation.complexity import measure_complexity
from har_core.evaluation.latency import measure_latency
from har_core.evaluation.records import FoldRecord, ModelRecord, SeedRecord, dump_json
from har_core.fitting.recipe import channels_seen, settings_read
from har_core.fitting.trained import Trained
from har_core.inference.predictions import probabilities_of
from har_core.settings.experiment import Experiment
from har_core.splits.build import SplitWindows
from har_core.splits.protocols import Fold
from har_core.training.devices import computed_with

_WINDOWS_AT_ONCE = 256


def describe_model(
    architecture: str, experiment: Experiment, windows: SplitWindows, trained: Trained, *, origin: Origin
) -> ModelRecord:
    """The record of a model, with its cost and its speed on this machine measured now."""
    settings, fitted, length = experiment.model_settings(architecture), trained.fitted, experiment.window_length
    channels = channels_seen(windows.spec, settings.training)
    test = (batch[:, :, list(channels)] for batch in torch.split(windows.roles["test"].windows, _WINDOWS_AT_ONCE))
    computed = computed_with(experiment.runtime)
    return ModelRecord(
        architecture=architecture,
        origin=origin,
        seed=trained.seed,
        training_settings={**settings_read(architecture, settings), "seed": trained.seed},
        history=tuple(asdict(record) for record in fitted.history),
        best_epoch=fitted.best_epoch,
        complexity=measure_complexity(fitted.model, length, len(channels), test),
        latency=measure_latency(trained.classifier, length, windows.spec.num_channels, experiment.evaluation),
        num_windows=_num_windows(windows),
        subjects=_subjects(windows),
        training_seconds=fitted.seconds,
        device=fitted.device,
        precision=fitted.precision,
        num_threads=int(computed["num_threads"]),
        cpu_capability=str(computed["cpu_capability"]),
    )


def describe_fold(
    architecture: str,
    experiment: Experiment,
    fold: Fold,
    windows: SplitWindows,
    trainings: Sequence[Trained],
    *,
    origin: Origin,
) -> FoldRecord:
    """The record of a fold from its trainings, at least one."""
    settings, fitted = experiment.model_settings(architecture), trainings[0].fitted
    num_channels = len(channels_seen(windows.spec, settings.training))
    complexity = measure_complexity(fitted.model, experiment.window_length, num_channels)
    recipe = settings_read(architecture, settings)
    recipe.pop("seed")
    computed = computed_with(experiment.runtime)
    return FoldRecord(
        architecture=architecture,
        origin=origin,
        fold=fold.name,
        protocol=fold.protocol,
        subjects=_subjects(windows),
        seeds=tuple(
            SeedRecord(seed=t.seed, best_epoch=t.fitted.best_epoch, training_seconds=t.fitted.seconds)
            for t in trainings
        ),
        num_windows=_num_windows(windows),
        num_dropped=windows.num_dropped,
        num_parameters=complexity.num_parameters,
        training_settings=recipe,
        device=fitted.device,
        precision=fitted.precision,
        num_threads=int(computed["num_threads"]),
        cpu_capability=str(computed["cpu_capability"]),
    )


def fold_version(record: FoldRecord, trainings: Sequence[Trained]) -> str:
    """A hash of weights, predictions and the record; of neither times nor devices and threads.

    Weights alone would not do: another recording of a test subject changes none.
    """
    digest = digest_of_record(record)
    for trained in trainings:
        digest.update(trained.weights.encode())
        digest.update(np.ascontiguousarray(probabilities_of(trained.predictions)).tobytes())
    return digest.hexdigest()


def _subjects(windows: SplitWindows) -> dict[str, tuple[int, ...]]:
    return {role: tuple(sorted(own.keys["subject"].unique().to_pylist())) for role, own in windows.roles.items()}


def digest_of_record(record: FoldRecord) -> hashlib._Hash:
    """A hash of a record, to go on with; of neither times nor devices and threads."""
    content = asdict(record)
    for name in ("device", "precision", "num_threads", "cpu_capability"):
        del content[name]
    for seed in content["seeds"]:
        del seed["training_seconds"]
    return hashlib.sha256(dump_json(content).encode())


def _num_windows(windows: SplitWindows) -> dict[str, int]:
    return {role: len(own.labels) for role, own in windows.roles.items()}
