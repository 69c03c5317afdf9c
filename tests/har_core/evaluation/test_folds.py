"""Scores over folds: what one training says, and what the folds of a protocol say together."""

from __future__ import annotations

import statistics
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch
from data_sets import POCKET_AND_WRIST
from narrowing import present
from sklearn.metrics import f1_score
from window_examples import named_windows

from har_core.datasets.dsads.dataset import DSADS
from har_core.evaluation.calibration import Confidence, fit_temperature, scale
from har_core.evaluation.folds import Spread, summarise_folds
from har_core.evaluation.intervals import scores_of_folds, spread_of
from har_core.evaluation.records import FoldRecord, SeedRecord
from har_core.evaluation.results import FoldResult, SeedResult, score_fold, score_predictions
from har_core.inference.predictions import probabilities_of, tabulate_predictions
from har_core.windows.tensors import WindowTensors

WINDOWS_EACH = 4
"""Of each subject and activity."""


def windows_of(*subjects: int, damaged: tuple[int, ...] = ()) -> WindowTensors:
    """Windows of every activity; those of class id 0 of the ``damaged`` subjects are damaged."""
    labels = np.tile(np.repeat(np.arange(DSADS.num_activities), WINDOWS_EACH), len(subjects))
    subject = np.repeat(np.array(subjects, dtype=np.int16), DSADS.num_activities * WINDOWS_EACH)
    windows = named_windows(labels, subject)
    return replace(windows, damaged=torch.from_numpy(np.isin(subject, damaged) & (labels == 0)))


def guesses(windows: WindowTensors, seed: int, wrong: float = 0.3) -> np.ndarray:
    """Probabilities that name another activity for a share of the windows."""
    rng = np.random.default_rng(seed)
    labels = windows.labels.numpy()
    return np.eye(DSADS.num_activities)[np.where(rng.random(len(labels)) < wrong, rng.permutation(labels), labels)]


def score_seed(seed: int, windows: dict[str, WindowTensors], says: dict[str, np.ndarray]) -> SeedResult:
    tables = [tabulate_predictions(windows[role], says[role], role=role, seed=seed) for role in windows]
    [result] = score_fold(record_of(seeds=(seed,)), pa.concat_tables(tables)).seeds
    return result


def record_of(*subjects: int, seeds: tuple[int, ...] = (0, 1)) -> FoldRecord:
    return FoldRecord(
        architecture="cnn",
        origin="synthetic",
        fold="-".join(["loso", *(f"p{subject}" for subject in subjects)]),
        protocol="loso",
        subjects={"training": (7, 8), "validation": (), "test": subjects},
        seeds=tuple(SeedRecord(seed=seed, best_epoch=3, training_seconds=1.5) for seed in seeds),
        num_windows={
            "training": 100,
            "validation": 0,
            "test": len(subjects) * DSADS.num_activities * WINDOWS_EACH,
        },
        num_dropped={"damaged_training": 2},
        num_parameters=17,
        training_settings={"epochs": 3, "clip_norm": None},
        device="cpu",
        precision="fp32",
    )


def fold_result(*subjects: int, seeds: tuple[int, ...] = (0, 1), damaged: tuple[int, ...] = ()) -> FoldResult:
    test = windows_of(*subjects, damaged=damaged)
    tables = [
        tabulate_predictions(test, guesses(test, 10 * seed + subjects[0]), role="test", seed=seed) for seed in seeds
    ]
    return score_fold(record_of(*subjects, seeds=seeds), pa.concat_tables(tables))


def macro_f1(windows: list[WindowTensors], probabilities: list[np.ndarray]) -> float:
    labels = np.concatenate([entry.labels.numpy() for entry in windows])
    predicted = np.concatenate(probabilities).argmax(axis=1)
    return float(f1_score(labels, predicted, labels=np.arange(DSADS.num_activities), average="macro", zero_division=0))


def test_a_training_is_scored_on_all_windows_on_clean_ones_and_by_subject() -> None:
    test, validation = windows_of(1, 2, damaged=(2,)), windows_of(3)
    says = {"validation": guesses(validation, 0), "test": guesses(test, 1)}
    result = score_seed(5, {"validation": validation, "test": test}, says)
    assert (result.seed, result.best_epoch, result.training_seconds) == (5, 3, 1.5)
    assert result.scores["test"].macro_f1 == pytest.approx(macro_f1([test], [says["test"]]))
    assert set(result.scores) == set(result.scores_clean) == {"validation", "test"}
    assert result.scores["test"].num_windows == result.scores_clean["test"].num_windows + WINDOWS_EACH
    half = len(test.labels) // 2
    assert result.per_subject == pytest.approx(
        {
            1: macro_f1([windows_of(1)], [says["test"][:half]]),
            2: macro_f1([windows_of(2)], [says["test"][half:]]),
        }
    )
    assert result.per_subject_clean[1] == result.per_subject[1]


def test_an_activity_that_a_subject_has_no_clean_windows_of_does_not_count_against_it() -> None:
    test = windows_of(1, damaged=(1,))
    result = score_seed(0, {"test": test}, {"test": np.eye(DSADS.num_activities)[test.labels.numpy()]})
    assert result.per_subject_clean == {1: 1.0}
    assert result.scores_clean["test"].per_class[0].support == 0
    summary = summarise_folds([replace(fold_result(1), seeds=(result,))])
    assert summary.macro_f1_clean == Spread.of([1.0])


