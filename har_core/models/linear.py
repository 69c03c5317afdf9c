"""A linear model of scikit-learn on standardised features, as tensors. Fitting it is scikit-learn's work.

Letters: N windows, F features, K activities.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

_NEVER = -1e4
"""Logit of an activity that training lacks."""


class LinearOnFeatures(nn.Module):
    """Features, then one linear layer that standardises them on the way: windows (N, T, C) to logits (N, K).

    Computed in float64, as scikit-learn does.
    """

    weight_FK: Tensor
    bias_K: Tensor

    def __init__(self, features: nn.Module, scaler: StandardScaler, linear: Any, *, num_classes: int) -> None:
        """Take over a fitted ``scaler`` and a fitted ``linear`` classifier on what it scales.

        ``linear`` has ``coef_``, ``intercept_`` and ``classes_``; of two classes it may hold the second one's alone.
        """
        super().__init__()
        self.features = features
        coefficients, intercept = np.atleast_2d(linear.coef_), np.atleast_1d(linear.intercept_)
        weight_FK = np.zeros((coefficients.shape[1], num_classes))
        bias_K = np.full(num_classes, _NEVER)
        classes = linear.classes_
        bias_K[classes] = 0.0
        present = classes[1:] if len(coefficients) < len(classes) else classes  # the first of two: logit 0
        weight_FK[:, present] = (coefficients / scaler.scale_).T
        bias_K[present] = intercept - coefficients @ (scaler.mean_ / scaler.scale_)
        self.register_buffer("weight_FK", torch.from_numpy(weight_FK))
        self.register_buffer("bias_K", torch.from_numpy(bias_K))

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_NF = self.features(x_NTC).to(torch.float64)
        logits_NK: Tensor = x_NF @ self.weight_FK + self.bias_K
        return logits_NK.to(torch.float32)
