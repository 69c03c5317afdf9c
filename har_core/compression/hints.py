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
from torch import Tensor, fx, nn
from torch.nn.functional import mse_loss

from har_core.base.errors import InputError
from har_core.compression.products import LINEAR, export, weights_of

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
    last = last_linear(graph)
    if last is None:
        raise InputError(f"{name} has no last linear layer that all its values go through, so no features to compare")
    graph.graph.output_node().args = (last.args[0],)
    graph.graph.eliminate_dead_code()
    graph.recompile()
    with torch.inference_mode():
        found_NF = torch.cat([graph(batch) for batch in torch.split(windows_NTC, _BATCH_SIZE)])
    deviations_F, means_F = torch.std_mean(found_NF, dim=0)
    return (found_NF - means_F) / torch.where(deviations_F > _SMALLEST * (1 + means_F.abs()), deviations_F, torch.inf)


def last_linear(model: fx.GraphModule) -> fx.Node | None:
    """The linear layer after all other products, of one vector for each window; None where there is none such."""
    products = [node for node in model.graph.nodes if weights_of(node)]
    if not products or products[-1].target is not LINEAR:
        return None
    last = products[-1]
    before, reached = set[fx.Node](), [last]
    while reached:
        node = reached.pop()
        if node not in before:
            before.add(node)
            reached += node.all_input_nodes
    taken = last.all_input_nodes[0].meta["val"]
    return last if before.issuperset(products) and taken.dim() == 2 else None  # noqa: PLR2004 - windows, features


class Matching(nn.Module):
    """``network`` while it is trained, and the map from its last features to a teacher's."""

    def __init__(self, network: nn.Module, windows_NTC: Tensor, *, num_features: int, name: str) -> None:
        """Look for its last linear layer.

        Args:
            network: is changed while it is trained.
            windows_NTC: windows as it takes them, at least one, on the CPU.
            num_features: F.
            name: of the network, for errors.

        Raises:
            InputError: it has no last linear layer that takes one vector for each window.
        """
        super().__init__()
        self.network = network
        self.seen = windows_NTC[:0]
        layers = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
        self.last = layers[-1] if layers else None
        with torch.no_grad(), self._watching():
            network.eval()(windows_NTC)
        num_own: int = self.seen.shape[-1]
        if self.last is None or self.seen.shape != (len(windows_NTC), network.get_submodule(self.last).in_features):
            raise InputError(
                f"{name} has no last linear layer of one vector for each window, so no features to compare"
            )
        self.to_teacher = nn.Linear(num_own, num_features)
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
        if self.last is None:
            yield
            return
        hook = self.network.get_submodule(self.last).register_forward_pre_hook(self._see)
        try:
            yield
        finally:
            hook.remove()

    def _see(self, _: nn.Module, taken: tuple[Any, ...]) -> None:
        self.seen = taken[0]
