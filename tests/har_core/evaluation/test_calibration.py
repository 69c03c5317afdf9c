"""Calibration against its definitions, worked out window by window, and scikit-learn and PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from har_core.evaluation.calibration import NUM_BINS, Confidence, fit_temperature, scale


def drawn(
    seed: int, num_windows: int = 400, num_activities: int = 5, *, sharpness: float = 2.0
) -> tuple[np.ndarray, np.ndarray]:
    """Labels that are drawn from softmax of logits, and probabilities of logits ``sharpness`` times as large."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(num_windows, num_activities))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(num_activities, p=row) for row in shares])
    sharp = np.exp(sharpness * logits)
    return labels, (sharp / sharp.sum(axis=1, keepdims=True)).astype(np.float32)


@given(st.integers(0, 2**16))
@settings(max_examples=25, deadline=None)
def test_they_are_what_their_definitions_give(seed: int) -> None:
    labels, probabilities = drawn(seed, 200)
    found = Confidence.of(labels, probabilities)
    sure, right = probabilities.max(axis=1).astype(float), probabilities.argmax(axis=1) == labels
    bins = np.minimum((sure * NUM_BINS).astype(int), NUM_BINS - 1)
    gaps = [abs(right[bins == k].mean() - sure[bins == k].mean()) * (bins == k).mean() for k in {*bins.tolist()}]
    assert found.calibration_error == pytest.approx(sum(gaps), abs=1e-9)
    assert found.brier == pytest.approx(np.square(probabilities - np.eye(5)[labels]).sum(axis=1).mean(), abs=1e-6)
    assert found.accuracy_at(1.0) == pytest.approx(right.mean())
    assert found.num_windows == len(labels)
    assert sum(windows for _, _, windows in found.reliability) == len(labels)


def test_brier_is_that_of_scikit_learn() -> None:
    labels, probabilities = drawn(3)
    exact = probabilities.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)
    expected = brier_score_loss(labels, exact, labels=np.arange(5), scale_by_half=False)
    assert Confidence.of(labels, exact).brier == pytest.approx(expected)


def test_the_surest_windows_are_right_more_often() -> None:
    labels, probabilities = drawn(1, 4000)
    found = Confidence.of(labels, probabilities)
    order = np.argsort(-probabilities.max(axis=1), kind="stable")
    right = (probabilities.argmax(axis=1) == labels)[order]
    for coverage in (0.1, 0.5, 0.8, 0.9):
        assert found.accuracy_at(coverage) == pytest.approx(right[: int(coverage * len(right))].mean(), abs=5e-3)


def test_parts_add_up_to_the_whole() -> None:
    labels, probabilities = drawn(2)
    whole = Confidence.of(labels, probabilities)
    parts = Confidence.sum(Confidence.of(labels[own], probabilities[own]) for own in (slice(150), slice(150, None)))
    assert (parts.windows, parts.right) == (whole.windows, whole.right)
    assert parts.calibration_error == pytest.approx(whole.calibration_error)
    assert parts.brier == pytest.approx(whole.brier)


def test_a_model_that_is_too_sure_gets_the_temperature_that_it_was_sharpened_by() -> None:
    labels, probabilities = drawn(4, 6000, sharpness=3.0)
    temperature = fit_temperature(labels, probabilities)
    assert temperature == pytest.approx(3.0, rel=0.1)
    scaled = scale(probabilities, temperature)
    before, after = Confidence.of(labels, probabilities), Confidence.of(labels, scaled)
    assert after.calibration_error < 0.2 * before.calibration_error
    assert np.array_equal(scaled.argmax(axis=1), probabilities.argmax(axis=1))
    assert fit_temperature(*drawn(5, 6000, sharpness=1.0)) == pytest.approx(1.0, rel=0.1)


def test_scaling_is_a_softmax_of_divided_logits() -> None:
    logits = torch.randn(20, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    scaled = scale(torch.softmax(logits, dim=1).numpy(), 2.5)
    np.testing.assert_allclose(scaled, torch.softmax(logits / 2.5, dim=1).numpy(), rtol=1e-9)


def test_probabilities_of_0_and_1_can_be_scaled() -> None:
    certain = np.eye(3, dtype=np.float32)
    scaled = scale(certain, fit_temperature(np.array([0, 1, 1]), certain))
    assert np.isfinite(scaled).all()
    assert Confidence.of(np.array([0, 1, 2]), certain).calibration_error == 0
