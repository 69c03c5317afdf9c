"""Linear discriminant analysis on features brought to a normal distribution equals scikit-learn's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from data_sets import as_in_dsads
from narrowing import as_type
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, QuantileTransformer
from torch import nn

from har_core.base.errors import InputError
from har_core.models import fit_model
from har_core.models.discriminant import NormalScores
from har_core.models.features import features_of


def awkward_features() -> np.ndarray:
    """Smooth, constant, in steps, often 0, tiny, huge, rounding alone, and often at the upper end."""
    x = np.random.default_rng(0).normal(size=(300, 8))
    x[:, 1] = 3
    x[:, 2] = np.round(x[:, 2])
    x[:, 3] = np.maximum(x[:, 3], 0)
    x[:, 4] *= 1e-9
    x[:, 5] *= 1e9
    x[:, 6] = np.where(x[:, 6] > 0, 1e-17, 0)
    x[:, 7] = np.minimum(x[:, 7], 0.5)
    return x


@pytest.mark.parametrize("num_quantiles", [2, 17, 300])
def test_scores_equal_scikit_learn_inside_and_beyond_the_quantiles(num_quantiles: int) -> None:
    x = awkward_features()
    expected = QuantileTransformer(n_quantiles=num_quantiles, output_distribution="normal", subsample=None).fit(x)
    scores = NormalScores(torch.from_numpy(expected.quantiles_))
    for given in (x, x * 1.5, x + 1e-8, x - 1e-6, np.random.default_rng(1).normal(size=(99, 8))):
        np.testing.assert_allclose(scores(torch.from_numpy(given)).numpy(), expected.transform(given), atol=1e-9)


@pytest.mark.parametrize(("name", "farthest"), [("lda", 6.0), ("invariant_lda", 1.5)])
def test_the_model_equals_scikit_learn_on_the_same_features(name: str, farthest: float) -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(400) % 5
    x = torch.randn(400, 30, 6, generator=generator) * (1 + labels[:, None, None] / 9) + labels[:, None, None] / 9
    options: dict[str, Any] = {"shrinkage": 0.3, "num_quantiles": 50, "farthest": farthest}
    model = fit_model(name, x[:200], labels[:200], num_classes=5, seed=0, **as_in_dsads(x.shape[2]), **options)
    rich = as_type(nn.Sequential, model.features)[0]
    features = features_of(rich, x).numpy()
    expected = make_pipeline(
        QuantileTransformer(n_quantiles=50, output_distribution="normal", subsample=None),
        FunctionTransformer(np.clip, kw_args={"a_min": -farthest, "a_max": farthest}),
        LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.3),
    ).fit(features[:200], labels[:200].numpy())
    with torch.inference_mode():
        logits = model(x).numpy()
    np.testing.assert_allclose(logits, expected.decision_function(features), rtol=1e-5, atol=1e-4)
    assert 0.2 < (logits[200:].argmax(axis=1) == labels[200:].numpy()).mean() < 0.99


def test_no_score_is_farther_from_0_than_asked() -> None:
    x = np.random.default_rng(0).normal(size=(500, 3))
    quantiles = QuantileTransformer(n_quantiles=10, output_distribution="normal", subsample=None).fit(x)
    free, bounded = (
        NormalScores(torch.from_numpy(quantiles.quantiles_), farthest=farthest)(torch.from_numpy(x))
        for farthest in (6.0, 1.5)
    )
    assert free.abs().max() > 5
    torch.testing.assert_close(bounded, free.clamp(-1.5, 1.5))


def test_invariant_lda_bounds_its_scores() -> None:
    x, labels = torch.randn(200, 30, 6, generator=torch.Generator().manual_seed(0)), torch.arange(200) % 4
    model = fit_model("invariant_lda", x, labels, num_classes=4, seed=0, **as_in_dsads(x.shape[2]), farthest=0.7)
    scores = features_of(as_type(nn.Sequential, model.features), 9 * x)
    assert scores.abs().max() == pytest.approx(0.7)


def test_a_share_above_1_is_refused() -> None:
    with pytest.raises(InputError, match="shrinkage"):
        fit_model(
            "lda",
            torch.randn(6, 20, 3),
            torch.arange(6) % 2,
            num_classes=2,
            seed=0,
            **as_in_dsads(3),
            shrinkage=1.5,
        )
