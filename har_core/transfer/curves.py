"""What a few windows of a new person give: predictions of their later windows, by number of windows and by way."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import nn

from har_core.base.errors import InputError
from har_core.base.progress import Progress, silent
from har_core.inference.classifier import predict_probabilities
from har_core.inference.predictions import tabulate_predictions
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.transfer import TransferSettings
from har_core.splits.build import SplitWindows
from har_core.training.devices import computing
from har_core.transfer.few import Person, Rows, people
from har_core.transfer.personal import personalise
from har_core.transfer.table import AS_IT_IS, FROM_NOTHING, curves_schema
from har_core.windows.tensors import WindowTensors

FromNothing = Callable[[WindowTensors], nn.Module]
"""Trains a classifier of raw windows on a few normalised ones, of at least two activities."""
_CPU = torch.device("cpu")
_FEWEST = 2
"""Activities that a person must show: of one, nobody learns to tell it from others."""


@dataclass(frozen=True, slots=True)
class Curves:
    """Predictions, and what was trained for them."""

    predictions: pa.Table
    """In :func:`~har_core.transfer.table.curves_schema`; of each tested window one row for each way and number."""
    num_moved: dict[str, int]
    """Numbers that each way trains."""
    seconds: float
    """Of all that, wall-clock time."""


def measure_curves(
    parent: nn.Module,
    windows: SplitWindows,
    settings: TransferSettings,
    runtime: RuntimeSettings,
    *,
    seed: int,
    from_nothing: FromNothing | None = None,
    progress: Progress = silent,
) -> Curves:
    """Fit ``parent`` on to each person who tests, and predict what they do later.

    People are left out who do not show two activities that the model knows, or do none of those later.

    Args:
        parent: the graph of a registered model: raw windows (N, T, C) to probabilities (N, K).
        windows: of the split that it was fitted to, normalised.
        settings: by which ways, and from how many windows.
        runtime: threads of the CPU, which computes all but ``from_nothing``.
        seed: of every training.
        from_nothing: what trains the network that knows nobody else; None for none.
        progress: is told how many people are done.

    Raises:
        InputError: nothing of the model can be changed by a way, or nobody is left.
        HarError: weights are no longer finite.
    """
    test, raw = windows.roles["test"], torch.from_numpy(np.concatenate([*windows.raw("test")]))
    learnt = sorted(set(windows.roles["training"].labels.tolist()))
    shown = people(test, settings.windows_per_activity, activities=learnt)
    everybody = [person for person in shown if _can_be_measured(person, test.labels.numpy(), learnt)]
    if not everybody:
        raise InputError("nobody who tests shows two activities and does one of them again later")
    tables, num_moved = [], dict[str, int]()

    def add(classifier: nn.Module, rows: Rows, way: str, number: int) -> None:
        own = _only(test, rows)
        table = tabulate_predictions(
            own, predict_probabilities(classifier, raw[rows]), role="test", seed=seed, learnt=learnt
        )
        extra = [pa.repeat(way, len(rows)), pa.repeat(pa.scalar(number, pa.int32()), len(rows))]
        tables.append(pa.table([*table.columns, *extra], schema=schema))

    schema, start = curves_schema(windows.spec, learnt), time.perf_counter()
    with computing(runtime, _CPU):
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
    return Curves(pa.concat_tables(tables), num_moved, time.perf_counter() - start)


def _can_be_measured(person: Person, labels: npt.NDArray[np.int64], learnt: Sequence[int]) -> bool:
    shown = {number: len(np.unique(labels[rows])) for number, rows in person.learnt.items()}
    return min(shown.values()) >= _FEWEST and bool(np.isin(labels[person.tested], learnt).any())


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
