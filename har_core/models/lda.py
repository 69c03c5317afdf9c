"""LDA: linear discriminant analysis on rich features, each of them brought to a normal distribution.

Origin: R. A. Fisher, "The use of multiple measurements in taxonomic problems", Annals of Eugenics 7(2), 1936, in its
form for many classes, with the covariance shrunk towards a multiple of the identity (J. H. Friedman, "Regularized
discriminant analysis", Journal of the American Statistical Association 84, 1989), fitted by scikit-learn on
:class:`har_core.models.features.RichFeatures`. It takes the features of an activity as normally distributed, which
minima, ranges and frequencies are not. So quantiles of the training windows first map every feature to a normal
distribution, as scikit-learn's ``QuantileTransformer`` does. The seed changes nothing: nothing is drawn.

Letters: N windows, T timepoints, C channels, F features, Q quantiles, K activities.
"""

from __future__ import annotations

import numpy as np
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.preprocessing import QuantileTransformer
from torch import Tensor, nn

from har_core.datasets.channels import Sensor
from har_core.models.features import RichFeatures, features_of
from har_core.models.layers.options import require_option
from har_core.models.linear import LinearOnFeatures
from har_core.models.registry import register_classical

_AT_THE_END = 1e-7
"""Nearer to the lowest or the highest quantile than this, a value is that quantile; also the smallest probability, so
that no feature is farther from 0 than 5.2."""


@register_classical("lda")
def fit(
    windows_NTC: Tensor,
    labels_N: Tensor,
    *,
    num_classes: int,
    seed: int,
    sensors: tuple[Sensor, ...],
    shrinkage: float = 0.1,
    num_quantiles: int = 1000,
) -> nn.Module:
    """Take ``num_quantiles`` quantiles (at most one a window), then fit with the share ``shrinkage`` of identity."""
    require_option(shrinkage <= 1, "shrinkage", shrinkage, "a share above 0 and up to 1")
    require_option(num_quantiles >= 2, "num_quantiles", num_quantiles, "at least 2")  # noqa: PLR2004 - two ends
    rich = SinglePrecision(RichFeatures(num_timepoints=windows_NTC.shape[1], triples=[sensor.axes for sensor in sensors]))
    x_NF = features_of(rich, windows_NTC)
    quantiles = QuantileTransformer(
        n_quantiles=min(num_quantiles, len(x_NF)), output_distribution="normal", subsample=None
    ).fit(x_NF.numpy())
    features = nn.Sequential(rich, NormalScores(torch.from_numpy(quantiles.quantiles_)))
    linear = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage)
    linear.fit(features_of(features[1], x_NF).numpy(), labels_N.numpy())
    return LinearOnFeatures(features, None, linear, num_classes=num_classes)


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
    middle of their probabilities. What lies beyond the ends counts as the end.
    """

    def __init__(self, quantiles_QF: Tensor) -> None:
        super().__init__()
        self.quantiles_FQ = nn.Buffer(quantiles_QF.T.contiguous())
        self.probabilities_Q = nn.Buffer(torch.linspace(0, 1, len(quantiles_QF), dtype=torch.float64), persistent=False)

    def forward(self, x_NF: Tensor) -> Tensor:
        x_FN = x_NF.T.contiguous()
        lowest_F1, highest_F1 = self.quantiles_FQ[:, :1], self.quantiles_FQ[:, -1:]
        # The two differ only where x is a quantile, and much where several quantiles are equal to it.
        share_FN = (self._share(x_FN, right=True) + self._share(x_FN, right=False)) / 2
        share_FN = torch.where(x_FN + _AT_THE_END > highest_F1, 1.0, share_FN)
        share_FN = torch.where(x_FN - _AT_THE_END < lowest_F1, 0.0, share_FN)
        smallest = _AT_THE_END - np.spacing(1.0)
        scores_FN: Tensor = torch.special.ndtri(share_FN.clamp(smallest, 1 - smallest))
        return scores_FN.T

    def _share(self, x_FN: Tensor, *, right: bool) -> Tensor:
        """Share of the training windows below x, by a straight line between the two quantiles around it: (F, N)."""
        num_quantiles = self.quantiles_FQ.shape[1]
        above_FN = torch.searchsorted(self.quantiles_FQ, x_FN, right=right).clamp(1, num_quantiles - 1)
        low_FN, high_FN = self.quantiles_FQ.gather(1, above_FN - 1), self.quantiles_FQ.gather(1, above_FN)
        width_FN = high_FN - low_FN
        place_FN = (x_FN - low_FN) / torch.where(width_FN > 0, width_FN, 1.0)
        below_FN = self.probabilities_Q[above_FN - 1]
        return torch.lerp(below_FN, self.probabilities_Q[above_FN], place_FN.clamp(0, 1))
