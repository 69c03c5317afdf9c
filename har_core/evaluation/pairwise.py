"""Which of two models is better for new people, and how sure that is: paired by the subjects who tested both.

Method: the Bayesian correlated t-test with a region of practical equivalence (G. Corani and A. Benavoli, "A Bayesian
approach for comparing cross-validated algorithms on multiple data sets", Machine Learning 100, 2015, section 2.1). Two
folds share most of their training subjects, so their scores are not independent; the test takes for their correlation
the share of the subjects that tests (C. Nadeau and Y. Bengio, "Inference for the generalization error", 2003). Beside
it stands the signed-rank test of F. Wilcoxon (1945), corrected for the number of pairs by S. Holm (1979): with eight
subjects it cannot give less than 0.008, so with many models it tells nothing.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from scipy import stats

from har_core.evaluation.paired import ENOUGH_SUBJECTS

EQUIVALENT = 0.01
"""Macro-F1 by which two models may differ and be as good as each other in practice."""
SURE = 0.95
"""Probability from which on a verdict is given."""
_ALIKE = 1e-9
Verdict = Literal["better", "equivalent", "worse", "cannot be told"]
_TURNED: dict[Verdict, Verdict] = {"better": "worse", "worse": "better"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One model beside another, on the subjects that both were tested on."""

    num_subjects: int
    difference: float
    """Of the means: above 0 where the first has more."""
    better: float
    """Probability that the first is better by more than :data:`EQUIVALENT` for new people."""
    worse: float
    """That the second is."""
    detectable: float
    """Difference from which on the verdict would be ``better``, were it as unequal from subject to subject."""
    p_value: float
    """Of Wilcoxon's test, two-sided; 1 where no subject differs."""

    @property
    def equivalent(self) -> float:
        """Probability that they differ by less."""
        return max(0.0, 1.0 - self.better - self.worse)

    @property
    def verdict(self) -> Verdict:
        """What is at least :data:`SURE`, of the first."""
        sure: dict[Verdict, float] = {"better": self.better, "equivalent": self.equivalent, "worse": self.worse}
        return next((verdict for verdict, probability in sure.items() if probability >= SURE), "cannot be told")

    def turned(self) -> Comparison:
        """The second beside the first."""
        return Comparison(
            num_subjects=self.num_subjects,
            difference=-self.difference,
            better=self.worse,
            worse=self.better,
            detectable=self.detectable,
            p_value=self.p_value,
        )


def turned(verdict: Verdict) -> Verdict:
    """The same of the other one."""
    return _TURNED.get(verdict, verdict)


def compare(first: Mapping[int, float], second: Mapping[int, float]) -> Comparison | None:
    """Compare two models by the macro-F1 of each subject; None with fewer than three subjects in common."""
    subjects = sorted(first.keys() & second.keys())
    if len(subjects) < ENOUGH_SUBJECTS:
        return None
    differences = np.array([first[subject] - second[subject] for subject in subjects])
    mean, spread, num = float(differences.mean()), float(differences.std(ddof=1)), len(subjects)
    if spread < _ALIKE:
        better, worse, detectable = float(mean > EQUIVALENT), float(mean < -EQUIVALENT), EQUIVALENT
    else:
        error = spread * (1 / num + 1 / (num - 1)) ** 0.5  # one of num folds tests: correlation 1 / num
        posterior = stats.t(num - 1, mean, error)
        better, worse = float(posterior.sf(EQUIVALENT)), float(posterior.cdf(-EQUIVALENT))
        detectable = EQUIVALENT + error * float(stats.t.ppf(SURE, num - 1))
    differs = np.abs(differences) >= _ALIKE
    p_value = float(stats.wilcoxon(differences[differs], method="exact").pvalue) if differs.any() else 1.0
    return Comparison(
        num_subjects=num, difference=mean, better=better, worse=worse, detectable=detectable, p_value=p_value
    )


def compare_all(scores: Mapping[str, Mapping[int, float]]) -> dict[tuple[str, str], Comparison]:
    """Every model beside every other one, in both orders, where they have enough subjects in common.

    Args:
        scores: macro-F1 of each subject, by model.
    """
    found = {}
    for first, second in combinations(scores, 2):
        comparison = compare(scores[first], scores[second])
        if comparison is not None:
            found[first, second], found[second, first] = comparison, comparison.turned()
    return found


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number, in the same order; none above 1, and in the order that they had.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    corrected, least = [0.0] * len(p_values), 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        least = max(least, min(1.0, (len(p_values) - place) * p_values[index]))
        corrected[index] = least
    return corrected


def over_seeds(scores: Sequence[Mapping[int, float]]) -> float | None:
    """Standard deviation of the mean over subjects from seed to seed; None with one seed.

    Args:
        scores: macro-F1 of each subject, one for each seed.
    """
    means = [statistics.fmean(by_subject.values()) for by_subject in scores]
    return statistics.stdev(means) if len(means) > 1 else None
