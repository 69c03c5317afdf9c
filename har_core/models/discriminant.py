"""Linear discriminant analysis on features that quantiles bring to a normal distribution, as tensors.

Letters: N windows, T timepoints, F features, Q quantiles, K activities.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.preprocessing import QuantileTransformer
from torch import Tensor, nn

from har_core.models.features import features_of
from har_core.models.layers.options import require_option
from har_core.models.linear import LinearOnFeatures

_AT_THE_END = 1e-7
"""Nearer to the lowest or the highest quantile than this, a value is that quantile; also the smallest probability, so
that no feature is farther from 0 than 5.2."""


def fit_discriminant(
    features: nn.Module,
    windows_NTC: Tensor,
    labels_N: Tensor,
    *,
    num_classes: int,
    shrinkage: float,
    num_quantiles: int,
    farthest: float,
) -> LinearOnFeatures:
    """Bring ``features`` to a normal distribution, then fit the discriminant with scikit-learn.

    Args:
        features: windows (N, T, C) to float64 (N, F).
        windows_NTC: float32 (N, T, C).
        labels_N: int64 (N,), activities counted from 0.
        num_classes: K.
        shrinkage: share of the identity in the covariance, above 0 and up to 1.
        num_quantiles: Q, at least 2; at most one a window is taken.
        farthest: no feature is farther from 0 than this, in standard deviations.

    Raises:
        InputError: ``shrinkage`` or ``num_quantiles`` has an impossible value.
    """
    require_option(shrinkage <= 1, "shrinkage", shrinkage, "a share above 0 and up to 1")
    scores, x_NF = fit_normal_scores(features, windows_NTC, num_quantiles=num_quantiles, farthest=farthest)
    linear = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(x_NF, labels_N.numpy())
    return LinearOnFeatures(scores, None, linear, num_classes=num_classes)


def fit_normal_scores(
    features: nn.Module, windows_NTC: Tensor, *, num_quantiles: int, farthest: float
) -> tuple[nn.Module, npt.NDArray[np.float64]]:
    """``features`` brought to a normal distribution, as a module that takes windows; and what it makes of these (N, F).

    Raises:
        InputError: ``num_quantiles`` is below 2.
    """
    require_option(num_quantiles >= 2, "num_quantiles", num_quantiles, "at least 2")  # noqa: PLR2004 - two ends
    single = SinglePrecision(features)
    x_NF = features_of(single, windows_NTC)
    quantiles = QuantileTransformer(
        n_quantiles=min(num_quantiles, len(x_NF)), output_distribution="normal", subsample=None
    ).fit(x_NF.numpy())
    scores = NormalScores(torch.from_numpy(quantiles.quantiles_), farthest=farthest)
    return nn.Sequential(single, scores), features_of(scores, x_NF).numpy()


class SinglePrecision(nn.Module):
    """Features rounded to what float32 can tell apart, in float64.

    Where many windows share a value, the distribution jumps there, and one last bit would choose a side of the jump.
    """

    def __init__(self, features: nn.Module) -> None:
        super().__init__()
        self.features = features

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_NF: Tensor = self.features(x_NTC)
        return x_NF.to(torch.float32).to(torch.float64)


class NormalScores(nn.Module):
    """Maps each feature to a standard normal distribution by its quantiles: float64 (N, F) to the same shape.

    Between two quantiles the distribution function is a straight line; a value that several quantiles share gets the
    middle of their probabilities. What lies beyond the ends counts as the end, and no score is farther from 0 than
    ``farthest``.
    """

    def __init__(self, quantiles_QF: Tensor, *, farthest: float = 6.0) -> None:
        super().__init__()
        self.farthest = farthest
        self.quantiles_FQ = nn.Buffer(quantiles_QF.T.contiguous())

    def forward(self, x_NF: Tensor) -> Tensor:
        x_FN = x_NF.T.contiguous()
        share_FN = self._place(x_FN) / (self.quantiles_FQ.shape[1] - 1)
        share_FN = torch.where(x_FN + _AT_THE_END > self.quantiles_FQ[:, -1:], 1.0, share_FN)
        share_FN = torch.where(x_FN - _AT_THE_END < self.quantiles_FQ[:, :1], 0.0, share_FN)
        smallest = _AT_THE_END - np.spacing(1.0)
        scores_FN: Tensor = torch.special.ndtri(share_FN.clamp(smallest, 1 - smallest))
        return scores_FN.T.clamp(-self.farthest, self.farthest)

    def _place(self, x_FN: Tensor) -> Tensor:
        """Where x is among the quantiles, which count from 0: (F, N), halves and parts included."""
        last = self.quantiles_FQ.shape[1] - 1
        num_below_FN = torch.searchsorted(self.quantiles_FQ, x_FN)
        up_to_FN = torch.searchsorted(self.quantiles_FQ, x_FN, right=True) - 1
        low_FN = self.quantiles_FQ.gather(1, up_to_FN.clamp(0, last))
        high_FN = self.quantiles_FQ.gather(1, (up_to_FN + 1).clamp(0, last))
        between_FN = up_to_FN + (x_FN - low_FN) / (high_FN - low_FN)
        # Of all quantiles that x is equal to, the middle.
        return torch.where(num_below_FN <= up_to_FN, (num_below_FN + up_to_FN) / 2, between_FN)
