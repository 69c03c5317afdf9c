from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pydantic import TypeAdapter
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

from har_core.base.errors import InputError
from har_core.datasets.dsads.dataset import DSADS
from har_core.evaluation.scores import Scores, count, f1_of, macro_f1_of, score


def one_hot(predicted: Sequence[int] | np.ndarray) -> np.ndarray:
    rows: np.ndarray = np.eye(DSADS.num_activities)[np.asarray(predicted)]
    return rows


def test_scores_equal_those_worked_out_by_hand() -> None:
    # Activities 0 and 1 alone: of 0, three windows, two found; of 1, one window, found; one 0 was called 1.
    scores = score([0, 0, 0, 1], one_hot([0, 0, 1, 1]))
    assert scores.accuracy == 3 / 4
    zero, one = scores.per_class[:2]
    assert (zero.precision, zero.recall, zero.support) == (1, 2 / 3, 3)
    assert (one.precision, one.recall, one.support) == (1 / 2, 1, 1)
    assert (zero.f1, one.f1) == pytest.approx((0.8, 2 / 3))
    assert scores.macro_f1 == pytest.approx((0.8 + 2 / 3) / 19)
    assert scores.macro_precision == pytest.approx((1 + 1 / 2) / 19)
    assert scores.macro_recall == pytest.approx((2 / 3 + 1) / 19)
    assert scores.weighted_f1 == pytest.approx((3 * 0.8 + 2 / 3) / 4)
    assert scores.weighted_precision == pytest.approx((3 * 1 + 1 / 2) / 4)
    assert scores.weighted_recall == pytest.approx(3 / 4)


def test_rows_of_the_confusion_matrix_are_true_activities() -> None:
    confusion = np.array(score([0, 0, 2], one_hot([0, 1, 2])).confusion)
    assert confusion.shape == (DSADS.num_activities, DSADS.num_activities)
    assert confusion[0, 1] == 1
    assert confusion[1, 0] == 0
    assert confusion.sum() == 3


def test_an_absent_activity_counts_as_zero() -> None:
    labels = np.arange(DSADS.num_activities - 1)
    scores = score(labels, one_hot(labels), names=DSADS.activities)
    assert scores.accuracy == 1
    assert scores.macro_f1 == pytest.approx(18 / 19)
    assert [per_class.activity for per_class in scores.per_class] == list(DSADS.activities)
    assert (scores.per_class[-1].f1, scores.per_class[-1].support) == (0, 0)


def test_the_lower_class_wins_a_tie() -> None:
    assert score([3], np.full((1, DSADS.num_activities), 1 / DSADS.num_activities)).confusion[3][0] == 1


@settings(max_examples=20, deadline=None)
@given(
    labels=hnp.arrays(np.int64, st.integers(1, 40), elements=st.integers(0, DSADS.num_activities - 1)),
    seed=st.integers(0, 2**32 - 1),
)
def test_scores_are_plain_values_from_0_to_1(labels: np.ndarray, seed: int) -> None:
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(DSADS.num_activities), len(labels)).astype(np.float32)
    scores = score(labels, probabilities)
    assert TypeAdapter(Scores).validate_json(json.dumps(asdict(scores))) == scores
    assert scores.num_windows == len(labels) == np.sum(scores.confusion)
    assert all(0 <= value <= 1 for value in (scores.accuracy, scores.macro_f1, scores.weighted_f1))


@settings(max_examples=30, deadline=None)
@given(
    labels=hnp.arrays(np.int8, st.integers(1, 60), elements=st.integers(0, 5)),
    seed=st.integers(0, 2**32 - 1),
    some=st.booleans(),
)
def test_scores_are_those_of_scikit_learn(labels: np.ndarray, seed: int, some: bool) -> None:
    probabilities = np.random.default_rng(seed).dirichlet(np.full(8, 0.5), len(labels))
    predicted, every = probabilities.argmax(axis=1), list(range(8))
    counted = np.unique(labels).tolist() if some else every
    scores = score(labels, probabilities, activities=counted if some else None)
    assert scores.accuracy == pytest.approx(accuracy_score(labels, predicted))
    for average, among in (("macro", counted), ("weighted", every)):
        means = precision_recall_fscore_support(labels, predicted, labels=among, average=average, zero_division=0)
        own = [getattr(scores, f"{average}_{name}") for name in ("precision", "recall", "f1")]
        assert own == pytest.approx(means[:3])
    rows = np.transpose(precision_recall_fscore_support(labels, predicted, labels=every, zero_division=0))
    assert [[own.precision, own.recall, own.f1, own.support] for own in scores.per_class] == pytest.approx(rows)


