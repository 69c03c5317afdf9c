"""Extremely randomised trees on time, spectral and magnitude features.

Origin: P. Geurts, D. Ernst and L. Wehenkel, "Extremely randomized trees", Machine Learning 63(1), 2006, grown by
scikit-learn on :class:`har_core.models.features.RichFeatures`.

Letters: N windows, T timepoints, C channels, F features.
"""

from __future__ import annotations

import torch
from sklearn.ensemble import ExtraTreesClassifier
from torch import Tensor, nn

from har_core.models.features import RichFeatures, features_of
from har_core.models.forests import Forest
from har_core.models.registry import register_classical
from har_core.spec.dataset import Sensor


@register_classical("extra_trees")
def fit(
    windows_NTC: Tensor,
    labels_N: Tensor,
    *,
    num_classes: int,
    seed: int,
    sensors: tuple[Sensor, ...],
    sampling_rate_hz: float,
    num_trees: int = 300,
) -> nn.Module:
    """Grow ``num_trees`` trees until their leaves are pure, with scikit-learn's defaults for everything else."""
    features = RichFeatures(
        num_timepoints=windows_NTC.shape[1],
        sampling_rate_hz=sampling_rate_hz,
        triples=[sensor.axes for sensor in sensors],
    )
    x_NF = features_of(features, windows_NTC).to(torch.float32)
    forest = ExtraTreesClassifier(n_estimators=num_trees, random_state=seed, n_jobs=torch.get_num_threads())
    forest.fit(x_NF.numpy(), labels_N.numpy())
    return Forest(features, forest, num_classes=num_classes)
