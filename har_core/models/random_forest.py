"""Random forest on simple features of each channel: the plain baseline that every network has to beat.

Origin: L. Breiman, "Random forests", Machine Learning 45(1), 2001, grown by scikit-learn. 100 trees of depth 8 are also
the baseline of the WHAR Arena (2026): there on other simple features (the minimal set of tsfresh) of windows of 3 s,
and with at least 10 windows in each leaf; here a leaf may hold one.

Letters: N windows, T timepoints, C channels, F = 8·C features.
"""

from __future__ import annotations

import torch
from sklearn.ensemble import RandomForestClassifier
from torch import Tensor, nn

from har_core.models.features import SimpleFeatures, features_of
from har_core.models.forests import Forest
from har_core.models.registry import register_classical


@register_classical("random_forest")
def fit(
    windows_NTC: Tensor, labels_N: Tensor, *, num_classes: int, seed: int, num_trees: int = 100, max_depth: int = 8
) -> nn.Module:
    """Grow ``num_trees`` trees of at most ``max_depth`` levels, with scikit-learn's defaults for everything else."""
    features = SimpleFeatures()
    x_NF = features_of(features, windows_NTC).to(torch.float32)
    forest = RandomForestClassifier(
        n_estimators=num_trees, max_depth=max_depth, random_state=seed, n_jobs=torch.get_num_threads()
    )
    forest.fit(x_NF.numpy(), labels_N.numpy())
    return Forest(features, forest, num_classes=num_classes)
