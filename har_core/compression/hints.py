"""Hints: a student's last features are compared with its teacher's, by way of a linear map that is thrown away.

Method: A. Romero et al., "FitNets: hints for thin deep nets", 2015, section 3.1; there of a layer in the middle and in
a training before the others, here of the last one and together with the answers. Features are what the last linear
layer takes. Letters: N windows, T timepoints, C channels, F features of the teacher.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from har_core.base.errors import InputError
from har_core.compression.products import export, last_layer, values_of
from har_core.training.last_layer import last_linear

_BATCH_SIZE = 256
_SMALLEST = 1e-6
"""Deviation of a feature below which it says nothing, and so relative to its mean."""


def features_of(model: nn.Module, windows_NTC: Tensor, *, name: str) -> Tensor:
    """What the last linear layer of ``model`` takes, float32 (N, F), each feature with mean 0 and deviation 1.

    Args:
        model: a graph, raw windows to probabilities.
        windows_NTC: raw windows.
        name: of the model, for errors.

    Raises:
        InputError: there is no linear layer that everything goes through at last, once for each window.
    """
    graph = export(model, windows_NTC)
    last = last_layer(graph)
    if not last:
        raise InputError(
            f"{name} has no last linear layer that its probabilities are made of, so no features to compare"
        )
    graph.graph.output_node().args = (*values_of(last[0]),)
    graph.graph.eliminate_dead_code()
    graph.recompile()
    with torch.inference_mode():
        found_NF = torch.cat([graph(batch).float() for batch in torch.split(windows_NTC, _BATCH_SIZE)])
    deviations_F, means_F = torch.std_mean(found_NF, dim=0)
    return (found_NF - means_F) / torch.where(deviations_F > _SMALLEST * (1 + means_F.abs()), deviations_F, torch.inf)


class Matching(nn.Module):
    """``network`` while it is trained, and the map from its last features to a teacher's."""

    def __init__(self, network: nn.Module, shape: tuple[int, int], *, num_features: int) -> None:
        """Look for its last linear layer.

        Args:
            network: is changed while it is trained.
            shape: of the windows that it takes, (T, C).
            num_features: F.

        Raises:
            InputError: it has no last linear layer.
        """
        super().__init__()
        self.network = network
        self.last = last_linear(network, shape)
        self.seen = torch.empty(0)
        own: Any = network.get_submodule(self.last)
        self.to_teacher = nn.Linear(own.in_features, num_features)
        if hasattr(network, "training_loss"):  # which training asks for (har_core.training.objective)
            self.training_loss = self._training_loss

    def forward(self, windows: Tensor) -> Tensor:
        """Logits (N, K) of normalised windows (N, T, C)."""
        with self._watching():
            logits: Tensor = self.network(windows)
        return logits

    def mismatch(self, features_NF: Tensor) -> Tensor:
        """The mean squared error of the teacher's features of the windows that were answered last, a scalar."""
        return mse_loss(self.to_teacher(self.seen).float(), features_NF)

    def _training_loss(self, *args: Any) -> Tensor:
        with self._watching():
            loss: Tensor = self.network.training_loss(*args)  # type: ignore[operator] # it has one
        return loss

    @contextmanager
    def _watching(self) -> Iterator[None]:
        """Keep what the last linear layer takes."""
        hook = self.network.get_submodule(self.last).register_forward_pre_hook(self._see)
        try:
            yield
        finally:
            hook.remove()

    def _see(self, _: nn.Module, taken: tuple[Any, ...]) -> None:
        self.seen = taken[0]
