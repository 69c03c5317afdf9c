"""Scores of trainings, computed from their predictions: of a model on the held-out roles, and of a fold by seed."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

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
    names, learnt = spec_of(predictions).activities, learnt_of(predictions)
    every = {role: _Windows.of(predictions, role) for role in ("validation", "test")}
    clean = {role: own.where(~own.damaged_N) for role, own in every.items()}
    counted = {role: np.intersect1d(own.labels_N, learnt) for role, own in every.items()}
    confusions = every["test"].confusions()
    return PredictionScores(
        scores=_by_role(every, counted, names),
        scores_clean=_by_role(clean, counted, names),
        per_subject=_by_subject(confusions, learnt),
        per_subject_clean=_by_subject(clean["test"].confusions(), learnt),
        confusions=confusions,
        calibration=_calibration(**every),
        separation=Separation.of(every["test"].labels_N, every["test"].probabilities_NK),
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
    scores: dict[int, list[float]] = {}
    for seed in pc.unique(predictions["seed"]).to_pylist():
        own = _Windows.of(predictions.filter(pc.equal(predictions["seed"], seed)), "validation")
        for subject, value in _by_subject(own.confusions(), learnt_of(predictions)).items():
            scores.setdefault(subject, []).append(value)
    return {subject: statistics.fmean(of) for subject, of in scores.items()}


def macro_f1_of_present(scores: Scores, learnt: Collection[int]) -> float:
    """Mean F1 of the activities ``learnt`` that there are windows of: damage may leave a subject without some."""
    return macro_f1_of(scores.confusion, learnt)


class _Windows(NamedTuple):
    """Windows of one role and training, and what they were taken for."""

    labels_N: npt.NDArray[np.int8]
    probabilities_NK: npt.NDArray[np.float32]
    subjects_N: npt.NDArray[np.int16]
    damaged_N: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, predictions: pa.Table, role: str) -> _Windows:
        every = cls(
            predictions["label"].to_numpy(),
            probabilities_of(predictions),
            predictions["subject"].to_numpy(),
            predictions["damaged"].to_numpy(),
        )
        return every.where(pc.equal(predictions["role"], role).to_numpy())

    def where(self, chosen_N: npt.NDArray[np.bool_]) -> _Windows:
        return _Windows(
            self.labels_N[chosen_N],
            self.probabilities_NK[chosen_N],
            self.subjects_N[chosen_N],
            self.damaged_N[chosen_N],
        )

    def confusions(self) -> dict[int, Counts]:
        """By subject, ascending."""
        predicted_N, num_activities = self.probabilities_NK.argmax(axis=1), self.probabilities_NK.shape[1]
        return {
            int(subject): count(self.labels_N[own_N], predicted_N[own_N], num_activities)
            for subject in np.unique(self.subjects_N)
            for own_N in [self.subjects_N == subject]
        }


def _by_role(
    windows: Mapping[str, _Windows], counted: Mapping[str, npt.NDArray[np.integer]], names: Sequence[str]
) -> dict[str, Scores]:
    """The scores of each role that has windows of the activities that are ``counted`` in its macro means."""
    return {
        role: score(own.labels_N, own.probabilities_NK, names=names, activities=counted[role])
        for role, own in windows.items()
        if np.isin(own.labels_N, counted[role]).any()
    }


def _by_subject(confusions: Mapping[int, Counts], learnt: Collection[int]) -> dict[int, float]:
    """Macro-F1 of each subject that has windows of an activity that was learnt."""
    has_any = {subject: any(map(any, map(counts.__getitem__, learnt))) for subject, counts in confusions.items()}
    return {subject: macro_f1_of(counts, learnt) for subject, counts in confusions.items() if has_any[subject]}


def _calibration(validation: _Windows, test: _Windows) -> Calibration:
    before = Confidence.of(test.labels_N, test.probabilities_NK)
    if not len(validation.labels_N):
        return Calibration(before=before)
    temperature = fit_temperature(validation.labels_N, validation.probabilities_NK)
    after = Confidence.of(test.labels_N, scale(test.probabilities_NK, temperature))
    return Calibration(before=before, after=after, temperature=temperature)


def _values(record: ModelRecord | FoldRecord | SeedRecord | PredictionScores) -> dict[str, Any]:
    return {entry.name: getattr(record, entry.name) for entry in fields(record)}
