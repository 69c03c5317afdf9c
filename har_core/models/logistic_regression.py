"""Multinomial logistic regression on standardised simple features: the linear baseline.

Origin: D. R. Cox, "The regression analysis of binary sequences", Journal of the Royal Statistical Society B 20(2),
1958, in its multinomial form, fitted by scikit-learn with L-BFGS. The seed changes nothing: there is one optimum.

Letters: N windows, T timepoints, C channels, F = 8·C features.
"""

from __future__ import annotations

from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from har_core.models.features import SimpleFeatures, features_of
from har_core.models.linear import LinearOnFeatures
from har_core.models.registry import register_classical

_MAX_ITERATIONS = 5000


@register_classical("logistic_regression")
def fit(
    windows_NTC: Tensor, labels_N: Tensor, *, num_classes: int, seed: int, inverse_penalty: float = 1.0
) -> nn.Module:
    """Fit weights with an L2 penalty of 1 / ``inverse_penalty`` (scikit-learn's ``C``)."""
    features = SimpleFeatures()
    x_NF = features_of(features, windows_NTC).numpy()
    scaler = StandardScaler().fit(x_NF)
    linear = LogisticRegression(C=inverse_penalty, max_iter=_MAX_ITERATIONS)
    linear.fit(scaler.transform(x_NF), labels_N.numpy())
    return LinearOnFeatures(features, scaler, linear, num_classes=num_classes)
