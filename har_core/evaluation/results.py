"""Scores of trainings, computed from their predictions: of a model on the held-out roles, and of a fold by seed."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from har_core.evaluation.records import FoldRecord, ModelRecord, SeedRecord
from har_core.evaluation.scores import Scores, score
from har_core.inference.predictions import probabilities_of

_Activities = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelResult(ModelRecord):
    """A model with its scores."""

    scores: dict[str, Scores]
    """``validation``, where there are such windows, chose the epoch and may choose between models; ``test`` chose
    nothing."""
    scores_clean: dict[str, Scores]
    """As ``scores``, over the windows alone that touch no damaged run; a role without such windows is absent."""


@dataclass(frozen=True, kw_only=True)  # without slots: a class can inherit those of one base alone
class PredictionScores:
    """What the predictions of one training come to."""

    scores: dict[str, Scores]
    """By role: ``test``, and ``validation`` where there are such windows."""
    scores_clean: dict[str, Scores]
    """As ``scores``, over the windows alone that touch no damaged run; a role without such windows is absent. An
    activity that has none left counts as 0 in their macro means: see :func:`macro_f1_of_present`."""
    per_subject: dict[int, float]
    """Macro-F1 of each test subject, over the activities that it has windows of."""
    per_subject_clean: dict[int, float]
    """As ``per_subject``, over undamaged windows alone; a subject without such windows is absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedResult(SeedRecord, PredictionScores):
    """One training of a fold with its scores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldResult(FoldRecord):
    """A fold with the scores of each of its trainings."""

    seeds: tuple[SeedResult, ...]

    @property
    def macro_f1(self) -> float:
        """On all test windows, the mean over seeds: what the means over folds are made from."""
        return statistics.fmean(entry.scores["test"].macro_f1 for entry in self.seeds)


def score_predictions(predictions: pa.Table) -> PredictionScores:
    """The scores of one training, from its predictions. Macro means are over the activities that these have windows of.

    Those are the activities of the data, because no test window leaves.
    """
    activities = np.unique(predictions["label"].to_numpy())
    clean = predictions.filter(pc.invert(predictions["damaged"]))
    return PredictionScores(
        scores=_by_role(predictions, activities),
        scores_clean=_by_role(clean, activities),
        per_subject=_by_subject(predictions, activities),
        per_subject_clean=_by_subject(clean, activities),
    )


def score_model(record: ModelRecord, predictions: pa.Table) -> ModelResult:
    """A model's scores, from the ``predictions`` of its training (validation and test windows)."""
    found = score_predictions(predictions)
    return ModelResult(**_values(record), scores=found.scores, scores_clean=found.scores_clean)


def score_fold(record: FoldRecord, predictions: pa.Table) -> FoldResult:
    """A fold's scores, from the ``predictions`` of all its seeds."""
    seeds = predictions["seed"].to_numpy()
    scored = (
        SeedResult(**_values(seed), **_values(score_predictions(predictions.filter(pa.array(seeds == seed.seed)))))
        for seed in record.seeds
    )
    return FoldResult(**(_values(record) | {"seeds": tuple(scored)}))


def validation_by_subject(predictions: pa.Table) -> dict[int, float]:
    """Macro-F1 of each subject that validates, over the activities that it has windows of, the mean over seeds.

    ``predictions`` are those of one training, or of several that differ in their seed.
    """
    chosen = predictions.filter(pc.equal(predictions["role"], "validation"))
    scores: dict[int, list[float]] = {}
    for seed in pc.unique(chosen["seed"]).to_pylist():
        of_seed = chosen.filter(pc.equal(chosen["seed"], seed))
        activities, subjects = np.unique(of_seed["label"].to_numpy()), of_seed["subject"].to_numpy()
        for subject in np.unique(subjects):
            scored = _score(of_seed, subjects == subject, activities)
            scores.setdefault(int(subject), []).append(macro_f1_of_present(scored))
    return {subject: statistics.fmean(of) for subject, of in scores.items()}


def macro_f1_of_present(scores: Scores) -> float:
    """Mean F1 of the activities that there are windows of: damage may leave a subject without some."""
    return statistics.fmean(entry.f1 for entry in scores.per_class if entry.support)


def _by_role(predictions: pa.Table, activities: _Activities) -> dict[str, Scores]:
    """The scores of each role that has windows."""
    roles = predictions["role"].to_numpy()
    return {role: _score(predictions, roles == role, activities) for role in ("validation", "test") if role in roles}


def _by_subject(predictions: pa.Table, activities: _Activities) -> dict[int, float]:
    is_test, subjects = predictions["role"].to_numpy() == "test", predictions["subject"].to_numpy()
    return {
        int(subject): macro_f1_of_present(_score(predictions, is_test & (subjects == subject), activities))
        for subject in np.unique(subjects[is_test])
    }


def _score(predictions: pa.Table, chosen: npt.NDArray[np.bool_], activities: _Activities) -> Scores:
    labels, probabilities = predictions["label"].to_numpy()[chosen], probabilities_of(predictions)[chosen]
    return score(labels, probabilities, activities=activities)


def _values(record: ModelRecord | FoldRecord | SeedRecord | PredictionScores) -> dict[str, Any]:
    return {entry.name: getattr(record, entry.name) for entry in fields(record)}
