"""Training a network whose operators do something else while it answers: what is kept learns to live with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


class TrainedUnder(nn.Module):
    """``network`` in a mode of its operators, which it is in for its answers and its own loss alone.

    The layers stay the network's own, so that it is trained as its parent was: its loss, its optimizer, its average.
    """

    def __init__(self, network: nn.Module, mode: Callable[[nn.Module], TorchFunctionMode]) -> None:
        super().__init__()
        self.network = network
        self.mode = mode
        if hasattr(network, "training_loss"):  # which training asks for (har_core.training.objective)
            self.training_loss = self._training_loss

    def forward(self, windows: Tensor) -> Tensor:
        """Logits (N, K) of normalised windows (N, T, C)."""
        with self.mode(self.network):
            logits: Tensor = self.network(windows)
        return logits

    def _training_loss(self, *args: Any) -> Tensor:
        with self.mode(self.network):
            loss: Tensor = self.network.training_loss(*args)  # type: ignore[operator] # it has one
        return loss
