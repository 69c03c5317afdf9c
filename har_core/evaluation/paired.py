"""Whether one model is as good as another, by the same subjects."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from scipy import stats

ENOUGH_SUBJECTS = 3
"""With fewer, their spread is not measured, but taken to be :data:`USUAL_DEVIATION`."""
USUAL_DEVIATION = 0.04
"""Standard deviation over subjects of the difference between two models, each with one seed: about the median of the
pairs in docs/results/zoo.csv."""


def uncertainty_of(differences: Sequence[float], confidence: float) -> float:
    """What subjects and seeds explain of the mean of paired ``differences``, at this one-sided ``confidence``."""
    num_subjects = len(differences)
    if num_subjects < ENOUGH_SUBJECTS:
        return float(stats.norm.ppf(confidence)) * USUAL_DEVIATION / math.sqrt(num_subjects)
    error = statistics.stdev(differences) / math.sqrt(num_subjects)
    return float(stats.t.ppf(confidence, num_subjects - 1)) * error


def is_as_good(difference: float, uncertainty: float, margin: float) -> bool:
    """Whether a difference cannot be below minus the margin and may be 0."""
    return difference - uncertainty > -margin and difference + uncertainty >= 0
