"""The last layer of a network, which takes its features and gives its logits.

Letters: T timepoints, C channels.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from har_core.base.errors import InputError


def last_linear(network: nn.Module, shape: tuple[int, int]) -> str:
    """The name of the linear layer whose output is the logits of ``network``, which takes windows of ``shape`` (T, C).

    Raises:
        InputError: it has none: its answers are lengths of capsules, or come from one of several exits.
    """
    outputs: dict[str, Tensor] = {}

    def keep(name: str, _layer: nn.Module, _inputs: object, output: Tensor) -> None:
        outputs[name] = output

    layers = [(name, layer) for name, layer in network.named_modules() if isinstance(layer, nn.Linear)]
    hooks = [layer.register_forward_hook(partial(keep, name)) for name, layer in layers]
    was_training, device = network.training, next(network.parameters()).device
    try:
        with torch.no_grad():
            logits = network.eval()(torch.zeros(2, *shape, device=device))
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    found = [name for name, output in outputs.items() if output is logits]
    if not found:
        raise InputError(
            f"{type(network).__name__} has no last linear layer: its logits are made otherwise, so it can neither be "
            f"pretrained nor have its features compared with others"
        )
    return found[-1]
