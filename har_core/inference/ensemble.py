"""Several classifiers that answer as one.

Letters: N windows, M members, K activities.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

SMALLEST_PROBABILITY = 1e-6
"""Smaller ones count as this much, so that their logarithm is finite."""


class Vote(nn.Module):
    """The weighted mean of the members' probabilities: (N, M, K) to (N, K)."""

    def __init__(self, weights: npt.NDArray[np.floating]) -> None:
        """Keep the ``weights`` (M,), which sum to 1."""
        super().__init__()
        self.weights_M = nn.Buffer(torch.from_numpy(weights.astype(np.float32)))

    def forward(self, probabilities_NMK: Tensor) -> Tensor:
        """The mean (N, K)."""
        return torch.einsum("nmk,m->nk", probabilities_NMK, self.weights_M)


class Stack(nn.Module):
    """A linear model on the logarithms of the members' probabilities: (N, M, K) to (N, K)."""

    def __init__(self, weight: npt.NDArray[np.floating], bias: npt.NDArray[np.floating]) -> None:
        """Keep the ``weight`` (M·K, K) and the ``bias`` (K,)."""
        super().__init__()
        self.weight_JK = nn.Buffer(torch.from_numpy(weight.astype(np.float32)))  # J = M·K
        self.bias_K = nn.Buffer(torch.from_numpy(bias.astype(np.float32)))

    def forward(self, probabilities_NMK: Tensor) -> Tensor:
        """Probabilities (N, K)."""
        logarithms_NJ = probabilities_NMK.clamp_min(SMALLEST_PROBABILITY).log().flatten(start_dim=1)
        return torch.softmax(logarithms_NJ @ self.weight_JK + self.bias_K, dim=-1)


class Ensemble(nn.Module):
    """Raw windows (N, T, C) in sensor units to probabilities (N, K), by way of its members."""

    def __init__(self, members: Sequence[nn.Module], combination: nn.Module) -> None:
        """Combine ``members``, each raw windows to probabilities, by ``combination``, (N, M, K) to (N, K)."""
        super().__init__()
        self.members = nn.ModuleList(members)
        self.combination = combination

    def forward(self, windows_NTC: Tensor) -> Tensor:
        """Probabilities (N, K)."""
        probabilities_NMK = torch.stack([member(windows_NTC) for member in self.members], dim=1)
        answer_NK: Tensor = self.combination(probabilities_NMK)
        return answer_NK
