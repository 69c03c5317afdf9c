"""Weights: the smallest weights become zero and stay so, in steps with training in between.

Method: S. Han et al., "Learning both weights and connections for efficient neural networks", 2015, with the schedule of
:mod:`har_core.compression.gradual`. The smallest are found by ``torch.nn.utils.prune``. Its masks on modules only count
where a module is called, and here many weights are used without that (recurrent layers, series); so the weights are set
to zero after each step of an optimizer, which no momentum and no penalty can undo.

The network keeps its shape: PyTorch computes as before. What there is to gain is storage
(:mod:`har_core.compression.sparse`) and what an engine makes of zeros.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.utils.prune import L1Unstructured
from torch.optim.optimizer import register_optimizer_step_post_hook

from har_core.base.errors import InputError
from har_core.compression.gradual import prune_gradually
from har_core.compression.recipe import Compressed, Material, Parent
from har_core.settings.recipes import WeightsSettings
from har_core.training.initialisation import Dense


def compress(settings: WeightsSettings, parent: Parent, material: Material) -> Compressed:
    """Prune single weights of ``parent``.

    Raises:
        InputError: it is no network of an architecture, or too small for a weight to go.
    """
    network = parent.network(material)
    weights = prunable(network)
    if not any(mask.any() for mask in smallest([*weights.values()], settings.share, settings.scope)):
        raise InputError(f"no weight of {parent.name} goes: the share {settings.share} of them is less than one")
    return prune_gradually(
        network, material, settings, lambda share: held_at_zero([*weights.values()], share, settings.scope)
    )


def prunable(network: nn.Module) -> dict[str, nn.Parameter]:
    """Weights of linear, convolution and recurrent layers by name; no biases, norms or learnt positions."""
    return {
        name: weight
        for name, weight in network.named_parameters()
        if weight.dim() > 1 and isinstance(network.get_submodule(name.rpartition(".")[0]), Dense | nn.RNNBase)
    }


def smallest(weights: list[nn.Parameter], share: float, scope: str) -> list[Tensor]:
    """Where the smallest are, a bool tensor for each of ``weights``: that share of all, or of each where by layer."""
    flat = [weight.detach().flatten() for weight in weights]
    if scope == "global":
        masks = torch.split(_smallest_of(torch.cat(flat), share), [*map(len, flat)])
    else:
        masks = tuple(_smallest_of(own, share) for own in flat)
    return [mask.view_as(weight) for mask, weight in zip(masks, weights, strict=True)]


@contextmanager
def held_at_zero(weights: list[nn.Parameter], share: float, scope: str) -> Iterator[None]:
    """Set the smallest of ``weights`` to zero, for good, and hold them there while any optimizer moves them."""
    masks = smallest(weights, share, scope)

    @torch.no_grad()
    def hold(*_: object) -> None:
        for index, weight in enumerate(weights):
            masks[index] = masks[index].to(weight.device)  # moved once: a training may take them elsewhere
            weight.masked_fill_(masks[index], 0.0)

    hold()
    handle = register_optimizer_step_post_hook(hold)
    try:
        yield
    finally:
        handle.remove()


def _smallest_of(values: Tensor, share: float) -> Tensor:
    kept = L1Unstructured(amount=share).compute_mask(values, torch.ones_like(values))  # type: ignore[no-untyped-call]
    return torch.as_tensor(kept == 0)
