"""The card of a model says whose scores it tells, and warns first where people had no part in them."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

import numpy as np
import pyarrow as pa
import pytest
from records import model_record
from window_examples import named_windows

from har_core.datasets.dsads.dataset import DSADS
from har_core.evaluation.folds import summarise_folds
from har_core.evaluation.intervals import interval_of_mean
from har_core.evaluation.model_card import Subject, model_card, personal_card, what_it_is
from har_core.evaluation.records import FoldRecord, SeedRecord
from har_core.evaluation.results import FoldResult, score_fold, score_predictions
from har_core.evaluation.scores import Scores
from har_core.inference.predictions import tabulate_predictions

SUBJECT = Subject(
    address="models:/har-cnn/3", what="CNN: a|b", window_length=125, links={"MLflow run": "http://m/#/runs/1"}
)
PEOPLE = {"training": (1, 2, 3), "validation": (4,), "test": (5, 6)}


def predictions_of(*subjects: int, role: str = "test", wrong: float = 0.3, seed: int = 7) -> pa.Table:
    labels = np.tile(np.repeat(np.arange(DSADS.num_activities), 4), len(subjects))
    windows = named_windows(labels, np.repeat(np.array(subjects, dtype=np.int16), 4 * DSADS.num_activities))
    rng = np.random.default_rng(subjects[0])
    said = np.where(rng.random(len(labels)) < wrong, rng.permutation(labels), labels)
    return tabulate_predictions(windows, np.eye(DSADS.num_activities)[said], role=role, seed=seed)


def fold_of(subject: int) -> FoldResult:
    predictions = predictions_of(subject, wrong=subject / 10, seed=0)
    record = FoldRecord(
        architecture="cnn",
        origin="real",
        fold=f"loso-p{subject}",
        protocol="loso",
        subjects={"training": (9,), "validation": (), "test": (subject,)},
        seeds=(SeedRecord(seed=0, best_epoch=1, training_seconds=1.0),),
        num_windows={"training": 9, "validation": 0, "test": predictions.num_rows},
        num_dropped={},
        num_parameters=17,
        training_settings={},
        device="cpu",
        precision="fp32",
    )
    return score_fold(record, predictions)


@pytest.fixture
def predictions() -> pa.Table:
    return pa.concat_tables([predictions_of(4, role="validation"), predictions_of(5, 6)])


def test_it_opens_with_what_it_is_and_the_score_of_its_own_weights(predictions: pa.Table) -> None:
    record = model_record(origin="real", subjects=PEOPLE, file_bytes=4_000)
    card = model_card(SUBJECT, record, predictions, num_dropped={"damaged_training": 3, "duplicate_training": 0})
    found = score_predictions(predictions)
    what, verdict, *_ = card.split("\n\n")
    assert what == "CNN: a\\|b"
    assert verdict.startswith(f"Macro-F1 **{found.scores['test'].macro_f1:.3f}** on 2 people held out; ")
    for subject, macro_f1 in found.per_subject.items():
        assert f"| {subject} | {macro_f1:.3f} | – |" in card
    assert "No fold of this recipe" in card
    assert "| training | 1 2 3 | 5700 |" in card
    assert "Windows left out: 3 damaged in training." in card
    assert "956,947 learnt numbers, 4,000 bytes on disk" in card
    assert "bytes of memory" not in card
    measured = replace(record, latency=replace(record.latency, peak_bytes=5_000_000))
    assert "a window, 5,000,000 bytes of memory at its peak" in model_card(SUBJECT, measured, predictions)
    assert "3.60 ms (median; 95th percentile 4.40 ms) with 2 threads of AMD EPYC" in card
    assert "http://m/#/runs/1" in card
    assert "ynthetic" not in card


def test_synthetic_recordings_are_said_first(predictions: pa.Table) -> None:
    card = model_card(SUBJECT, model_record(subjects=PEOPLE), predictions)
    assert card.startswith("**Made from synthetic recordings")
    assert "Windows left out" not in card  # nobody has said
    assert personal_card(SUBJECT, DSADS, {}, origin="synthetic", num_learnt=3).startswith("**Made from synthetic")


def test_with_folds_it_opens_with_their_mean_and_interval_and_keeps_them_apart(predictions: pa.Table) -> None:
    folds = [fold_of(subject) for subject in (1, 2, 3, 5)]
    card = model_card(SUBJECT, model_record(origin="real", subjects=PEOPLE), predictions, folds=folds)
    scores = summarise_folds(folds).per_subject
    assert scores == pytest.approx({fold.subjects["test"][0]: fold.macro_f1 for fold in folds})
    low, high = interval_of_mean(list(scores.values())) or (0, 0)
    worst = min(scores, key=scores.__getitem__)
    verdict = card.split("\n\n")[1]
    assert f"**{fmean(scores.values()):.3f} (95% interval {low:.3f} to {high:.3f})**" in verdict
    assert f"the least {scores[worst]:.3f} of subject {worst}" in verdict
    own = score_predictions(predictions).per_subject
    assert f"| 1 | – | {scores[1]:.3f} |" in card
    assert f"| 5 | {own[5]:.3f} | {scores[5]:.3f} |" in card
    assert "these weights were not scored there" in card


def test_an_activity_that_is_never_recognised_is_named() -> None:
    predictions = predictions_of(5, 6, wrong=0.0)
    labels = predictions["label"].to_numpy()
    columns = np.eye(DSADS.num_activities)[np.where(labels == 3, 2, labels)]
    windows = named_windows(labels, predictions["subject"].to_numpy())
    missed = tabulate_predictions(windows, columns, role="test", seed=7)
    warning = f"Never recognised among the test windows: {DSADS.activities[3]}."
    record = model_record(subjects=PEOPLE)
    assert warning in model_card(SUBJECT, record, missed)
    assert "Never recognised" not in model_card(SUBJECT, record, predictions)


def test_a_personal_card_says_what_was_gained(scores: Scores) -> None:
    card = personal_card(SUBJECT, DSADS, {"before": scores, "after": scores}, origin="real", num_learnt=19)
    assert f"of this person: **{scores.macro_f1:.3f}**, {scores.macro_f1:.3f} before it learnt from 19 windows." in card
    assert "For this person alone" in card


def test_what_a_model_is_comes_from_its_file_or_from_what_it_was_made_of() -> None:
    assert what_it_is(model_record()) == "CNN: four convolutions along time, each halving it."
    small = model_record(architecture="cnn-int8", parent="cnn", training_settings={"kind": "int8"})
    assert what_it_is(small).startswith("cnn, made smaller or faster (int8). CNN: four")
    both = model_record(architecture="both", training_settings={"members": ["cnn", "lstm"], "combine": "mean"})
    assert what_it_is(both) == "The answers of cnn and lstm, combined by mean."
