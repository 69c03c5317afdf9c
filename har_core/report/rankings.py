"""Places by score: equals share one, and a score that is no number has none."""

from __future__ import annotations

import math
from collections.abc import Iterable

from har_core.report.inputs import ReportEntry

Ranked = tuple[tuple[int | None, ReportEntry], ...]
"""Places and models, best first."""


def rank(models: Iterable[ReportEntry], role: str) -> Ranked:
    """The models by their macro-F1 on ``role``, without those that have no such windows."""
    scored = [(model.scores(role).macro_f1, model) for model in models if role in model.result.scores]
    scored.sort(key=lambda pair: (math.isnan(pair[0]), -pair[0], pair[1].name))
    return tuple((place_among(score, [other for other, _ in scored]), model) for score, model in scored)


def place_among(score: float, scores: Iterable[float]) -> int | None:
    """1 for the highest of ``scores``, which include ``score``."""
    return None if math.isnan(score) else 1 + sum(other > score for other in scores)
