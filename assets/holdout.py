"""From split windows to a trained, scored network: the steps of the core in their order. No figure is made here."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from har_core.dsads.layout import NUM_ACTIVITIES, NUM_CHANNELS
from har_core.evaluation.complexity import measure_complexity
from har_core.evaluation.latency import measure_latency
from har_core.evaluation.predictions import tabulate_predictions
from har_core.evaluation.result import ModelResult, Origin
from har_core.evaluation.scores import score
from har_core.inference import RawWindowClassifier, predict_probabilities
from har_core.models import architecture_options, create_model
from har_core.normalization import Statistics
from har_core.settings.experiment import Experiment
from har_core.splits import FILE_NAMES, STATISTICS_FILE_NAME
from har_core.training import LabelledWindows, TrainingListener, TrainingResult, seed_everything, train
from har_core.windows.tensors import WindowTensors, read_tensors

SCORED_ROLES = ("validation", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Splits:
    """The windows of each role, normalised, and the statistics that undo it."""

    roles: dict[str, WindowTensors]
    statistics: Statistics

    @classmethod
    def read(cls, folder: Path) -> "Splits":
        """Read what the asset ``splits`` wrote."""
        return cls(
            roles={role: read_tensors(folder / name) for role, name in FILE_NAMES.items()},
            statistics=Statistics.from_json((folder / STATISTICS_FILE_NAME).read_text(encoding="utf-8")),
        )

    def labelled(self, role: str) -> LabelledWindows:
        """The windows of ``role`` as training takes them."""
        return LabelledWindows(self.roles[role].windows, self.roles[role].labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A network with its normalisation, what is known of it, and its predictions."""

    classifier: RawWindowClassifier
    result: ModelResult
    predictions: list[pa.Table]


def train_and_score(
    architecture: str,
    experiment: Experiment,
    splits: Splits,
    *,
    origin: Origin,
    checkpoint_path: Path,
    checkpoint_key: str,
    listener: TrainingListener,
) -> Trained:
    """Train ``architecture`` on the training windows; score validation and test windows with its best weights."""
    settings = experiment.model_settings(architecture)
    seed_everything(settings.training.seed)
    training = train(
        create_model(
            architecture,
            num_channels=NUM_CHANNELS,
            num_timepoints=experiment.windows.length,
            num_classes=NUM_ACTIVITIES,
            **settings.architecture_options,
        ),
        splits.labelled("training"),
        splits.labelled("validation"),
        settings.training,
        experiment.runtime,
        num_classes=NUM_ACTIVITIES,
        checkpoint_path=checkpoint_path,
        checkpoint_key=checkpoint_key,
        listener=listener,
    )
    return _score(architecture, experiment, splits, training, origin=origin)


def _score(
    architecture: str, experiment: Experiment, splits: Splits, training: TrainingResult, *, origin: Origin
) -> Trained:
    settings = experiment.model_settings(architecture)
    num_timepoints, seed = experiment.windows.length, settings.training.seed
    probabilities = _predict_normalised(training, splits)
    classifier = RawWindowClassifier(
        training.model,
        mean=torch.from_numpy(splits.statistics.mean),
        standard_deviation=torch.from_numpy(splits.statistics.standard_deviation),
    ).eval()
    result = ModelResult(
        architecture=architecture,
        origin=origin,
        seed=seed,
        training_settings={
            **settings.training.model_dump(mode="json"),
            **architecture_options(architecture),
            **settings.architecture_options,
        },
        scores={role: score(splits.roles[role].labels.numpy(), probabilities[role]) for role in SCORED_ROLES},
        history=tuple(asdict(record) for record in training.history),
        best_epoch=training.best_epoch,
        complexity=measure_complexity(training.model, num_timepoints, NUM_CHANNELS),
        latency=measure_latency(classifier, num_timepoints, NUM_CHANNELS, experiment.evaluation),
        num_windows={role: len(windows.labels) for role, windows in splits.roles.items()},
        training_seconds=sum(record.seconds for record in training.history),
        device=training.device,
        precision=training.precision,
    )
    tables = [
        tabulate_predictions(
            splits.roles[role].keys, splits.roles[role].labels.numpy(), probabilities[role], role=role, seed=seed
        )
        for role in SCORED_ROLES
    ]
    return Trained(classifier=classifier, result=result, predictions=tables)


def _predict_normalised(training: TrainingResult, splits: Splits) -> dict[str, npt.NDArray[np.float32]]:
    """Split windows are normalised already, so the statistics of this classifier change nothing."""
    unchanged = RawWindowClassifier(
        training.model, mean=torch.zeros(NUM_CHANNELS), standard_deviation=torch.ones(NUM_CHANNELS)
    )
    return {role: predict_probabilities(unchanged, splits.roles[role].windows) for role in SCORED_ROLES}
