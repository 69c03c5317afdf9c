"""What of an exported graph is moved when it is fitted on to a person: the last layer, adapters, or everything.

Adapters: E. J. Hu et al., "LoRA: low-rank adaptation of large language models", 2021, section 4.1. A product of two
narrow matrices is added to each matrix; a filter counts as a matrix of outputs by inputs and places. In the end it is
part of that matrix, so the model costs what it did before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, fx, nn

from har_core.base.errors import InputError
from har_core.compression.products import is_constant, last_layer, weights_of
from har_core.settings.transfer import Way


class Moved(nn.Module):
    """Tensors of a graph in place of its own, as functions of what is trained. At first they are the same."""

    def __init__(self, originals: dict[str, Tensor]) -> None:
        super().__init__()
        self.names = tuple(originals)
        self.whole = nn.ParameterList(tensor.detach().clone() for tensor in originals.values())

    def forward(self) -> dict[str, Tensor]:
        """By the names that the graph has for them."""
        return dict(zip(self.names, self.whole, strict=True))


class Adapted(Moved):
    """The same, where nothing but a matrix of low rank is added to each."""

    def __init__(self, originals: dict[str, Tensor], *, rank: int) -> None:
        super().__init__(originals)
        self.whole.requires_grad_(False)
        matrices = [tensor.flatten(1) for tensor in originals.values()]
        self.narrow = nn.ParameterList(
            torch.randn(min(rank, *matrix.shape), matrix.shape[1]) / matrix.shape[1] ** 0.5 for matrix in matrices
        )
        self.wide = nn.ParameterList(
            torch.zeros(len(matrix), len(narrow)) for matrix, narrow in zip(matrices, self.narrow, strict=True)
        )

    def forward(self) -> dict[str, Tensor]:
        """By the names that the graph has for them."""
        added = (wide @ narrow for wide, narrow in zip(self.wide, self.narrow, strict=True))
        return {
            name: tensor + matrix.view_as(tensor)
            for name, tensor, matrix in zip(self.names, self.whole, added, strict=True)
        }


def usual_way(model: fx.GraphModule) -> Way:
    """Adapters where the model has matrices that they can be added to, else the last layer.

    Raises:
        InputError: it has neither.
    """
    for way in _USUAL:
        if _CHOSEN[way](model):
            return way
    raise InputError(f"the model cannot be fitted on to a person: {', and '.join(_LACKING[way] for way in _USUAL)}")


def moved(model: fx.GraphModule, way: Way, *, rank: int) -> Moved:
    """What ``way`` moves of ``model``; adapters begin with PyTorch's global generator.

    Raises:
        InputError: it has nothing of that kind; the text names the ways that it can be moved by.
    """
    chosen = _CHOSEN[way](model)
    if not chosen:
        others = ", ".join(other for other, choose in _CHOSEN.items() if choose(model)) or "none"
        raise InputError(
            f"the model cannot be fitted on by the way {way}: {_LACKING[way]}; ways that it can take: {others}"
        )
    return Adapted(chosen, rank=rank) if way == "adapters" else Moved(chosen)


_USUAL: tuple[Way, ...] = ("adapters", "last_layer")
_LACKING = {
    "last_layer": "it does not end in a linear layer",
    "adapters": "it has no linear, convolution or recurrent layer in float32",
    "all": "it has no weights that were trained",
}


def _last_layer(model: fx.GraphModule) -> dict[str, Tensor]:
    """Weights and biases of the linear layer that the probabilities are made of."""
    constants = [given for node in last_layer(model) for given in node.all_input_nodes if is_constant(given)]
    return dict(_tensors(model, constants))


def _matrices(model: fx.GraphModule) -> dict[str, Tensor]:
    """Matrices and filters of all products."""
    nodes = [weights for node in model.graph.nodes for weights in weights_of(node)]
    return {name: tensor for name, tensor in _tensors(model, nodes) if tensor.dim() > 1}


def _parameters(model: fx.GraphModule) -> dict[str, Tensor]:
    """What was trained. Statistics of the windows and of batch norms are no parameters."""
    return {name: tensor for name, tensor in model.named_parameters() if tensor.is_floating_point()}


def _tensors(model: fx.GraphModule, nodes: list[fx.Node]) -> Iterator[tuple[str, Tensor]]:
    """The tensors that constant nodes are computed from, by the names that the graph has for them."""
    stored = dict(model.state_dict(keep_vars=True))
    for node in nodes:
        if node.op == "get_attr":
            name = str(node.target)
            if stored[name].is_floating_point():
                yield name, stored[name]
        else:
            yield from _tensors(model, node.all_input_nodes)


_CHOSEN: dict[Way, Callable[[fx.GraphModule], dict[str, Tensor]]] = {
    "last_layer": _last_layer,
    "adapters": _matrices,
    "all": _parameters,
}
