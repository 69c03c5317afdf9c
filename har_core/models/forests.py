"""scikit-learn's forests as tensors: all trees are walked at once, one level a step. scikit-learn grows them.

Letters: N windows, F features, R trees, V nodes of all trees, W = 2·V ways down from them, D distributions,
K activities.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from torch import Tensor, nn
from torch.nn import functional

SMALLEST_PROBABILITY = 1e-9
"""Probability of an activity that no tree votes for, so that its logit stays finite."""


class Forest(nn.Module):
    """Features, then the mean of the trees' probabilities as logits: windows (N, T, C) to (N, K).

    The trees are stored one after the other in flat tables of nodes. A leaf is its own child on both sides, so every
    window takes as many steps as the deepest tree has levels, and the number of steps does not depend on the data.
    """

    def __init__(
        self, features: nn.Module, forest: RandomForestClassifier | ExtraTreesClassifier, *, num_classes: int
    ) -> None:
        """Convert a ``forest`` that was fitted to float32 ``features`` and activities from 0 to ``num_classes`` - 1."""
        super().__init__()
        self.features = features
        trees = [estimator.tree_ for estimator in forest.estimators_]
        roots = np.cumsum([0, *(tree.node_count for tree in trees[:-1])])
        self.depth = max(tree.max_depth for tree in trees)
        is_leaf = np.concatenate([tree.children_left for tree in trees]) < 0
        # A leaf looks at feature 0 and stays where it is, whatever the value.
        self.feature_V = _buffer(np.where(is_leaf, 0, np.concatenate([tree.feature for tree in trees])), np.int32)
        thresholds = rounded_down(np.concatenate([tree.threshold for tree in trees]))
        self.threshold_V = _buffer(np.where(is_leaf, 0, thresholds), np.float32)
        sides = [_children(trees, roots, is_leaf, side) for side in ("children_left", "children_right")]
        self.child_W = _buffer(np.stack(sides, axis=1).reshape(-1), np.int32)
        table, index = np.unique(
            np.concatenate([tree.value[:, 0] for tree in trees])[is_leaf], axis=0, return_inverse=True
        )
        distribution = np.zeros(len(is_leaf), dtype=np.int64)
        distribution[is_leaf] = index.reshape(-1)
        probabilities = np.zeros((len(table), num_classes))
        probabilities[:, forest.classes_] = table
        self.distribution_V = _buffer(distribution, np.int32)
        self.probabilities_DK = _buffer(probabilities, np.float32)
        self.roots_R = _buffer(roots, np.int64)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_NF = self.features(x_NTC).to(torch.float32)
        node_NR = self.roots_R.expand(x_NF.shape[0], -1)
        for _ in range(self.depth):
            value_NR = x_NF.gather(1, self.feature_V[node_NR].to(torch.int64))
            is_right_NR = (value_NR > self.threshold_V[node_NR]).to(torch.int64)
            node_NR = self.child_W[2 * node_NR + is_right_NR].to(torch.int64)
        distribution_NR = self.distribution_V[node_NR].to(torch.int64)
        probability_NK = functional.embedding_bag(distribution_NR, self.probabilities_DK, mode="mean")
        return probability_NK.clamp(min=SMALLEST_PROBABILITY).log()


def rounded_down(thresholds: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """The largest float32 numbers not above ``thresholds``: float32 values compare the same with either."""
    nearest = thresholds.astype(np.float32)
    below = np.nextafter(nearest, np.float32(-np.inf))
    return np.where(nearest.astype(np.float64) > thresholds, below, nearest)


def _buffer(values: npt.NDArray[Any], dtype: type[np.generic]) -> nn.Buffer:
    return nn.Buffer(torch.from_numpy(np.ascontiguousarray(values, dtype=dtype)))


def _children(
    trees: list[Any], roots: npt.NDArray[np.int64], is_leaf: npt.NDArray[np.bool_], side: str
) -> npt.NDArray[np.int64]:
    """The child of each node on one side, numbered over all trees: (V,)."""
    inner = np.concatenate([getattr(tree, side) + root for tree, root in zip(trees, roots, strict=True)])
    return np.where(is_leaf, np.arange(len(is_leaf)), inner)
