"""The products of an exported graph: where the values of a window meet weights, layer by layer."""

from __future__ import annotations

from functools import partial
from itertools import chain
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor, fx, nn

from har_core.inference.exporting import quick_export

_aten = torch.ops.aten
LINEAR = _aten.linear.default
PRODUCTS = {LINEAR, _aten.conv1d.default, _aten.conv2d.default}
"""Linear layers and convolutions: values, weights, biases."""
_LINEAR_LAYERS = {LINEAR, _aten.matmul.default}
"""Of networks, and of classical models, which add their biases afterwards."""
_AFTER_THE_LAST = {_aten.softmax.int, _aten.add.Tensor, _aten.to.dtype}
RECURRENT = {_aten.lstm.input, _aten.gru.input, _aten.rnn_tanh.input}
"""Recurrent layers, several in one operator: sequences, first states, weights and biases of all, and settings."""
_WEIGHTS, _NUM_LAYERS = 2, 4
"""Which arguments of a recurrent operator they are."""
_BIAS = 2
"""Which argument of the others."""


def export(model: nn.Module, windows: Tensor) -> fx.GraphModule:
    """``model`` as a graph of PyTorch's own operators, for any number of windows like these (N, T, C), at least two."""
    with quick_export():
        program = torch.export.export(model.eval(), (windows[:2],), dynamic_shapes=({0: torch.export.Dim("N")},))
    exported = program.module()
    graph, output = exported.graph, exported.graph.output_node()
    output.args = tuple(output.all_input_nodes)  # the probabilities, which are in a tuple of one
    graph.set_codegen(fx.graph.CodeGen())  # what is left of an export warns of itself wherever it is copied
    return fx.GraphModule(exported, graph)


def weights_of(node: fx.Node) -> list[fx.Node]:
    """The matrices and filters that a node multiplies with, if they are the same for every window."""
    return [*chain.from_iterable(layers_of(node))]


def layers_of(node: fx.Node) -> list[list[fx.Node]]:
    """:func:`weights_of` for each layer of the node, which is one, or as many as a recurrent operator has."""
    args: Any = node.args
    if node.target in PRODUCTS:
        layers = [[args[1]]]
    elif node.target in RECURRENT:
        tensors, num_layers = args[_WEIGHTS], args[_NUM_LAYERS]
        of_each = len(tensors) // num_layers
        layers = [
            [tensor for tensor in tensors[of_each * layer : of_each * (layer + 1)] if tensor.meta["val"].dim() > 1]
            for layer in range(num_layers)
        ]
    else:
        return []
    return layers if all(map(is_constant, chain.from_iterable(layers))) else []


def last_layer(model: fx.GraphModule) -> list[fx.Node]:
    """The linear layer that the probabilities are made of, and all that follows it, which changes no order of them.

    Of classical models that is the sum with the biases, too. Empty where the probabilities are made otherwise.
    """
    (node,) = model.graph.output_node().all_input_nodes
    found = [node]
    while node.target in _AFTER_THE_LAST:
        values = values_of(node)
        if len(values) != 1:
            return []
        (node,) = values
        found.insert(0, node)
    return found if node.target in _LINEAR_LAYERS and len(values_of(node)) == 1 else []


def values_of(node: fx.Node) -> list[fx.Node]:
    """What it is computed from that differs from window to window."""
    return [given for given in node.all_input_nodes if not is_constant(given)]


def fold_norms(model: fx.GraphModule) -> None:
    """Have convolutions do what a batch norm after them does, which is linear once it is trained."""
    for norm in model.graph.find_nodes(op="call_function", target=_aten.batch_norm.default):
        args: Any = norm.args
        convolution, parts, epsilon = args[0], args[1:5], args[7]
        if convolution.target not in PRODUCTS - {LINEAR} or len(convolution.users) > 1 or not weights_of(convolution):
            continue
        scale, shift, mean, variance = (value_of(model, part).detach() for part in parts)
        given: Any = convolution.args
        weights, bias = value_of(model, given[1]).detach(), bias_of(model, convolution)
        factor = scale / (variance + epsilon).sqrt()
        names = f"{convolution.name}_weights", f"{convolution.name}_bias"
        folded = (weights * factor.view(-1, *[1] * (weights.dim() - 1)), (bias - mean) * factor + shift)
        for name, tensor in zip(names, folded, strict=True):
            model.register_parameter(name, nn.Parameter(tensor, requires_grad=False))
        with model.graph.inserting_before(convolution):
            convolution.args = (given[0], *map(model.graph.get_attr, names), *given[3:])
        norm.replace_all_uses_with(convolution)
    model.graph.eliminate_dead_code()


def bias_of(model: fx.GraphModule, product: fx.Node) -> Tensor:
    """What a product of :data:`PRODUCTS` adds to its outputs (outputs,); zeros where it adds nothing."""
    args: Any = product.args
    if len(args) > _BIAS and args[_BIAS] is not None:
        return value_of(model, args[_BIAS]).detach()
    return torch.zeros_like(value_of(model, args[1]).detach().flatten(1)[:, 0])


def is_constant(node: fx.Node) -> bool:
    """Whether it is the same for every window."""
    return node.op == "get_attr" or (node.op == "call_function" and all(map(is_constant, node.all_input_nodes)))


def value_of(model: fx.GraphModule, node: fx.Node) -> Tensor:
    """The value of a node of ``model`` that is the same for every window."""
    target: Any = node.target
    if node.op == "get_attr":
        value: Tensor = attrgetter(target)(model)
    else:
        args, kwargs = fx.map_arg((node.args, node.kwargs), partial(value_of, model))
        value = target(*args, **kwargs)
    return value
