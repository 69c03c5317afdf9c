"""The network on invariant features: whitened as it says, and equal to scikit-learn's."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from data_sets import as_in_dsads
from narrowing import as_type
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from torch import Tensor, nn

from har_core.models import fit_model
from har_core.models.features import features_of
from har_core.models.invariant_mlp import HiddenLayer, whitening

TOLD = as_in_dsads(6)
OPTIONS: dict[str, Any] = {"hidden_size": 12, "num_epochs": 20, "penalty": 0.3, "shrinkage": 0.2, "num_quantiles": 20}


def windows(num_classes: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(300) % num_classes
    x = torch.randn(300, 30, 6, generator=generator) * (1 + labels[:, None, None] / 4) + labels[:, None, None] / 2
    return x, labels


def scores_and_logits(num_classes: int) -> tuple[np.ndarray, np.ndarray, Tensor]:
    """Normal scores of all windows, labels, and logits of a model that was fitted to the first 200."""
    x, labels = windows(num_classes)
    model = fit_model("invariant_mlp", x[:200], labels[:200], num_classes=num_classes, seed=3, **TOLD, **OPTIONS)
    scores = features_of(as_type(HiddenLayer, model.features).features, x).numpy()
    with torch.inference_mode():
        return scores, labels.numpy(), model(x)


@pytest.mark.parametrize("num_classes", [2, 5])
def test_it_equals_scikit_learn_on_whitened_scores(num_classes: int) -> None:
    scores, labels, logits = scores_and_logits(num_classes)
    white = (scores @ (0.1 * whitening(scores[:200], labels[:200], shrinkage=0.2))).astype(np.float32)
    expected = MLPClassifier((12,), alpha=0.3, batch_size=128, max_iter=20, random_state=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        expected.fit(white[:200], labels[:200])
    np.testing.assert_allclose(logits.softmax(dim=1).numpy(), expected.predict_proba(white), atol=1e-4)
    assert 1.2 / num_classes < (logits[200:].argmax(dim=1).numpy() == labels[200:]).mean() < 1


def test_whitened_features_do_not_covary_within_activities() -> None:
    generator = np.random.default_rng(0)
    labels = np.arange(4000) % 4
    x = generator.normal(size=(4000, 6)) @ generator.normal(size=(6, 6)) + labels[:, None] * 3
    white = x @ whitening(x, labels, shrinkage=1e-9)
    within = np.concatenate([white[labels == label] - white[labels == label].mean(axis=0) for label in range(4)])
    np.testing.assert_allclose(within.T @ within / len(within), np.eye(6), atol=1e-6)


def test_features_that_never_vary_do_no_harm() -> None:
    x, labels = torch.zeros(40, 30, 6), torch.arange(40) % 4
    assert whitening(np.zeros((40, 3)), labels.numpy(), shrinkage=0.5) == pytest.approx(1e6 * np.eye(3))
    model = fit_model("invariant_mlp", x, labels, num_classes=5, seed=0, **TOLD)
    with torch.inference_mode():
        assert as_type(nn.Module, model)(x).isfinite().all()


def test_the_seed_draws_the_first_weights() -> None:
    x, labels = windows(5)
    weights = [
        as_type(Tensor, fit_model("invariant_mlp", x, labels, num_classes=5, seed=seed, **TOLD, **OPTIONS).weight_FK)
        for seed in (0, 0, 1)
    ]
    assert torch.equal(weights[0], weights[1])
    assert not torch.allclose(weights[0], weights[2])
