"""Where the models err: the hardest activities, and the most frequent mistakes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from har_core.evaluation.scores import Scores
from har_core.report.formats import lowest

_NUM_MISTAKES_NAMED = 5
_NUM_HARDEST_NAMED = 3


def frequent_mistakes(scores: Scores) -> list[tuple[str, str, int, float]]:
    """Activity, what it was taken for, windows, and their share of the activity's; the most windows first."""
    counts, names = np.asarray(scores.confusion), [entry.activity for entry in scores.per_class]
    errors = counts - np.diag(np.diag(counts))
    shares = errors / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    places = np.argsort(-errors, axis=None, kind="stable")[:_NUM_MISTAKES_NAMED]
    return [
        (names[actual], names[taken], int(errors[actual, taken]), float(shares[actual, taken]))
        for actual, taken in zip(*np.unravel_index(places, counts.shape), strict=True)
        if errors[actual, taken]
    ]


def equal_support(models: Sequence[Scores]) -> int | None:
    """Windows of each activity that has any; None where activities differ."""
    supports = {entry.support for scores in models[:1] for entry in scores.per_class if entry.support}
    return supports.pop() if len(supports) == 1 else None


def hardest_activities(models: Sequence[Scores]) -> str:
    """The activities with the lowest F1 of those that have windows, on average over the models, in words."""
    if not models:
        return ""
    means = np.mean([[entry.f1 for entry in scores.per_class] for scores in models], axis=0)
    named = {entry.activity: mean for entry, mean in zip(models[0].per_class, means, strict=True) if entry.support}
    return lowest(named, _NUM_HARDEST_NAMED)
