"""Scores of class probabilities against labels, over all activities or those that the data has.

They are scikit-learn's, from one table of counts: a report scores thousands of trainings.
Whole-model figures that need no labels (size, speed) live in :mod:`har_core.evaluation.complexity` and ``latency``.
Letters: N windows, K activities.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from har_core.base.errors import InputError

Counts = tuple[tuple[int, ...], ...]
"""K × K counts of windows: a row for each true activity, a column for each predicted one."""
SUM_TOLERANCE = 1e-3
"""How far the probabilities of one window may sum from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScores:
    """The scores of one activity, one against the rest."""

    activity: str
    precision: float
    """Of the windows called this activity, the share that is; 0 where none was called so."""
    recall: float
    """Of the windows of this activity, the share that was found; 0 where there is none."""
    f1: float
    support: int
    """Windows of this activity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Scores over one set of windows. Macro: mean over activities; weighted: mean over the windows' labels."""

    accuracy: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    weighted_precision: float
    weighted_recall: float
    weighted_f1: float
    per_class: tuple[ClassScores, ...]
    """One for each activity, in the fixed order."""
    confusion: Counts

    @property
    def num_windows(self) -> int:
        """Windows scored."""
        return sum(scores.support for scores in self.per_class)


def score(
    y_true: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    *,
    names: Sequence[str] | None = None,
    activities: Iterable[int] | None = None,
) -> Scores:
    """Score the most probable activity of each window; on a tie the lower class id wins.

    All K activities are always in the tables. The macro means are over ``activities``, by default all. One of them that
    is absent from ``y_true`` has precision, recall and F1 0 (``zero_division=0``), so a set of windows that lacks an
    activity of its data is never flattered. Windows of others count as mistakes of what they are taken for.

    Args:
        y_true: (N,) class ids 0 … K - 1, any integer type.
        probabilities: (N, K) floats, each row summing to 1 within 1e-3.
        names: of the activities, in the order of class ids; by default their numbers, from 1.
        activities: class ids of the activities that count, where not all of them do.

    Raises:
        InputError: there is no window, shapes differ, a label is out of range, none of ``activities`` is in
            ``y_true``, or a row holds no probabilities.
    """
    values = np.asarray(probabilities)
    if values.ndim != 2:  # noqa: PLR2004 - windows, activities
        raise InputError(f"probabilities have shape {values.shape}, expected (N, K): a row for each label")
    named = [str(number) for number in range(1, values.shape[1] + 1)] if names is None else list(names)
    labels = _checked_labels(y_true, num_activities=len(named))
    predicted = _checked_probabilities(values, shape=(len(labels), len(named))).argmax(axis=1)
    counted = range(len(named)) if activities is None else _checked_activities(activities, labels)
    counts = count(labels, predicted, len(named))
    found = np.asarray(counts)
    right_K, support_K, taken_K = np.diag(found), found.sum(axis=1), found.sum(axis=0)
    columns = (right_K / np.maximum(taken_K, 1), right_K / np.maximum(support_K, 1), f1_of(found))
    macro = [float(column[counted].mean()) for column in columns]
    weighted = [float(column @ support_K / len(labels)) for column in columns]
    by_activity = zip(named, *(column.tolist() for column in (*columns, support_K)), strict=True)
    return Scores(
        accuracy=float(right_K.sum() / len(labels)),
        macro_precision=macro[0],
        macro_recall=macro[1],
        macro_f1=macro[2],
        weighted_precision=weighted[0],
        weighted_recall=weighted[1],
        weighted_f1=weighted[2],
        per_class=tuple(
            ClassScores(activity=activity, precision=precision, recall=recall, f1=f1, support=support)
            for activity, precision, recall, f1, support in by_activity
        ),
        confusion=counts,
    )


def count(labels_N: npt.NDArray[np.integer], predicted_N: npt.NDArray[np.integer], num_activities: int) -> Counts:
    """The windows of each true and predicted activity, both class ids below ``num_activities``."""
    pairs = labels_N.astype(np.int64) * num_activities + predicted_N
    counts = np.bincount(pairs, minlength=num_activities**2).reshape(num_activities, num_activities)
    return tuple(map(tuple, counts.tolist()))


def f1_of(counts_KK: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """F1 (K,) of each activity by counts (K, K); 0 of one that there is no window of and none was taken for."""
    counts = np.asarray(counts_KK)
    f1_K: npt.NDArray[np.float64] = 2 * np.diag(counts) / np.maximum(counts.sum(axis=1) + counts.sum(axis=0), 1)
    return f1_K


def macro_f1_of(counts_KK: npt.ArrayLike, learnt: Collection[int]) -> float:
    """Mean F1 of the activities ``learnt`` that there are windows of, at least one, by counts (K, K)."""
    there = np.asarray(counts_KK).sum(axis=1) > 0
    return float(f1_of(counts_KK)[[k for k in learnt if there[k]]].mean())


def _checked_activities(activities: Iterable[int], labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    counted = np.unique(np.fromiter(activities, dtype=np.int64))
    if not np.isin(labels, counted).any():
        raise InputError(f"y_true holds class ids {np.unique(labels).tolist()}, none of activities: {counted.tolist()}")
    return counted


def _checked_labels(y_true: npt.ArrayLike, *, num_activities: int) -> npt.NDArray[np.int64]:
    labels = np.asarray(y_true)
    if labels.ndim != 1 or not len(labels):
        raise InputError(f"y_true has shape {labels.shape}, expected (N,) with at least one window")
    if not np.issubdtype(labels.dtype, np.integer):
        raise InputError(f"y_true holds {labels.dtype}, expected class ids of an integer type")
    wrong = np.flatnonzero((labels < 0) | (labels >= num_activities))
    if len(wrong):
        raise InputError(
            f"y_true[{wrong[0]}] is {labels[wrong[0]]}, expected a class id from 0 to {num_activities - 1} "
            f"({len(wrong)} of {len(labels)} labels are out of range; activity numbers are class ids + 1)"
        )
    return labels.astype(np.int64)


def _checked_probabilities(values: npt.NDArray[Any], *, shape: tuple[int, int]) -> npt.NDArray[np.floating[Any]]:
    if values.shape != shape:
        raise InputError(f"probabilities have shape {values.shape}, expected {shape}: a row for each label")
    if not np.issubdtype(values.dtype, np.floating):
        raise InputError(f"probabilities hold {values.dtype}, expected floats")
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        raise InputError(f"probabilities[{np.flatnonzero(~finite)[0]}] is not finite ({(~finite).sum()} rows are not)")
    sums = values.sum(axis=1, dtype=np.float64)
    wrong = np.flatnonzero((np.abs(sums - 1) > SUM_TOLERANCE) | (values < 0).any(axis=1))
    if len(wrong):
        raise InputError(
            f"probabilities[{wrong[0]}] sums to {sums[wrong[0]]:.6g} with smallest value {values[wrong[0]].min():.6g}, "
            f"expected values from 0 to 1 that sum to 1 within {SUM_TOLERANCE} ({len(wrong)} rows are wrong; "
            "logits need a softmax first)"
        )
    return values
