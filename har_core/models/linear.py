"""A linear model on features, standardised or not, as tensors. scikit-learn fits it.

Letters: N windows, F features, K activities.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

_NEVER = -1e4
"""Logit of an activity that is missing in training."""


class LinearOnFeatures(nn.Module):
    """Features, then one linear layer, which also standardises them: windows (N, T, C) to logits (N, K).

    Computed in float64, as scikit-learn does.
    """

    def __init__(self, features: nn.Module, scaler: StandardScaler | None, linear: Any, *, num_classes: int) -> None:
        """Convert a fitted ``scaler``, if any, and a ``linear`` classifier that was fitted to its output.

        ``linear`` has ``coef_``, ``intercept_`` and ``classes_``; for two classes it may have only the second's row.
        """
        super().__init__()
        self.features = features
        coefficients, intercept = np.atleast_2d(linear.coef_), np.atleast_1d(linear.intercept_)
        scale = 1.0 if scaler is None else scaler.scale_
        mean = 0.0 if scaler is None else scaler.mean_
        weight_FK = np.zeros((coefficients.shape[1], num_classes))
        bias_K = np.full(num_classes, _NEVER)
        classes = linear.classes_
        bias_K[classes] = 0.0
        present = classes[1:] if len(coefficients) < len(classes) else classes  # the first of two: logit 0
        weight_FK[:, present] = (coefficients / scale).T
        bias_K[present] = intercept - (coefficients * (mean / scale)).sum(axis=1)
        self.weight_FK = nn.Buffer(torch.from_numpy(weight_FK))
        self.bias_K = nn.Buffer(torch.from_numpy(bias_K))

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_NF = self.features(x_NTC).to(torch.float64)
        logits_NK: Tensor = x_NF @ self.weight_FK + self.bias_K
        return logits_NK.to(torch.float32)
