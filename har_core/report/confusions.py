"""Where the models err: F1 by activity, and what is taken for what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from har_core.datasets.dsads.layout import ACTIVITIES
from har_core.report.formats import fixed, listed
from har_core.report.rankings import Model

NUM_CONFUSIONS_NAMED = 5
NUM_HARDEST_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatRow:
    """One activity's test F1 by each model."""

    number: int
    activity: str
    support: int
    f1: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Windows of one activity that were taken for another, or for what they are."""

    count: int
    share: float
    """Of the windows of the true activity."""
    is_right: bool
    predicted: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfusionRow:
    """One true activity."""

    number: int
    activity: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """One frequent mistake."""

    true: str
    predicted: str
    count: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfusionTable:
    """One model's confusion matrix on test."""

    model: Model
    rows: tuple[ConfusionRow, ...]
    frequent: tuple[Confusion, ...]
    """The most frequent mistakes, most frequent first."""
    num_errors: int
    num_windows: int


def heat_rows(models: Sequence[Model]) -> tuple[HeatRow, ...]:
    """Test F1 by activity, a column for each of ``models``."""
    if not models:
        return ()
    by_model = [model.scores("test").per_class for model in models]
    return tuple(
        HeatRow(
            number=number,
            activity=activity,
            support=by_model[0][number - 1].support,
            f1=tuple(per_class[number - 1].f1 for per_class in by_model),
        )
        for number, activity in enumerate(ACTIVITIES, 1)
    )


def equal_support(models: Sequence[Model]) -> int | None:
    """Test windows of each activity; None where activities differ."""
    supports = {row.support for row in heat_rows(models)}
    return supports.pop() if len(supports) == 1 else None


def hardest_activities(models: Sequence[Model]) -> str:
    """The activities with the lowest mean F1, in words."""
    rows = sorted(heat_rows(models), key=lambda row: float(np.mean(row.f1)))
    return listed([f"{row.activity} ({fixed(float(np.mean(row.f1)), 2)})" for row in rows[:NUM_HARDEST_NAMED]])


def confusion_table(model: Model) -> ConfusionTable:
    """The test confusion matrix of ``model`` and its most frequent mistakes."""
    counts = np.asarray(model.scores("test").confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    errors = counts - np.diag(np.diag(counts))
    order = np.argsort(-errors, axis=None, kind="stable")[:NUM_CONFUSIONS_NAMED]
    frequent = [tuple(int(index) for index in np.unravel_index(place, counts.shape)) for place in order]
    return ConfusionTable(
        model=model,
        rows=tuple(
            ConfusionRow(
                number=true + 1,
                activity=activity,
                cells=tuple(
                    Cell(
                        count=int(counts[true, predicted]),
                        share=float(shares[true, predicted]),
                        is_right=true == predicted,
                        predicted=ACTIVITIES[predicted],
                    )
                    for predicted in range(len(ACTIVITIES))
                ),
            )
            for true, activity in enumerate(ACTIVITIES)
        ),
        frequent=tuple(
            Confusion(
                true=ACTIVITIES[true],
                predicted=ACTIVITIES[predicted],
                count=int(counts[true, predicted]),
                share=float(shares[true, predicted]),
            )
            for true, predicted in frequent
            if errors[true, predicted]
        ),
        num_errors=int(errors.sum()),
        num_windows=int(counts.sum()),
    )
