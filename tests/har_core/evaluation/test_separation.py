"""Separation against scikit-learn, on probabilities that are often tied, close to 0, close to 1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from narrowing import present
from sklearn.metrics import average_precision_score, roc_auc_score

from har_core.evaluation.separation import Separation


def drawn(seed: int, num_windows: int, *, sharpness: float) -> tuple[np.ndarray, np.ndarray]:
    """Labels of 4 activities, and probabilities that know a little of them."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(4), rng.integers(0, 4, num_windows - 4)])
    logits = sharpness * (rng.normal(size=(num_windows, 4)) + np.eye(4)[labels])
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return labels, (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


@given(st.integers(0, 2**16), st.sampled_from([0.5, 1.0, 3.0]))
@settings(max_examples=40, deadline=None)
def test_areas_are_those_of_scikit_learn(seed: int, sharpness: float) -> None:
    labels, probabilities = drawn(seed, 1000, sharpness=sharpness)
    found = Separation.of(labels, probabilities)
    for activity in range(4):
        own, sure = labels == activity, probabilities[:, activity]
        assert found.roc_auc[activity] == pytest.approx(roc_auc_score(own, sure), abs=2e-3)
        assert found.average_precision[activity] == pytest.approx(average_precision_score(own, sure), abs=1e-2)


def test_without_ties_in_a_step_they_are_exact() -> None:
    labels, probabilities = drawn(1, 300, sharpness=1.0)
    steps = np.round(4 * np.log(probabilities / (1 - probabilities))) / 4
    tied = 1 / (1 + np.exp(-steps))
    found = Separation.of(labels, tied)
    for activity in range(4):
        own, sure = labels == activity, tied[:, activity]
        assert found.roc_auc[activity] == pytest.approx(roc_auc_score(own, sure), abs=1e-12)
        assert found.average_precision[activity] == pytest.approx(average_precision_score(own, sure), abs=1e-12)


def test_nobody_can_do_better_than_one() -> None:
    labels = np.arange(3).repeat(5)
    found = Separation.of(labels, np.eye(3)[labels])
    assert found.roc_auc == found.average_precision == [1.0, 1.0, 1.0]
    x, y = present(found.roc[0])
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)


def test_one_that_knows_nothing_is_chance() -> None:
    labels = np.arange(4).repeat([10, 20, 30, 40])
    found = Separation.of(labels, np.full((100, 4), 0.25))
    assert found.roc_auc == [0.5] * 4
    assert found.average_precision == pytest.approx([0.1, 0.2, 0.3, 0.4])


def test_an_activity_without_windows_has_no_area() -> None:
    found = Separation.of(np.array([0, 0, 1]), np.eye(3)[[0, 1, 1]])
    assert found.roc_auc[2] is None
    assert found.average_precision[2] is None
    alone = Separation.of(np.zeros(3, int), np.eye(3)[[0, 1, 1]])
    assert alone.roc_auc == [None] * 3


def test_parts_add_up_to_the_whole() -> None:
    labels, probabilities = drawn(2, 200, sharpness=2.0)
    parts = [Separation.of(labels[own], probabilities[own]) for own in (slice(0, 70), slice(70, None))]
    whole = Separation.of(labels, probabilities)
    assert Separation.sum(parts).roc_auc == whole.roc_auc
    assert Separation.sum(parts).average_precision == whole.average_precision
    assert whole.windows.sum() == labels.size * 4
