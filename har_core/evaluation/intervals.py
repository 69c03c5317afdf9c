"""How sure a mean over subjects is: what differs between subjects and what between seeds told apart, and an interval.

The interval is bootstrapped over subjects (BCa; B. Efron, "Better bootstrap confidence intervals", Journal of the
American Statistical Association 82(397), 1987). With eight subjects it is rough, and somewhat too narrow.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np
from scipy import stats

from har_core.evaluation.folds import mean_by_subject
from har_core.evaluation.paired import ENOUGH_SUBJECTS
from har_core.evaluation.results import FoldResult

CONFIDENCE = 0.95
_RESAMPLES = 9999
_ALIKE = 1e-6
"""Scores that differ by less have nothing to resample."""

Scores = Mapping[int, Mapping[int, float]]
"""Macro-F1 of one model by seed and subject."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectSpread:
    """One model over the subjects that it was tested on; the score of a subject is the mean of its seeds."""

    mean: float
    over_subjects: float | None
    """Standard deviation of the scores of the subjects (divisor n - 1); None for one subject."""
    over_seeds: float | None
    """Standard deviation of the mean over subjects, from seed to seed (divisor n - 1), over the seeds that have every
    subject; None where fewer than two have."""
    worst_subject: int
    """The one with the lowest score; the first of several."""
    worst: float
    interval: tuple[float, float] | None
    """Of the mean, 95 %; None where there is nothing to resample: fewer than three
    subjects, or all alike."""
    per_subject: dict[int, float]
    """Ascending by subject."""
    seeds: tuple[int, ...]
    """Ascending."""


def spread_of(scores: Scores) -> SubjectSpread:
    """What the scores of at least one subject come to."""
    by_subject = mean_by_subject(scores.values())
    whole = [fmean(own.values()) for own in scores.values() if own.keys() == by_subject.keys()]
    values = list(by_subject.values())
    worst = min(by_subject, key=lambda subject: by_subject[subject])
    return SubjectSpread(
        mean=fmean(values),
        over_subjects=stdev(values) if len(values) > 1 else None,
        over_seeds=stdev(whole) if len(whole) > 1 else None,
        worst_subject=worst,
        worst=by_subject[worst],
        interval=interval_of_mean(values),
        per_subject=by_subject,
        seeds=tuple(sorted(scores)),
    )


def interval_of_mean(values: Sequence[float]) -> tuple[float, float] | None:
    """Where the mean over other people like these would lie, with :data:`CONFIDENCE`; the same at every call.

    None where these say nothing of that: there are fewer than three, or they are alike.
    """
    if len(values) < ENOUGH_SUBJECTS or np.ptp(values) < _ALIKE:
        return None
    rng = np.random.default_rng(0)
    found = stats.bootstrap(
        (np.array(values),), np.mean, n_resamples=_RESAMPLES, confidence_level=CONFIDENCE, rng=rng
    ).confidence_interval
    return float(found.low), float(found.high)


def scores_of_folds(results: Collection[FoldResult]) -> dict[int, dict[int, float]]:
    """Macro-F1 by seed and subject of the folds of one model and protocol; the mean over the folds of a subject."""
    seeds = sorted({entry.seed for result in results for entry in result.seeds})
    return {seed: mean_by_subject(_of_seed(results, seed)) for seed in seeds}


def _of_seed(results: Iterable[FoldResult], seed: int) -> Iterable[dict[int, float]]:
    return (entry.per_subject for result in results for entry in result.seeds if entry.seed == seed)
