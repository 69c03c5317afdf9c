"""Scores of predictions by scikit-learn and scipy, for :mod:`recomputed`. Letters: N windows, K activities."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from made_reports import SPEC
from scipy import optimize
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, log_loss, precision_recall_fscore_support

ACTIVITIES = range(SPEC.num_activities)
COVERAGES = (1.0, 0.95, 0.9, 0.8, 0.5)
NUM_BINS = 15


class Near(NamedTuple):
    """A number that the report has from counted windows, so that it may be off by this much."""

    value: float
    within: float


class Windows(NamedTuple):
    """Windows of one role, of one training or of several."""

    labels: np.ndarray
    probabilities: np.ndarray
    subjects: np.ndarray
    damaged: np.ndarray
    segments: np.ndarray

    @property
    def predicted(self) -> np.ndarray:
        found: np.ndarray = self.probabilities.argmax(axis=1)
        return found

    def where(self, chosen_N: np.ndarray) -> Windows:
        return Windows(*(own[chosen_N] for own in self))

    def of(self, subject: int) -> Windows:
        return self.where(self.subjects == subject)

    @property
    def clean(self) -> Windows:
        return self.where(~self.damaged)

    @classmethod
    def together(cls, every: Iterable[Windows]) -> Windows:
        return cls(*(np.concatenate(own) for own in zip(*every, strict=True)))


class Training(NamedTuple):
    """One seed of a fold, or a registered model."""

    seed: int
    validation: Windows
    test: Windows
    learnt: set[int]


def trainings(table: pa.Table) -> list[Training]:
    """Those that a table of predictions is of, by seed."""
    learnt = {int(word) for word in table.schema.metadata[b"har.learnt"].split()}
    columns = {
        name: np.array(table[name].to_pylist()) for name in ("label", "subject", "damaged", "segment", "role", "seed")
    }
    every = Windows(
        columns["label"],
        np.array(table["probabilities"].to_pylist(), dtype=np.float32),
        columns["subject"],
        columns["damaged"],
        columns["segment"],
    )
    return [
        Training(
            seed=seed,
            validation=every.where((columns["role"] == "validation") & (columns["seed"] == seed)),
            test=every.where((columns["role"] == "test") & (columns["seed"] == seed)),
            learnt=learnt,
        )
        for seed in sorted(set(columns["seed"].tolist()))
    ]


# --- Scores -----------------------------------------------------------------------------------------------------------


def macro_f1(windows: Windows, activities: Iterable[int]) -> float:
    return float(
        f1_score(windows.labels, windows.predicted, labels=sorted(activities), average="macro", zero_division=0)
    )


def accuracy(windows: Windows) -> float:
    return float(accuracy_score(windows.labels, windows.predicted))


def there(windows: Windows) -> set[int]:
    """Class ids that there are windows of."""
    return set(windows.labels.tolist())


def scores(windows: Windows, activities: set[int]) -> dict[str, Any]:
    """As the report has the scores of one role; macro means are over ``activities``."""
    truth = (windows.labels, windows.predicted)
    names = ("precision", "recall", "f1")
    found: dict[str, Any] = {"accuracy": accuracy(windows)}
    for average, labels in (("macro", sorted(activities)), ("weighted", list(ACTIVITIES))):
        means = precision_recall_fscore_support(*truth, labels=labels, average=average, zero_division=0)
        found |= {f"{average}_{name}": float(mean) for name, mean in zip(names, means[:3], strict=True)}
    columns = precision_recall_fscore_support(*truth, labels=list(ACTIVITIES), zero_division=0)
    named = zip(*(column.tolist() for column in columns), strict=True)
    found["per_class"] = [dict(zip((*names, "support"), own, strict=True)) for own in named]
    found["confusion"] = confusion_matrix(*truth, labels=list(ACTIVITIES)).tolist()
    return found


def by_subject(windows: Windows, learnt: set[int]) -> dict[str, float]:
    """Macro-F1 over the activities that each has, and that were learnt."""
    own = {subject: windows.of(subject) for subject in np.unique(windows.subjects).tolist()}
    return {str(s): macro_f1(w, there(w) & learnt) for s, w in own.items() if there(w) & learnt}


def mean_of(every: Iterable[Mapping[str, float]]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for own in every:
        for key, value in own.items():
            found.setdefault(key, []).append(value)
    return {key: float(np.mean(values)) for key, values in found.items()}


def spread(values: Sequence[float]) -> dict[str, float]:
    return {"mean": float(np.mean(values)), "standard_deviation": float(np.std(values, ddof=1))}


def activity_f1(windows: Windows) -> list[float | None]:
    """None of an activity without windows."""
    every = f1_score(windows.labels, windows.predicted, labels=list(ACTIVITIES), average=None, zero_division=0).tolist()
    return [f1 if k in there(windows) else None for k, f1 in enumerate(every)]


def temperature(windows: Windows) -> float:
    """With the least cross entropy."""

    def loss(exponent: float) -> float:
        scaled = scale(windows.probabilities, math.exp(exponent))
        return float(log_loss(windows.labels, scaled, labels=list(ACTIVITIES)))

    return math.exp(optimize.minimize_scalar(loss, bounds=(-2, 2), options={"xatol": 1e-10}).x)


def scale(probabilities_NK: np.ndarray, by: float) -> np.ndarray:
    powers_NK = probabilities_NK.astype(np.float64) ** (1 / by)
    shares_NK: np.ndarray = powers_NK / powers_NK.sum(axis=1, keepdims=True)
    return shares_NK


def confidence(windows: Windows, within: float) -> dict[str, Any]:
    probabilities_NK = windows.probabilities.astype(np.float64)
    sure_N, right_N = probabilities_NK.max(axis=1), windows.predicted == windows.labels
    bins_N = np.minimum((sure_N * NUM_BINS).astype(int), NUM_BINS - 1)
    of_bins = [bins_N == number for number in np.unique(bins_N)]
    gaps = [abs(right_N[own].mean() - sure_N[own].mean()) * own.mean() for own in of_bins]
    squares_N = ((probabilities_NK - np.eye(SPEC.num_activities)[windows.labels]) ** 2).sum(axis=1)
    return {
        "calibration_error": Near(float(np.sum(gaps)), within),
        "brier": Near(float(squares_N.mean()), within),
        "accuracy_by_coverage": {f"{coverage:g}": covered(sure_N, right_N, coverage) for coverage in COVERAGES},
        "reliability": [
            {
                "confidence": Near(float(sure_N[own].mean()), within),
                "accuracy": Near(float(right_N[own].mean()), within),
                "windows": int(own.sum()),
            }
            for own in of_bins
        ],
    }


def covered(sure_N: np.ndarray, right_N: np.ndarray, coverage: float) -> Near:
    """The accuracy of the surest; the report counts by confidence in steps of at most 1/150, and mixes the last one."""
    wanted = coverage * len(sure_N)
    order = np.argsort(-sure_N)
    last = sure_N[order[math.ceil(wanted) - 1]]
    mixed = np.abs(sure_N - last) <= 1 / 150 if coverage < 1 else np.zeros(len(sure_N))
    return Near(float(right_N[order[: math.floor(wanted)]].sum() / wanted), float(mixed.sum()) / wanted + 1e-9)
