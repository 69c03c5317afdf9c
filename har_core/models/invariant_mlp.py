"""A hidden layer on the features of :mod:`har_core.models.invariant_lda`, whitened: a network beside the discriminant.

Origin: a multilayer perceptron (D. E. Rumelhart, G. E. Hinton and R. J. Williams, "Learning representations by
back-propagating errors", Nature 323, 1986), trained by scikit-learn with Adam. Rich and invariant features are brought
to a normal distribution, and then whitened by their scatter within activities, which linear discriminant analysis does
too: afterwards they vary equally in every direction as long as the activity stays the same. Without that the network is
three points worse for new people (docs/results/champion.md). Whitening and the hidden layer's weights are two matrices
in a row, and kept as one.

Letters: N windows, T timepoints, C channels, F features, H hidden units, K activities.
"""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import torch
from scipy.linalg import cholesky, solve_triangular
from sklearn.covariance import empirical_covariance, shrunk_covariance
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from torch import Tensor, nn

from har_core.models.discriminant import fit_normal_scores
from har_core.models.invariant_features import InvariantFeatures
from har_core.models.layers.options import require_option
from har_core.models.linear import LinearOnFeatures
from har_core.models.registry import register_classical
from har_core.spec.dataset import Sensor

_BATCH_SIZE = 128
_DEVIATION = 0.1
"""Of whitened features. Smaller than 1, because all of them, hundreds and more, meet in a hidden unit."""
_SMALLEST_VARIANCE = 1e-12


@register_classical("invariant_mlp")
def fit(
    windows_NTC: Tensor,
    labels_N: Tensor,
    *,
    num_classes: int,
    seed: int,
    sensors: tuple[Sensor, ...],
    sampling_rate_hz: float,
    hidden_size: int = 256,
    num_epochs: int = 10,
    penalty: float = 1.0,
    shrinkage: float = 0.01,
    num_quantiles: int = 10,
    farthest: float = 2.5,
) -> nn.Module:
    """Whiten with the share ``shrinkage`` of identity, then train for ``num_epochs`` epochs.

    ``penalty`` is on the squares of the weights, scikit-learn's ``alpha``. ``num_quantiles`` and ``farthest`` are as in
    ``invariant_lda``.
    """
    require_option(shrinkage <= 1, "shrinkage", shrinkage, "a share above 0 and up to 1")
    features = InvariantFeatures(
        num_timepoints=windows_NTC.shape[1], sampling_rate_hz=sampling_rate_hz, sensors=sensors
    )
    scores, x_NF = fit_normal_scores(features, windows_NTC, num_quantiles=num_quantiles, farthest=farthest)
    labels = labels_N.numpy()
    whitening_FF = _DEVIATION * whitening(x_NF, labels, shrinkage=shrinkage)
    perceptron = MLPClassifier(
        (hidden_size,),
        alpha=penalty,
        batch_size=min(_BATCH_SIZE, len(x_NF)),
        max_iter=num_epochs,
        n_iter_no_change=num_epochs,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # epochs are fixed, no loss is waited for
        perceptron.fit((x_NF @ whitening_FF).astype(np.float32), labels)
    first_FH, last_HK = perceptron.coefs_
    first_H, last_K = perceptron.intercepts_
    last = SimpleNamespace(coef_=last_HK.T, intercept_=last_K, classes_=perceptron.classes_)
    return LinearOnFeatures(HiddenLayer(scores, whitening_FF @ first_FH, first_H), None, last, num_classes=num_classes)


class HiddenLayer(nn.Module):
    """Features, then one fitted linear layer and ReLU: windows (N, T, C) to float64 (N, H)."""

    def __init__(
        self, features: nn.Module, weight_FH: npt.NDArray[np.float64], bias_H: npt.NDArray[np.floating]
    ) -> None:
        super().__init__()
        self.features = features
        self.weight_FH = nn.Buffer(torch.from_numpy(weight_FH))
        self.bias_H = nn.Buffer(torch.from_numpy(bias_H).to(torch.float64))

    def forward(self, x_NTC: Tensor) -> Tensor:
        hidden_NH: Tensor = (self.features(x_NTC) @ self.weight_FH + self.bias_H).relu()
        return hidden_NH


def whitening(
    x_NF: npt.NDArray[np.float64], labels_N: npt.NDArray[np.int64], *, shrinkage: float
) -> npt.NDArray[np.float64]:
    """The matrix (F, F) after which features have variance 1 within activities, and no covariance.

    The covariance is shrunk towards a multiple of the identity, so that directions that hardly vary in training do not
    count as much as they would.
    """
    means_KF = {label: x_NF[labels_N == label].mean(axis=0) for label in np.unique(labels_N)}
    within_NF = x_NF - np.stack([means_KF[label] for label in labels_N])
    covariance_FF = shrunk_covariance(empirical_covariance(within_NF, assume_centered=True), shrinkage)
    covariance_FF[np.diag_indices_from(covariance_FF)] += _SMALLEST_VARIANCE
    lower_FF = cholesky(covariance_FF, lower=True)
    result_FF: npt.NDArray[np.float64] = solve_triangular(lower_FF, np.eye(len(lower_FF)), lower=True).T
    return result_FF