def test_float32_softmax_sums_close_enough() -> None:
    assert score([0], one_hot([0]).astype(np.float32) * np.float32(0.9995)).accuracy == 1


def _with(index: int | tuple[int, int], value: float | np.ndarray) -> np.ndarray:
    probabilities = one_hot([0, 1, 2])
    probabilities[index] = value
    return probabilities


@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        ([], np.empty((0, DSADS.num_activities)), "at least one window"),
        ([[0, 1, 2]], one_hot([0, 1, 2]), r"y_true has shape \(1, 3\)"),
        ([0, 1], one_hot([0, 1, 2]), r"shape \(3, 19\), expected \(2, 19\)"),
        ([0, 1, 2], one_hot([0, 1, 2])[0], r"shape \(19,\), expected \(N, K\)"),
        ([0, 1, 19], one_hot([0, 1, 2]), r"y_true\[2\] is 19"),
        ([0, -1, 2], one_hot([0, 1, 2]), r"y_true\[1\] is -1"),
        ([0.0, 1.0, 2.0], one_hot([0, 1, 2]), "y_true holds float64"),
        ([0, 1, 2], one_hot([0, 1, 2]).astype(int), "probabilities hold int64"),
        ([0, 1, 2], _with((1, 4), np.nan), r"probabilities\[1\] is not finite"),
        ([0, 1, 2], _with((2, 4), np.inf), r"probabilities\[2\] is not finite"),
        ([0, 1, 2], _with((1, 4), 0.002), r"probabilities\[1\] sums to 1.002"),
        ([0, 1, 2], _with(0, np.r_[1.5, -0.5, np.zeros(17)]), "smallest value -0.5"),
        ([0, 1, 2], one_hot([0, 1, 2]) * 7, "logits need a softmax"),
    ],
)
def test_wrong_input_is_named(labels: list[Any], probabilities: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        score(labels, probabilities)


def test_macro_means_are_over_the_activities_of_the_data() -> None:
    scores = score([0, 0, 0, 1], one_hot([0, 0, 1, 2]), activities=[0, 1, 3])
    assert scores.macro_f1 == pytest.approx((0.8 + 0 + 0) / 3), "2 was predicted, and is no activity of the data"
    assert scores.macro_recall == pytest.approx((2 / 3 + 0 + 0) / 3)
    assert len(scores.per_class) == len(scores.confusion) == DSADS.num_activities
    other = score([0, 0, 1], one_hot([0, 0, 0]), activities=[0, 2])
    assert other.macro_f1 == pytest.approx((0.8 + 0) / 2), "a window of 1 was taken for 0, and 1 does not count"
    assert other.accuracy == pytest.approx(2 / 3)
    with pytest.raises(InputError, match=r"class ids \[0, 1\], none of activities: \[2\]"):
        score([0, 1], one_hot([0, 1]), activities=[2])


def test_any_number_of_activities_has_names_or_numbers() -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert [own.activity for own in score([0, 1], probabilities).per_class] == ["1", "2"]
    named = score([0, 0], probabilities, names=["still", "moving"])
    assert [own.activity for own in named.per_class] == ["still", "moving"]
    assert named.confusion == ((1, 1), (0, 0))
    with pytest.raises(InputError, match=r"shape \(2, 2\), expected \(2, 3\)"):
        score([0, 1], probabilities, names=["a", "b", "c"])


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60))
def test_counts_give_what_scikit_learn_gives(pairs: list[tuple[int, int]]) -> None:
    labels, predicted = map(np.array, zip(*pairs, strict=True))
    counts = count(labels.astype(np.int8), predicted, 5)
    every = np.arange(5)
    assert np.array_equal(counts, confusion_matrix(labels, predicted, labels=every))
    expected = f1_score(labels, predicted, labels=every, average=None, zero_division=0)
    np.testing.assert_allclose(f1_of(counts), expected, rtol=0, atol=1e-12)
    there = sorted({*labels.tolist()})
    mean = f1_score(labels, predicted, labels=there, average="macro", zero_division=0)
    assert macro_f1_of(counts, range(5)) == pytest.approx(mean)
