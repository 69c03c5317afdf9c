"""A network as an encoder and its last linear layer, and what stands in that layer's place while it pretrains.

Letters: N windows, T timepoints, C channels of the network, M channels of the windows, F features, K activities.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn

from har_core.training.last_layer import last_linear

BOTTLENECK = 64
"""Features between the layers of a head, so that one stays small where a network has tens of thousands."""


class Encoder(nn.Module):
    """A network up to the input of its last linear layer: windows (N, T, M) to features (N, F).

    It shares its weights with the network, which answers with its features until :meth:`release`.
    """

    def __init__(self, network: nn.Module, shape: tuple[int, int], *, at: Sequence[int] | None = None) -> None:
        """Take the last layer out of ``network``.

        Args:
            network: as it will be trained.
            shape: of the windows that it takes, (T, C).
            at: where the M channels of the windows stand among those of the network, whose others are zero; None where
                they are the same.

        Raises:
            InputError: it has no such layer.
        """
        super().__init__()
        self._name = last_linear(network, shape)
        self._last = [network.get_submodule(self._name)]  # in a list, so that it is no part of this
        network.set_submodule(self._name, nn.Identity())
        self.network = network
        self.num_channels = shape[1]
        self.at_M = None if at is None else nn.Buffer(torch.tensor(at, dtype=torch.int64))

    @property
    def num_features(self) -> int:
        """F."""
        [last] = self._last
        return int(last.in_features)  # type: ignore[arg-type]

    def forward(self, x_NTM: Tensor) -> Tensor:
        """Windows (N, T, M) to features (N, F)."""
        features_NF: Tensor = self.network(self._placed(x_NTM))
        return features_NF

    def _placed(self, x_NTM: Tensor) -> Tensor:
        """(N, T, C)."""
        if self.at_M is None:
            return x_NTM
        x_NTC = x_NTM.new_zeros(*x_NTM.shape[:2], self.num_channels)
        x_NTC[:, :, self.at_M] = x_NTM
        return x_NTC

    def release(self) -> None:
        """Give the network its last layer back, which has learnt nothing."""
        [last] = self._last
        self.network.set_submodule(self._name, last)


def make_head(num_features: int, num_outputs: int) -> nn.Sequential:
    """Features (N, F) to (N, ``num_outputs``), by way of :data:`BOTTLENECK` ones."""
    return nn.Sequential(nn.Linear(num_features, BOTTLENECK), nn.ReLU(), nn.Linear(BOTTLENECK, num_outputs))


class LastLayerAlone(nn.Module):
    """A network of which training changes the last linear layer alone: windows (N, T, C) to logits (N, K).

    All else stays as in evaluation, batch norm and dropout too: features are what they will be when it answers. A loss
    that the network brings itself is left out.
    """

    def __init__(self, network: nn.Module, shape: tuple[int, int]) -> None:
        super().__init__()
        name = last_linear(network, shape)
        self.network = network.requires_grad_(False)
        network.get_submodule(name).requires_grad_(True)

    def train(self, mode: bool = True) -> Self:
        """As of any module, but that the network stays in evaluation; its last layer does the same in both."""
        super().train(mode)
        self.network.eval()
        return self

    def forward(self, x_NTC: Tensor) -> Tensor:
        """Windows (N, T, C) to logits (N, K)."""
        logits_NK: Tensor = self.network(x_NTC)
        return logits_NK
