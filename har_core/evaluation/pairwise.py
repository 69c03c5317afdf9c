"""Whether one model is better than another, by the subjects that both were tested on, in words.

The verdict is that of the Bayesian correlated t-test (G. Corani and A. Benavoli, "A Bayesian approach for comparing
cross-validated algorithms on multiple data sets", Machine Learning 100, 2015; A. Benavoli, G. Corani, J. Demšar and
M. Zaffalon, "Time for a change", JMLR 18(77), 2017). Models that leave one subject out share nearly all their
training data, so that scores of subjects are no independent draws; the test adds that to the variance, as C. Nadeau
and Y. Bengio do ("Inference for the generalization error", Machine Learning 52, 2003), with the share of subjects in
a fold as the correlation. Its posterior is Student's t in closed form, which also knows that eight subjects measure
their own spread badly. The Bayesian signed-rank test takes scores for independent, and draws among the differences
that were seen alone: where all are beyond the region, it is nearly sure with three subjects already.

Beside it stands Wilcoxon's signed-rank test, with the correction for many pairs of S. Holm ("A simple sequentially
rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979). Of eight subjects its p is never below
1/128, so that among seven pairs or more Holm's never is below 0.05.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import fmean, stdev
from typing import Literal

import numpy as np
from scipy import stats

from har_core.evaluation.paired import ENOUGH_SUBJECTS

Verdict = Literal["better", "worse", "equivalent", "cannot be told"]
ROPE = 0.01
"""Differences of macro-F1 up to this are equivalent in practice."""
SURE = 0.95
"""A verdict needs this probability."""
_OPPOSITE: dict[Verdict, Verdict] = {"better": "worse", "worse": "better"}
_DIGITS = 12
"""Differences are rounded to these, so that what floats set apart is tied in ranks."""
_ALIKE = 1e-12
"""A smaller deviation comes of rounding."""
_MOST_ENUMERATED = 13
"""Subjects; of more, not every sign is tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probabilities:
    """How the true difference may lie, as probabilities that sum to 1."""

    better: float
    """It is above the region of practical equivalence."""
    equivalent: float
    worse: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One model set against another, by the subjects that both have."""

    first: str
    second: str
    differences: dict[int, float]
    """First minus second by subject, ascending; macro-F1."""
    mean: float
    """NaN without a common subject."""
    wilcoxon_p: float | None
    """Two-sided, exact; equal scores of a subject are left out, and 1 where all are. None without a common subject."""
    holm_p: float | None
    """:attr:`wilcoxon_p`, corrected for all pairs that were compared together."""
    probabilities: Probabilities | None
    """None with fewer than three common subjects."""
    verdict: Verdict
    """Of the first: ``cannot be told`` where no probability reaches the threshold."""

    def swapped(self) -> Pair:
        """The second set against the first."""
        found = self.probabilities
        return replace(
            self,
            first=self.second,
            second=self.first,
            differences={subject: -difference for subject, difference in self.differences.items()},
            mean=-self.mean,
            probabilities=found and replace(found, better=found.worse, worse=found.better),
            verdict=_OPPOSITE.get(self.verdict, self.verdict),
        )


def compare_all(
    models: Mapping[str, Mapping[int, float]], *, test_share: float | None = None, rope: float = ROPE
) -> list[Pair]:
    """Every pair of ``models``, in their order: see :func:`compare_pairs`."""
    return compare_pairs(models, combinations(models, 2), test_share=test_share, rope=rope)


def compare_pairs(
    models: Mapping[str, Mapping[int, float]],
    pairs: Iterable[tuple[str, str]],
    *,
    test_share: float | None = None,
    rope: float = ROPE,
) -> list[Pair]:
    """These ``pairs`` of ``models``, with Holm's correction over all of them.

    Args:
        models: macro-F1 by subject, the mean over seeds, of each model.
        pairs: names in ``models``.
        test_share: the share of the subjects that a fold tests; where absent one subject of all in ``models``.
        rope: differences up to this are equivalent in practice.
    """
    subjects = {subject for own in models.values() for subject in own}
    share = test_share if test_share is not None else 1 / max(len(subjects), 2)
    found = [_compare(first, second, models, test_share=share, rope=rope) for first, second in pairs]
    corrected = iter(holm([pair.wilcoxon_p for pair in found if pair.wilcoxon_p is not None]))
    return [pair if pair.wilcoxon_p is None else replace(pair, holm_p=next(corrected)) for pair in found]


def correlated_t(differences: Sequence[float], *, test_share: float, rope: float = ROPE) -> Probabilities:
    """The Bayesian correlated t-test of at least two paired ``differences``, whose correlation is ``test_share``."""
    num, mean, deviation = len(differences), fmean(differences), stdev(differences)
    if deviation < _ALIKE:
        worse, below = float(mean < -rope), float(mean <= rope)
    else:
        scale = deviation * math.sqrt(1 / num + test_share / (1 - test_share))
        worse, below = stats.t.cdf([-rope, rope], num - 1, loc=mean, scale=scale).tolist()
    return Probabilities(better=1 - below, equivalent=below - worse, worse=worse)


def detectable(differences: Sequence[float], *, test_share: float, rope: float = ROPE) -> float:
    """The mean difference from which on the verdict would be ``better``, were it as unequal as ``differences``."""
    num = len(differences)
    scale = stdev(differences) * math.sqrt(1 / num + test_share / (1 - test_share))
    return rope + scale * float(stats.t.ppf(SURE, num - 1))


def wilcoxon(differences: Sequence[float]) -> float:
    """The exact two-sided p of Wilcoxon's signed-rank test, without the differences that are 0; 1 without any other."""
    found = np.round(differences, _DIGITS)
    found = found[found != 0]
    if not len(found):
        return 1.0
    if len(found) > _MOST_ENUMERATED:
        tied = len(np.unique(np.abs(found))) < len(found)
        return float(stats.wilcoxon(found, method="auto" if tied else "exact").pvalue)
    ranks = stats.rankdata(np.abs(found))
    signs = (np.arange(2 ** len(found))[:, None] >> np.arange(len(found))) & 1
    away = np.abs(signs @ ranks - ranks.sum() / 2)  # ranks are halves of whole numbers: floats hold them exactly
    return float(np.mean(away >= abs(ranks[found > 0].sum() - ranks.sum() / 2)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Corrected so that none of all hypotheses that hold is rejected by more than the level; in the order given."""
    order = np.argsort(p_values, kind="stable")
    steps = np.asarray(p_values, dtype=np.float64)[order] * np.arange(len(order), 0, -1)
    corrected = np.empty(len(order))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected.tolist()


def verdict_of(probabilities: Probabilities | None, threshold: float = SURE) -> Verdict:
    """What is as probable as ``threshold``, which is above one half."""
    if probabilities is not None:
        named: dict[Verdict, float] = {
            "better": probabilities.better,
            "worse": probabilities.worse,
            "equivalent": probabilities.equivalent,
        }
        for verdict, probability in named.items():
            if probability >= threshold:
                return verdict
    return "cannot be told"


def _compare(
    first: str, second: str, models: Mapping[str, Mapping[int, float]], *, test_share: float, rope: float
) -> Pair:
    one, other = models[first], models[second]
    differences = {subject: one[subject] - other[subject] for subject in sorted(one.keys() & other.keys())}
    values = list(differences.values())
    enough = len(values) >= ENOUGH_SUBJECTS
    probabilities = correlated_t(values, test_share=test_share, rope=rope) if enough else None
    p = wilcoxon(values) if values else None
    return Pair(
        first=first,
        second=second,
        differences=differences,
        mean=fmean(values) if values else math.nan,
        wilcoxon_p=p,
        holm_p=p,
        probabilities=probabilities,
        verdict=verdict_of(probabilities),
    )
