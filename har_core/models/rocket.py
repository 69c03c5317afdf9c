"""Rocket: random convolutions along time, the share of their output above thresholds, and a ridge classifier.

Origin: A. Dempster, D. F. Schmidt and G. I. Webb, "MiniRocket: a very fast (almost) deterministic transform for time
series classification", KDD 2021; :mod:`har_core.models.layers.random_convolutions` says what differs. There are 2,520
features, a quarter of the paper's 10,000.

Letters: N windows, T timepoints, C channels, F features.
"""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import RidgeClassifierCV
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from har_core.models.features import features_of
from har_core.models.layers.options import require_option
from har_core.models.layers.random_convolutions import KERNEL_LENGTH, NUM_KERNELS, PENALTIES, with_thresholds
from har_core.models.linear import LinearOnFeatures
from har_core.models.registry import register_classical


@register_classical("rocket")
def fit(windows_NTC: Tensor, labels_N: Tensor, *, num_classes: int, seed: int, num_features: int = 2520) -> nn.Module:
    """Draw kernels, take thresholds from training windows, and fit the ridge classifier.

    ``num_features`` is rounded down to a multiple of 84. The softmax of a ridge classifier's decision values is not a
    calibrated probability: the activity is the same, the figure far too low.
    """
    num_timepoints = windows_NTC.shape[1]
    require_option(
        num_timepoints >= KERNEL_LENGTH, "windows.length", num_timepoints, f"at least {KERNEL_LENGTH} samples"
    )
    require_option(num_features >= NUM_KERNELS, "num_features", num_features, f"at least {NUM_KERNELS}")
    features = with_thresholds(windows_NTC, np.random.default_rng(seed), num_features // NUM_KERNELS)
    x_NF = features_of(features, windows_NTC).numpy()
    scaler = StandardScaler().fit(x_NF)
    ridge = RidgeClassifierCV(alphas=PENALTIES).fit(scaler.transform(x_NF), labels_N.numpy())
    return LinearOnFeatures(features, scaler, ridge, num_classes=num_classes)
