"""Binary weights: each is plus or minus one number of its filter, but for those of the first and the last layer.

Method: the Binary-Weight-Network of M. Rastegari et al. ("XNOR-Net: ImageNet classification using binary convolutional
neural networks", ECCV 2016, section 3.1): the sign of a weight times the mean size of its filter's weights, trained
with the gradient of the identity for the sign where the weight lies within -1 and 1 (straight-through estimator, of
I. Hubara et al., "Binarized neural networks", NeurIPS 2016). Values between layers stay float32. Recurrent layers count
one by one; the first and the last layer are those that meet the window itself, and those whose values meet no further
weights.

What it costs: training anew, and most often some of the score. A weight takes one bit in the file and in memory, but
each answer makes float32 of all of them first and multiplies those, so that it is slower than its parent's: PyTorch has
no products of bits.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn
from torch.overrides import TorchFunctionMode

from har_core.base.errors import InputError
from har_core.compression.products import export, layers_of
from har_core.compression.recipe import NETWORK, Compressed, Material, Parent, fine_tune, with_input
from har_core.compression.trained_under import TrainedUnder
from har_core.settings.recipes import BinarySettings


def compress(settings: BinarySettings, parent: Parent, material: Material) -> Compressed:
    """Train the network of ``parent`` on with binary weights, and pack them.

    Raises:
        InputError: the parent is no network of an architecture, or has no layer between its first and its last.
    """
    network = parent.network(material)
    classifier, windows = with_input(network, material), material.training_sample(2)
    names = inner_weights(export(classifier, windows))
    if not names:
        raise InputError(f"{parent.name} has no layer between its first and its last, so none for binary weights")
    mode = partial(BinaryWeights, {name.removeprefix(NETWORK) for name in names})
    fitted = fine_tune(
        TrainedUnder(network, mode), material, epochs=settings.epochs, learning_rate=settings.learning_rate
    )
    return Compressed(
        classifier=packed(export(classifier, windows), names),
        history=fitted.history,
        seconds=fitted.seconds,
        device=fitted.device,
        precision=fitted.precision,
    )


def inner_weights(model: fx.GraphModule) -> set[str]:
    """Names of the matrices and filters of all layers but the first and the last."""
    products = {node: layers for node in model.graph.nodes if (layers := layers_of(node))}
    after, before = set[fx.Node](), set[fx.Node]()
    for node in model.graph.nodes:
        if any(other in products or other in after for other in node.all_input_nodes):
            after.add(node)
    for node in reversed(model.graph.nodes):
        if any(other in products or other in before for other in node.users):
            before.add(node)
    matrices = {name for name, parameter in model.named_parameters() if parameter.dim() > 1}
    inner, outer = set[str](), set[str]()
    for node, layers in products.items():
        for index, weights in enumerate(layers):
            is_first = index == 0 and node not in after
            is_last = index == len(layers) - 1 and node not in before
            (outer if is_first or is_last else inner).update(chain.from_iterable(map(_sources, weights)))
    return matrices & inner - outer


def _sources(weights: fx.Node) -> Iterator[str]:
    """What the weights of a product are made of."""
    if weights.op == "get_attr":
        yield str(weights.target)
    for node in weights.all_input_nodes:
        yield from _sources(node)


class BinaryWeights(TorchFunctionMode):
    """While it is open, every operator gets binary weights where it would get one of the parameters ``names``."""

    def __init__(self, names: Collection[str], network: nn.Module) -> None:
        super().__init__()
        self._chosen = {id(parameter) for name, parameter in network.named_parameters() if name in names}
        self._binary = dict[int, Tensor]()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call ``func`` with what it is to get."""
        return func(*map(self._in_place_of, args), **(kwargs or {}))

    def _in_place_of(self, argument: Any) -> Any:
        if isinstance(argument, list | tuple):
            return type(argument)(map(self._in_place_of, argument))
        if id(argument) not in self._chosen:
            return argument
        return self._binary.setdefault(id(argument), _binarised(argument))


def _binarised(weights: Tensor) -> Tensor:
    """Signs times the mean size of each filter (outputs, ...), with gradients for both."""
    within = weights.clamp(-1, 1)
    signs = within + (torch.where(weights >= 0, 1.0, -1.0) - within).detach()
    return signs * _sizes(weights)


def _sizes(weights: Tensor) -> Tensor:
    """Mean size of the weights of each filter, (outputs, 1, ...)."""
    return weights.abs().mean(dim=[*range(1, weights.dim())], keepdim=True)


def packed(model: fx.GraphModule, names: Collection[str]) -> fx.GraphModule:
    """``model`` with one bit for each of the weights ``names``, and a number for each of their filters."""
    graph = model.graph
    for node in graph.find_nodes(op="get_attr"):
        if node.target not in names:
            continue
        weights = model.get_parameter(node.target).detach()
        owner, _, name = node.target.rpartition(".")
        bits = np.packbits((weights >= 0).flatten().numpy(), bitorder="little")
        model.get_submodule(owner).register_buffer(f"{name}_bits", torch.from_numpy(bits))
        model.get_submodule(owner).register_buffer(f"{name}_sizes", _sizes(weights))
        with graph.inserting_before(node):
            parts = [graph.get_attr(f"{node.target}_{part}") for part in ("bits", "sizes")]
            node.replace_all_uses_with(graph.call_function(unpacked, (*parts, tuple(weights.shape))))
    graph.eliminate_dead_code()
    return fx.GraphModule(model, graph)  # with what the graph uses alone


def unpacked(bits: Tensor, sizes: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Weights of ``shape``, of which ``bits`` has eight in a byte, the first in the lowest: plus or minus ``sizes``."""
    places = torch.arange(8, dtype=torch.uint8, device=bits.device)
    is_positive = ((bits.unsqueeze(1) >> places) & 1).flatten()[: prod(shape)].view(shape).to(torch.bool)
    return torch.where(is_positive, sizes, -sizes)
