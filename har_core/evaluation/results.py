"""Scores of trainings, computed from their predictions: of a model on the held-out roles, and of a fold by seed."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from har_core.evaluation.calibration import Calibration, Confidence, fit_temperature, scale
from har_core.evaluation.records import FoldRecord, ModelRecord, SeedRecord
from har_core.evaluation.scores import Counts, Scores, count, macro_f1_of, score
from har_core.evaluation.separation import Separation
from har_core.inference.predictions import learnt_of, probabilities_of, spec_of

BY_WINDOW = ("confusions", "calibration", "separation")
"""Fields of a result that count the test windows, so that those of folds, seeds and subjects can be added up."""


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
    confusions: dict[int, Counts]
    """Of each test subject, with windows of any activity."""
    calibration: Calibration
    """Of all test windows; the temperature is that of the validation windows."""
    separation: Separation
    """Of all test windows."""
    learnt: tuple[int, ...]
    """Class ids that there were training windows of: no other counts in a macro mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelResult(ModelRecord, PredictionScores):
    """A model with its scores; ``validation`` chose the epoch and may choose between models, ``test`` chose nothing."""


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
    """The scores of one training, from its predictions.

    Macro means of a role are over the activities that its training had and that its own subjects have, damaged or not.
    Windows of other activities count as mistakes of what they are taken for.
    """
    clean, learnt = predictions.filter(pc.invert(predictions["damaged"])), learnt_of(predictions)
    confusions = _confusions(predictions)
    return PredictionScores(
        scores=_by_role(predictions, predictions),
        scores_clean=_by_role(clean, predictions),
        per_subject=_by_subject(confusions, learnt),
        per_subject_clean=_by_subject(_confusions(clean), learnt),
        confusions=confusions,
        calibration=_calibration(predictions),
        separation=Separation.of(*_of_role(predictions, "test")),
        learnt=learnt,
    )


def score_model(record: ModelRecord, predictions: pa.Table) -> ModelResult:
    """A model's scores, from the ``predictions`` of its training (validation and test windows)."""
    return ModelResult(**_values(record), **_values(score_predictions(predictions)))


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
        own = _confusions(chosen.filter(pc.equal(chosen["seed"], seed)), "validation")
        for subject, value in _by_subject(own, learnt_of(chosen)).items():
            scores.setdefault(subject, []).append(value)
    return {subject: statistics.fmean(of) for subject, of in scores.items()}


def macro_f1_of_present(scores: Scores, learnt: Collection[int]) -> float:
    """Mean F1 of the activities ``learnt`` that there are windows of: damage may leave a subject without some."""
    return macro_f1_of(scores.confusion, learnt)


def _by_role(predictions: pa.Table, every: pa.Table) -> dict[str, Scores]:
    """The scores of each role that has windows; those of ``every`` one say which activities macro means are over."""
    names, scores = spec_of(every).activities, {}
    for role in ("validation", "test"):
        counted = np.intersect1d(every["label"].to_numpy()[every["role"].to_numpy() == role], learnt_of(every))
        labels, probabilities = _of_role(predictions, role)
        if np.isin(labels, counted).any():
            scores[role] = score(labels, probabilities, names=names, activities=counted)
    return scores


def _by_subject(confusions: Mapping[int, Counts], learnt: Collection[int]) -> dict[int, float]:
    """Macro-F1 of each subject that has windows of an activity that was learnt."""
    has_any = {subject: any(map(any, map(counts.__getitem__, learnt))) for subject, counts in confusions.items()}
    return {subject: macro_f1_of(counts, learnt) for subject, counts in confusions.items() if has_any[subject]}


def _confusions(predictions: pa.Table, role: str = "test") -> dict[int, Counts]:
    labels, probabilities = _of_role(predictions, role)
    subjects, predicted = (
        predictions["subject"].to_numpy()[predictions["role"].to_numpy() == role],
        probabilities.argmax(axis=1),
    )
    return {
        int(subject): count(labels[own], predicted[own], probabilities.shape[1])
        for subject in np.unique(subjects)
        for own in [subjects == subject]
    }


def _calibration(predictions: pa.Table) -> Calibration:
    labels, probabilities = _of_role(predictions, "test")
    before, known = Confidence.of(labels, probabilities), _of_role(predictions, "validation")
    if not len(known[0]):
        return Calibration(before=before)
    temperature = fit_temperature(*known)
    after = Confidence.of(labels, scale(probabilities, temperature))
    return Calibration(before=before, after=after, temperature=temperature)


def _of_role(predictions: pa.Table, role: str) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Labels (N,) and probabilities (N, K)."""
    chosen = predictions["role"].to_numpy() == role
    return predictions["label"].to_numpy()[chosen], probabilities_of(predictions)[chosen]


def _values(record: ModelRecord | FoldRecord | SeedRecord | PredictionScores) -> dict[str, Any]:
    return {entry.name: getattr(record, entry.name) for entry in fields(record)}
