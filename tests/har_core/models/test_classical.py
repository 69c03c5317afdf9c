"""A fitted module answers as scikit-learn does on the same features."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from data_sets import as_in_dsads
from narrowing import as_type
from scipy.special import softmax
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from har_core.models import fit_model
from har_core.models.features import features_of
from har_core.models.forests import SMALLEST_PROBABILITY, Forest, rounded_down
from har_core.models.layers.random_convolutions import PENALTIES

K = 5
SEED = 3


@pytest.fixture(scope="module")
def data() -> tuple[Tensor, Tensor]:
    """Windows (400, 125, 9) of activities that overlap, so that no answer is certain."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(400) % K
    x = torch.randn(400, 125, 9, generator=generator) * (1 + labels[:, None, None] / 9)
    return x + torch.randn(400, 1, 9, generator=generator) + labels[:, None, None] / 4, labels


def fitted(name: str, data: tuple[Tensor, Tensor], **options: Any) -> tuple[nn.Module, np.ndarray, Tensor]:
    """The model of half of the windows, its features of all windows, and its logits of all."""
    x, labels = data
    model = fit_model(name, x[:200], labels[:200], num_classes=K, seed=SEED, **as_in_dsads(9), **options)
    with torch.inference_mode():
        return model, features_of(as_type(nn.Module, model.features), x).numpy(), model(x)


@pytest.mark.parametrize(
    ("name", "options", "forest"),
    [
        ("random_forest", {}, RandomForestClassifier(100, max_depth=8, random_state=SEED)),
        ("random_forest", {"num_trees": 7, "max_depth": 3}, RandomForestClassifier(7, max_depth=3, random_state=SEED)),
        ("random_forest", {"num_trees": 3, "max_depth": 1}, RandomForestClassifier(3, max_depth=1, random_state=SEED)),
        ("extra_trees", {}, ExtraTreesClassifier(300, random_state=SEED)),
        ("extra_trees", {"num_trees": 1}, ExtraTreesClassifier(1, random_state=SEED)),
    ],
)
def test_a_forest_equals_scikit_learn(
    data: tuple[Tensor, Tensor], name: str, options: dict[str, int], forest: Any
) -> None:
    _, features, logits = fitted(name, data, **options)
    forest.fit(features[:200].astype(np.float32), data[1][:200].numpy())
    expected = forest.predict_proba(features.astype(np.float32))
    assert expected[200:].std() > 0
    np.testing.assert_allclose(logits.softmax(dim=1).numpy(), expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(logits.exp().numpy(), expected, rtol=0, atol=1e-6)


def test_logistic_regression_equals_scikit_learn(data: tuple[Tensor, Tensor]) -> None:
    _, features, logits = fitted("logistic_regression", data, inverse_penalty=0.5)
    expected = make_pipeline(StandardScaler(), LogisticRegression(C=0.5, max_iter=5000))
    expected.fit(features[:200], data[1][:200].numpy())
    np.testing.assert_allclose(logits.softmax(dim=1).numpy(), expected.predict_proba(features), rtol=0, atol=1e-5)
    assert 0.05 < expected.predict_proba(features[200:]).max(axis=1).min() < 0.6  # the comparison is of unsure answers


def test_the_ridge_classifier_of_rocket_equals_scikit_learn(data: tuple[Tensor, Tensor]) -> None:
    _, features, logits = fitted("rocket", data, num_features=840)
    expected = make_pipeline(StandardScaler(), RidgeClassifierCV(alphas=PENALTIES))
    expected.fit(features[:200], data[1][:200].numpy())
    decision = expected.decision_function(features)
    np.testing.assert_allclose(logits.numpy(), decision, rtol=0, atol=1e-5)
    np.testing.assert_allclose(logits.softmax(dim=1).numpy(), softmax(decision, axis=1), rtol=0, atol=1e-5)


def test_a_value_on_a_threshold_goes_where_scikit_learn_sends_it() -> None:
    """Thresholds lie half way between float32 neighbours, so that rounding one up would send the upper one left."""
    low = np.linspace(0.1, 7, 50, dtype=np.float32)
    high = np.nextafter(low, np.float32(np.inf))
    x = np.stack([low, high], axis=1).reshape(-1, 1)
    y = np.arange(100) % 2
    forest = ExtraTreesClassifier(30, random_state=0).fit(x, y)
    model = Forest(nn.Flatten(), forest, num_classes=2)
    with torch.inference_mode():
        answered = model(torch.from_numpy(x)[:, None]).exp().numpy()
    np.testing.assert_allclose(answered, forest.predict_proba(x), rtol=0, atol=1e-6)


def test_thresholds_are_rounded_down() -> None:
    above = np.nextafter(np.float64(np.float32(0.1)), -np.inf)
    exact = np.array([0.5, 1.0, -3.25])
    assert rounded_down(np.array([above]))[0] < np.float32(0.1)
    np.testing.assert_array_equal(rounded_down(exact), exact.astype(np.float32))
    thresholds = np.random.default_rng(0).normal(size=1000)
    assert (rounded_down(thresholds).astype(np.float64) <= thresholds).all()
    assert (np.nextafter(rounded_down(thresholds), np.float32(np.inf)).astype(np.float64) > thresholds).all()


def test_what_no_tree_votes_for_keeps_a_finite_logit(data: tuple[Tensor, Tensor]) -> None:
    _, _, logits = fitted("extra_trees", data, num_trees=2)
    assert logits.min() == pytest.approx(np.log(SMALLEST_PROBABILITY))


def test_depth_and_number_of_trees_count(data: tuple[Tensor, Tensor]) -> None:
    sizes = [
        fitted("random_forest", data, num_trees=num_trees, max_depth=depth)[0].get_buffer("threshold_V").numel()
        for num_trees, depth in ((2, 2), (4, 2), (4, 4))
    ]
    assert sizes[0] < sizes[1] < sizes[2]


def test_pure_leaves_share_their_distributions(data: tuple[Tensor, Tensor]) -> None:
    assert fitted("extra_trees", data)[0].get_buffer("probabilities_DK").shape == (K, K)
