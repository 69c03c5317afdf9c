"""Who ranks where: on validation, which chose, and on test, which never did."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from har_core.evaluation.scores import Scores
from har_core.report.inputs import ReportEntry
from har_core.report.published import PUBLISHED

ROLES = ("validation", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One entry under the name that the whole report uses for it."""

    name: str
    slug: str
    """Ends anchors and ids; unique on the page."""
    entry: ReportEntry

    def scores(self, role: str) -> Scores:
        """Scores on ``validation`` or ``test``."""
        return self.entry.result.scores[role]


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedModel:
    """A model and its place by macro-F1 on one role; equals share a place, and a score that is none has no place."""

    rank: int | None
    model: Model
    scores: Scores


def name_of(architecture: str) -> str:
    """What readers call an architecture: its published spelling, or its own name in words.

    >>> name_of("lstm"), name_of("random_forest")
    ('LSTM', 'Random forest')
    """
    if architecture in PUBLISHED:
        return PUBLISHED[architecture].name
    return architecture[:1].upper() + architecture[1:].replace("_", " ")


def name_models(entries: Sequence[ReportEntry]) -> tuple[Model, ...]:
    """The models, each with a name of its own: the published spelling where there is one."""
    repeated = len({entry.result.architecture for entry in entries}) < len(entries)
    models = []
    for number, entry in enumerate(entries, 1):
        name = name_of(entry.result.architecture)
        if repeated:
            name = f"{name}, seed {entry.result.seed}"
        models.append(Model(name=name, slug=f"m{number}", entry=entry))
    return tuple(models)


def rank(models: Sequence[Model], role: str) -> tuple[RankedModel, ...]:
    """Best macro-F1 on ``role`` first."""
    scored = [(model, model.scores(role)) for model in models]
    scored.sort(key=lambda pair: (-_or_lowest(pair[1].macro_f1), pair[0].name))
    return tuple(
        RankedModel(
            rank=place_among(scores.macro_f1, [other.macro_f1 for _, other in scored]), model=model, scores=scores
        )
        for model, scores in scored
    )


def subjects_of(experiment: Mapping[str, Any], role: str) -> tuple[int, ...]:
    """The subjects that validate or test, as the experiment file names them; none where it does not."""
    return tuple(experiment.get("splits", {}).get(f"{role}_subjects", ()))


def place_among(score: float, scores: Sequence[float]) -> int | None:
    """1 for the highest of ``scores``; equals share a place, and a score that is no number has none."""
    return None if math.isnan(score) else 1 + sum(other > score for other in scores)


def _or_lowest(score: float) -> float:
    return -math.inf if math.isnan(score) else score
