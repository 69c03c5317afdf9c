"""What a few windows of a new person give: predictions of their later windows, by number of windows and by way.

Beside the ways of :data:`har_core.settings.transfer.WAYS` there are ``as_it_is``, the model as it is, and
``from_nothing``, a network of its architecture that learns from the person's windows alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import torch
from torch import nn

from har_core.base.progress import Progress, silent
from har_core.inference.classifier import predict_probabilities
from har_core.inference.predictions import predictions_schema, tabulate_predictions
from har_core.settings.transfer import TransferSettings
from har_core.spec.dataset import DatasetSpec
from har_core.splits.build import SplitWindows
from har_core.transfer.few import Rows, people
from har_core.transfer.personal import personalise
from har_core.windows.tensors import WindowTensors

AS_IT_IS, FROM_NOTHING = "as_it_is", "from_nothing"
FromNothing = Callable[[WindowTensors], nn.Module]
"""Trains a classifier of raw windows on a few normalised ones."""


@dataclass(frozen=True, slots=True)
class Curves:
    """Predictions, and what was trained for them."""

    predictions: pa.Table
    """In :func:`curves_schema`; of each window that is tested one row for each way and number."""
    num_moved: dict[str, int]
    """Numbers that each way trains."""


def curves_schema(spec: DatasetSpec, learnt: Iterable[int] | None = None) -> pa.Schema:
    """:func:`~har_core.inference.predictions.predictions_schema`, and which model said so."""
    schema = predictions_schema(spec, learnt)
    way = pa.field("way", pa.string(), nullable=False, metadata={"description": "what was changed of the model"})
    number = pa.field(
        "windows_per_activity", pa.int32(), nullable=False, metadata={"description": "that it learnt from the person"}
    )
    return pa.schema([*schema, way, number], metadata=schema.metadata)


def measure_curves(
    parent: nn.Module,
    windows: SplitWindows,
    settings: TransferSettings,
    *,
    seed: int,
    from_nothing: FromNothing | None = None,
    progress: Progress = silent,
) -> Curves:
    """Fit ``parent`` on to each person who tests, and predict what they do later.

    Args:
        parent: the graph of a registered model: raw windows (N, T, C) to probabilities (N, K).
        windows: of the split that it was fitted to, normalised.
        settings: by which ways, and from how many windows.
        seed: of every training.
        from_nothing: what trains the network that knows nobody else; None for none.
        progress: is told how many people are done.

    Raises:
        InputError: nothing of the model can be changed by a way.
        HarError: weights are no longer finite.
    """
    test, raw = windows.roles["test"], torch.from_numpy(np.concatenate([*windows.raw("test")]))
    learnt = sorted(set(windows.roles["training"].labels.tolist()))
    everybody = list(people(test, settings.windows_per_activity, activities=learnt))
    tables, num_moved = [], dict[str, int]()

    def add(classifier: nn.Module, rows: Rows, way: str, number: int) -> None:
        own = _only(test, rows)
        table = tabulate_predictions(
            own, predict_probabilities(classifier, raw[rows]), role="test", seed=seed, learnt=learnt
        )
        extra = [pa.repeat(way, len(rows)), pa.repeat(pa.scalar(number, pa.int32()), len(rows))]
        tables.append(pa.table([*table.columns, *extra], schema=schema))

    schema = curves_schema(windows.spec, learnt)
    for index, person in enumerate(everybody):
        progress("people", index, len(everybody))
        add(parent, person.tested, AS_IT_IS, 0)
        for number, rows in person.learnt.items():
            for way in settings.ways:
                personal = personalise(parent, raw[rows], test.labels[rows], way, settings, seed=seed)
                num_moved[way] = personal.num_moved
                add(personal.classifier, person.tested, way, number)
            if from_nothing is not None:
                add(from_nothing(_only(test, rows)), person.tested, FROM_NOTHING, number)
    progress("people", len(everybody), len(everybody))
    return Curves(pa.concat_tables(tables), num_moved)


def _only(windows: WindowTensors, rows: Rows) -> WindowTensors:
    index = torch.from_numpy(rows)
    return replace(
        windows,
        keys=windows.keys.take(rows),
        windows=windows.windows[index],
        labels=windows.labels[index],
        damaged=windows.damaged[index],
        duplicate_groups=windows.duplicate_groups[index],
    )