def test_an_activity_that_training_lacks_counts_in_no_macro_mean_but_is_mistaken() -> None:
    windows = named_windows(np.array([0, 0, 1, 1, 3]), [1, 1, 1, 1, 2], spec=POCKET_AND_WRIST)
    says = np.eye(4)[[0, 0, 1, 1, 1]]
    table = tabulate_predictions(windows, says, role="test", seed=0, learnt=[0, 1, 2])
    found = score_predictions(table)
    assert found.scores["test"].macro_f1 == pytest.approx((1 + 0.8) / 2), "no stairs, and nobody learnt cycling"
    assert found.scores["test"].per_class[3].activity == "cycling"
    assert found.scores["test"].confusion[3] == (0, 1, 0, 0)
    assert found.per_subject == {1: 1.0}, "subject 2 has no window of what was learnt"
    assert found.learnt == (0, 1, 2)


def test_a_role_without_clean_windows_has_no_clean_score() -> None:
    test = windows_of(1)
    spoilt = replace(test, damaged=torch.ones_like(test.damaged))
    result = score_seed(0, {"test": spoilt}, {"test": guesses(test, 0)})
    assert result.scores_clean == {}
    assert result.per_subject_clean == {}
    summary = summarise_folds([replace(fold_result(1), seeds=(result,))])
    assert summary.macro_f1_clean is summary.accuracy_clean is None
    assert summary.per_subject_clean == {}


def test_the_summary_is_over_folds_of_the_mean_over_seeds() -> None:
    results = [fold_result(1), fold_result(2, damaged=(2,)), fold_result(3)]
    summary = summarise_folds(results)
    means = [statistics.mean(entry.scores["test"].macro_f1 for entry in result.seeds) for result in results]
    assert summary.macro_f1.mean == pytest.approx(statistics.mean(means))
    assert summary.macro_f1.standard_deviation == pytest.approx(statistics.stdev(means))
    assert summary.accuracy.mean == pytest.approx(
        statistics.mean(entry.scores["test"].accuracy for result in results for entry in result.seeds)
    )
    assert (summary.architecture, summary.protocol) == ("cnn", "loso")
    assert summary.folds == ("loso-p1", "loso-p2", "loso-p3")
    assert summary.seeds == (0, 1)
    assert summary.num_test_windows == 3 * DSADS.num_activities * WINDOWS_EACH
    assert set(summary.per_subject) == {1, 2, 3}
    assert summary.per_subject[2] == pytest.approx(means[1])
    assert present(summary.macro_f1_clean).mean != summary.macro_f1.mean


def test_the_pooled_score_is_that_of_all_test_windows_together() -> None:
    results = [fold_result(1), fold_result(2)]
    tests = [windows_of(1), windows_of(2)]
    by_seed = [macro_f1(tests, [guesses(tests[0], 10 * seed + 1), guesses(tests[1], 10 * seed + 2)]) for seed in (0, 1)]
    assert summarise_folds(results).pooled_macro_f1 == pytest.approx(statistics.mean(by_seed))


def test_a_subject_that_tests_in_several_folds_gets_their_mean() -> None:
    first, second = fold_result(1), replace(fold_result(1, seeds=(2, 0)), fold="loso-again")
    summary = summarise_folds([first, second])
    values = [entry.per_subject[1] for result in (first, second) for entry in result.seeds]
    assert summary.per_subject == {1: pytest.approx(statistics.mean(values))}
    assert summary.seeds == (0,)


def test_scores_by_seed_hold_the_seeds_that_only_some_folds_have() -> None:
    first, second = fold_result(1), fold_result(2, seeds=(0,))
    scores = scores_of_folds([first, second])
    assert scores == {
        0: {1: first.seeds[0].per_subject[1], 2: second.seeds[0].per_subject[2]},
        1: {1: first.seeds[1].per_subject[1]},
    }
    assert spread_of(scores).per_subject == summarise_folds([first, second]).per_subject


def test_one_fold_has_no_spread() -> None:
    assert summarise_folds([fold_result(1)]).macro_f1.standard_deviation is None


@pytest.mark.parametrize(
    "results",
    [
        [],
        [fold_result(1), fold_result(1)],
        [fold_result(1), replace(fold_result(2), architecture="lstm")],
        [fold_result(1), replace(fold_result(2), protocol="pairs")],
        [fold_result(1, seeds=(0,)), fold_result(2, seeds=(1,))],
    ],
)
def test_what_does_not_belong_together_is_not_summarised(results: list[FoldResult]) -> None:
    with pytest.raises(ValueError, match=r"expected the folds of one|no seed in common"):
        summarise_folds(results)


def test_the_temperature_comes_from_validation_and_scales_the_test_windows() -> None:
    def told(role: str, *subjects: int) -> pa.Table:
        windows = windows_of(*subjects)
        sure = 0.97 * guesses(windows, seed=subjects[0]) + 0.03 / DSADS.num_activities  # right less often than that
        return tabulate_predictions(windows, sure, role=role, seed=0)

    validation, test = told("validation", 1, 2), told("test", 3)
    found = score_predictions(pa.concat_tables([validation, test])).calibration
    labels, probabilities = test["label"].to_numpy(), probabilities_of(test)
    temperature = fit_temperature(validation["label"].to_numpy(), probabilities_of(validation))
    assert temperature > 1.2
    assert found.temperature == temperature
    assert found.before == Confidence.of(labels, probabilities)
    assert found.after == Confidence.of(labels, scale(probabilities, temperature))
    alone = score_predictions(test).calibration
    assert (alone.before, alone.after, alone.temperature) == (found.before, None, None)
