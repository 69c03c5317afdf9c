"""LDA: linear discriminant analysis on rich features, each of them brought to a normal distribution.

Origin: R. A. Fisher, "The use of multiple measurements in taxonomic problems", Annals of Eugenics 7(2), 1936, in its
form for many classes, with the covariance shrunk towards a multiple of the identity (J. H. Friedman, "Regularized
discriminant analysis", Journal of the American Statistical Association 84, 1989), fitted by scikit-learn on
:class:`har_core.models.features.RichFeatures`. It takes the features of an activity as normally distributed, which
minima, ranges and frequencies are not. So quantiles of the training windows first map every feature to a normal
distribution, as scikit-learn's ``QuantileTransformer`` does. The seed changes nothing: nothing is drawn.

Letters: N windows, T timepoints, C channels.
"""

from __future__ import annotations

from torch import Tensor, nn

from har_core.models.discriminant import fit_discriminant
from har_core.models.features import RichFeatures
from har_core.models.registry import register_classical
from har_core.spec.dataset import Sensor


@register_classical("lda")
def fit(
    windows_NTC: Tensor,
    labels_N: Tensor,
    *,
    num_classes: int,
    seed: int,
    sensors: tuple[Sensor, ...],
    sampling_rate_hz: float,
    shrinkage: float = 0.1,
    num_quantiles: int = 1000,
    farthest: float = 6.0,
) -> nn.Module:
    """Take ``num_quantiles`` quantiles (at most one a window), then fit with the share ``shrinkage`` of identity.

    No feature is farther from 0 than ``farthest`` standard deviations; quantiles alone end at 5.2.
    """
    rich = RichFeatures(
        num_timepoints=windows_NTC.shape[1],
        sampling_rate_hz=sampling_rate_hz,
        triples=[sensor.axes for sensor in sensors],
    )
    return fit_discriminant(
        rich,
        windows_NTC,
        labels_N,
        num_classes=num_classes,
        shrinkage=shrinkage,
        num_quantiles=num_quantiles,
        farthest=farthest,
    )
