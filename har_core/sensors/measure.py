"""Trains an architecture on each subset of its channels, and loses units of the windows that it predicts.

Letters: N windows, T timepoints, C channels, K activities.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import torch

from har_core.base.progress import Progress, silent
from har_core.fitting.trained import Trained, train_and_predict
from har_core.inference.classifier import predict_probabilities
from har_core.inference.predictions import learnt_of, tabulate_predictions
from har_core.sensors.subsets import Part, Way, subsets_of, units_seen
from har_core.sensors.table import sensors_schema
from har_core.settings.experiment import ModelSettings
from har_core.settings.runtime import RuntimeSettings
from har_core.spec.dataset import DatasetSpec
from har_core.splits.build import SplitWindows
from har_core.training.events import TrainingListener, ignore


def measure_sensors(
    architecture: str,
    settings: ModelSettings,
    runtime: RuntimeSettings,
    windows: SplitWindows,
    *,
    seed: int,
    checkpoints: Path | None = None,
    checkpoint_key: str = "",
    progress: Progress = silent,
    listener: TrainingListener = ignore,
) -> pa.Table:
    """What ``architecture`` says of the test windows, trained on each of :func:`~har_core.sensors.subsets.subsets_of`.

    Trained on all of its channels, it says it of windows without a unit too, for each of its units if it sees several.

    Args:
        architecture: as for :func:`har_core.fitting.trained.train_and_predict`, like the next three.
        settings: what it is built and trained with; its units, sensors and channels are those that subsets are of.
        runtime: where.
        windows: of one fold.
        seed: of every training.
        checkpoints: folder of the states of unfinished trainings, and of those that are finished.
        checkpoint_key: what the trainings belong to.
        progress: is told of finished trainings.
        listener: is told of the epochs of a network.

    Returns:
        A row a test window and model, in :func:`~har_core.sensors.table.sensors_schema`.

    Raises:
        InputError: as :func:`har_core.fitting.fit.fit_architecture`, of each training.
    """
    tables, subsets = [], subsets_of(windows.spec, settings.training)
    for number, subset in enumerate(subsets):
        progress("trainings", number, len(subsets))
        trained = train_and_predict(
            architecture,
            subset.settings(settings),
            runtime,
            windows,
            seed=seed,
            checkpoint_path=None if checkpoints is None else checkpoints / f"subset-{number}.pt",
            checkpoint_key=f"{checkpoint_key} {number}",
            listener=listener,
        )
        predictions = trained.predictions.filter(pc.equal(trained.predictions["role"], "test"))
        tables.append(_named(predictions, windows.spec, subset.way, subset.part, subset.name))
        if subset.way == "all":
            tables += _without_each(units_seen(windows.spec, settings.training), trained, windows)
    progress("trainings", len(subsets), len(subsets))
    return pa.concat_tables(tables)


def lose_unit(windows_NTC: npt.NDArray[np.float32], spec: DatasetSpec, unit: str) -> npt.NDArray[np.float32]:
    """A copy of windows in sensor units where the channels of ``unit`` hold zeros, as where a unit fails."""
    is_lost_C = np.array([channel.place == unit for channel in spec.channels])
    return np.where(is_lost_C, np.float32(0), windows_NTC)


def _without_each(units: tuple[str, ...], trained: Trained, windows: SplitWindows) -> Iterator[pa.Table]:
    """What a model says of the test windows without each of its units; nothing if it has only one."""
    for unit in units if len(units) > 1 else ():
        probabilities = np.concatenate(
            [
                predict_probabilities(trained.classifier, torch.from_numpy(lose_unit(batch, windows.spec, unit)))
                for batch in windows.raw("test")
            ]
        )
        predictions = tabulate_predictions(
            windows.roles["test"],
            probabilities,
            role="test",
            seed=trained.seed,
            learnt=learnt_of(trained.predictions),
        )
        yield _named(predictions, windows.spec, "missing", "unit", unit)


def _named(predictions: pa.Table, spec: DatasetSpec, way: Way, part: Part, name: str) -> pa.Table:
    """The same in :func:`~har_core.sensors.table.sensors_schema`."""
    columns = [pa.repeat(words, predictions.num_rows) for words in (way, part, name)]
    return pa.table([*predictions.columns, *columns], schema=sensors_schema(spec, learnt_of(predictions)))
