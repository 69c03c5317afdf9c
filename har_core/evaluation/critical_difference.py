"""Whether many models differ at all over the same subjects, and which do not: Friedman's test and that of Nemenyi.

Source: J. Demšar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7, 2006, section 3.2; subjects
stand for his data sets.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.05
_FEWEST_MODELS = 3
_FEWEST_SUBJECTS = 2
_DIGITS = 12
"""Scores are rounded to these, so that what floats set apart is tied in ranks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CriticalDifference:
    """What the ranks of models say."""

    mean_ranks: dict[str, float]
    """Of each model that takes part, the best (lowest) first, then by name; ties share the mean of their ranks."""
    num_subjects: int
    friedman_chi2: float
    """Corrected for ties."""
    friedman_p: float
    """By the chi-squared distribution; 1 where every model has the same scores."""
    critical_difference: float
    """Models whose mean ranks are at least this apart differ, at the level 0.05 for all pairs together."""
    cliques: tuple[tuple[str, ...], ...]
    """Groups of at least two models that do not differ, none within another, the best first."""
    left_out: dict[str, tuple[int, ...]]
    """Models that do not take part, and the subjects that they lack."""


def critical_difference(models: Mapping[str, Mapping[int, float]]) -> CriticalDifference | None:
    """Rank the models that have every subject of any.

    None where fewer than three have, or there are fewer than two subjects.

    Args:
        models: macro-F1 by subject, the mean over seeds, of each model.
    """
    subjects = sorted({subject for own in models.values() for subject in own})
    lacking = {name: tuple(s for s in subjects if s not in own) for name, own in sorted(models.items())}
    names = [name for name, missing in lacking.items() if not missing]
    if len(names) < _FEWEST_MODELS or len(subjects) < _FEWEST_SUBJECTS:
        return None
    scores = np.round([[models[name][subject] for name in names] for subject in subjects], _DIGITS)
    means = stats.rankdata(-scores, axis=1).mean(axis=0)
    order = np.argsort(means, kind="stable")
    ranks = {names[k]: float(means[k]) for k in order}
    chi2, p = (0.0, 1.0) if np.all(scores == scores[:, :1]) else map(float, stats.friedmanchisquare(*scores.T))
    distance = nemenyi(len(names), len(subjects))
    return CriticalDifference(
        mean_ranks=ranks,
        num_subjects=len(subjects),
        friedman_chi2=chi2,
        friedman_p=p,
        critical_difference=distance,
        cliques=_cliques(ranks, distance),
        left_out={name: missing for name, missing in lacking.items() if missing},
    )


def nemenyi(num_models: int, num_subjects: int) -> float:
    """The critical difference of mean ranks, at the level 0.05."""
    studentized = float(stats.studentized_range.ppf(1 - LEVEL, num_models, np.inf)) / math.sqrt(2)
    return studentized * math.sqrt(num_models * (num_models + 1) / (6 * num_subjects))


def _cliques(ranks: Mapping[str, float], distance: float) -> tuple[tuple[str, ...], ...]:
    """Of ``ranks`` in ascending order."""
    names, found, end = list(ranks), [], 0
    for start, first in enumerate(names):
        stop = max(k for k, name in enumerate(names) if ranks[name] - ranks[first] < distance) + 1
        if stop > end and stop - start > 1:
            found.append(tuple(names[start:stop]))
            end = stop
    return tuple(found)
