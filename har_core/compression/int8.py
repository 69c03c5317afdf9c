"""Int8: weights and the values that they meet in 8 bits, after training, with ranges measured on training windows.

Method: static quantisation (B. Jacob et al., "Quantization and training of neural networks for efficient
integer-arithmetic-only inference", CVPR 2018), weights symmetric and by output, values affine and by tensor, their
ranges by torchao's histogram. Rounding moves the means of outputs; biases move them back, from the first product to the
last (M. Nagel et al., "Data-free quantization through weight equalization and bias correction", ICCV 2019, section 4.2,
here with means of real windows). Every product of windows with weights is quantised; of recurrent layers the weights
alone, since PyTorch has the layer as one operator. torchao's own way of changing a graph (``convert_pt2e``) gives the
same, but takes 20 s where there is a batch norm: it looks for dozens of patterns that are not there.

The result holds int8 weights and PyTorch's own operators: PyTorch computes what an integer engine would, in float32 and
no faster. OpenVINO takes the products for int8 where it can take the model at all: 2026.4 does so with linear and
recurrent layers, but refuses ``cnn`` for more than one window at a time, and after a convolution along time it takes
means over time wrongly (``compact``), so its answers are to be compared first.
"""

from __future__ import annotations

import importlib
import logging
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import chain
from typing import Any, Literal

import torch
from torch import Tensor, fx, nn

from har_core.base.errors import InputError
from har_core.compression.products import LINEAR, PRODUCTS, bias_of, export, fold_norms, value_of, weights_of
from har_core.compression.recipe import Compressed, Material, Parent
from har_core.settings.recipes import Int8Settings

_aten = torch.ops.aten
_BATCH_SIZE = 64
LOWEST, HIGHEST = -128, 127
"""Of values; weights are symmetric, from -127 on."""
SMALLEST_SCALE = 2**-24
FirstLayer = Literal["int8", "float32"]


def compress(settings: Int8Settings, parent: Parent, material: Material) -> Compressed:
    """Quantise ``parent``, whatever it is made of.

    Raises:
        InputError: torchao is not installed, or there is nothing to quantise.
    """
    windows = material.training_sample(settings.windows_per_activity)
    return Compressed(classifier=quantise(parent.model, windows, first_layer=settings.first_layer))


def quantise(
    model: nn.Module, windows: Tensor, *, with_values: bool = True, first_layer: FirstLayer = "int8"
) -> fx.GraphModule:
    """A copy of ``model``, raw windows (N, T, C) to probabilities (N, K), with int8 products.

    Args:
        model: on the CPU.
        windows: (N, T, C) like those to come, at least two, on which ranges are measured.
        with_values: whether values become int8 too and biases are corrected, or weights become int8 alone.
        first_layer: what the values are rounded to that the first product takes.

    Raises:
        InputError: torchao is not installed, or no product of the model has weights of its own.
    """
    exported = export(model, windows)
    graph = exported.graph
    fold_norms(exported)
    weights = {node: own for node in graph.nodes if (own := weights_of(node))}
    if not weights:
        raise InputError("there is nothing to quantise: no product with weights of its own")
    products = [node for node in weights if node.target in PRODUCTS]
    few = windows[torch.linspace(0, len(windows) - 1, min(_BATCH_SIZE, len(windows))).long()]
    means = _means(exported, products, few)
    taken = list(dict.fromkeys(product.all_input_nodes[0] for product in products))
    rounded = taken[first_layer == "float32" :] if with_values else []
    for node, replaced in _rounded_values(exported, rounded, windows).items():
        for product in [*node.users]:
            if product in products:
                product.replace_input_with(node, replaced)
    for node in dict.fromkeys(chain.from_iterable(weights.values())):
        node.replace_all_uses_with(_stored_as_int8(exported, node))
    if with_values:
        _correct_biases(exported, means, few)
    graph.eliminate_dead_code()
    return fx.GraphModule(exported, graph)  # with what the graph uses alone


def _rounded_values(exported: fx.GraphModule, nodes: Iterable[fx.Node], windows: Tensor) -> dict[fx.Node, fx.Node]:
    """By node of ``nodes``, one that rounds its values to where their histogram has the least error."""
    observer = partial(
        _torchao().HistogramObserver,
        dtype=torch.int8,
        quant_min=LOWEST,
        quant_max=HIGHEST,
        qscheme=torch.per_tensor_affine,
        eps=SMALLEST_SCALE,
    )
    observers = {node: observer() for node in nodes}
    with torch.no_grad():
        for batch in torch.split(windows, _BATCH_SIZE):
            _Observed(exported, observers).run(batch)
    rounded = {}
    for node, observed in observers.items():
        scale, zero = observed.calculate_qparams()
        with exported.graph.inserting_after(node):
            rounded[node] = exported.graph.call_function(
                _aten.fake_quantize_per_tensor_affine.default, (node, scale.item(), int(zero), LOWEST, HIGHEST)
            )
    return rounded


class _Observed(fx.Interpreter):
    """Runs a graph and shows observers the values of their nodes."""

    def __init__(self, model: fx.GraphModule, observers: Mapping[fx.Node, Callable[[Tensor], object]]) -> None:
        super().__init__(model)
        self._observers = observers

    def run_node(self, n: fx.Node) -> Any:
        """The values of one node."""
        values = super().run_node(n)
        if n in self._observers:
            self._observers[n](values)
        return values


def _means(exported: fx.GraphModule, products: Iterable[fx.Node], windows: Tensor) -> dict[fx.Node, Tensor]:
    """The mean of each output (outputs,) of every product."""
    means: dict[fx.Node, Tensor] = {}

    def keep(product: fx.Node, values: Tensor) -> None:
        means[product] = _mean(product, values)

    with torch.no_grad():
        _Observed(exported, {product: partial(keep, product) for product in products}).run(windows)
    return means


def _mean(product: fx.Node, values: Tensor) -> Tensor:
    axis = -1 if product.target is LINEAR else 1  # of a convolution, whose outputs come before places
    return values.movedim(axis, -1).flatten(0, -2).mean(dim=0)


def _correct_biases(exported: fx.GraphModule, means: Mapping[fx.Node, Tensor], windows: Tensor) -> None:
    """Have every product give outputs of these means again, the earlier ones first."""
    run = _Corrected(exported, means)
    with torch.no_grad():
        run.run(windows)
    for product, shift in run.shifts.items():
        given, name = product.args, f"{product.name}_bias_of_int8"
        bias = nn.Parameter(bias_of(exported, product) + shift, requires_grad=False)
        exported.register_parameter(name, bias)
        with exported.graph.inserting_before(product):
            product.args = (*given[:2], exported.graph.get_attr(name), *given[3:])


class _Corrected(fx.Interpreter):
    """Runs a graph whose products are shifted to the means that they should have."""

    def __init__(self, model: fx.GraphModule, means: Mapping[fx.Node, Tensor]) -> None:
        super().__init__(model)
        self._means = means
        self.shifts: dict[fx.Node, Tensor] = {}

    def run_node(self, n: fx.Node) -> Any:
        """The values of one node."""
        values = super().run_node(n)
        if n in self._means:
            shift = self._means[n] - _mean(n, values)
            self.shifts[n] = shift
            values = values + (shift if n.target is LINEAR else shift.view(-1, *[1] * (values.dim() - 2)))
        return values


def _stored_as_int8(exported: fx.GraphModule, node: fx.Node) -> fx.Node:
    """A node with the weights of ``node`` (outputs, ...) made of int8 and of a scale for each output."""
    weights = value_of(exported, node).detach()
    scales = weight_scales(weights).view(-1, *[1] * (weights.dim() - 1))
    graph, names = exported.graph, (f"{node.name}_int8", f"{node.name}_scales")
    for name, tensor in zip(names, ((weights / scales).round().to(torch.int8), scales), strict=True):
        exported.register_buffer(name, tensor)
    with graph.inserting_before(node):
        as_float = graph.call_function(_aten.to.dtype, (graph.get_attr(names[0]), torch.float32))
        return graph.call_function(_aten.mul.Tensor, (as_float, graph.get_attr(names[1])))


def weight_scales(weights: Tensor) -> Tensor:
    """Scales (outputs,) of weights (outputs, ...), symmetric."""
    return weights.abs().flatten(start_dim=1).amax(dim=1).div(HIGHEST).clamp(min=SMALLEST_SCALE)


def affine(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Scales, and the int8 values that stand for 0, of ranges from ``low`` to ``high``, widened to hold 0."""
    low, high = low.clamp(max=0), high.clamp(min=0)
    scales = ((high - low) / (HIGHEST - LOWEST)).clamp(min=SMALLEST_SCALE)
    return scales, (LOWEST - (low / scales).round()).clamp(LOWEST, HIGHEST).to(torch.int32)


def require_torchao() -> None:
    """Have it looked for before anything takes long.

    Raises:
        InputError: it is not installed.
    """
    _torchao()


def _torchao() -> Any:
    """Its observers of values. It loads libraries for other machines too, and tells that it cannot."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module("torchao.quantization.pt2e")
    except ImportError as error:
        raise InputError("int8 needs torchao: pip install 'har[compress]'") from error
    finally:
        logging.disable(disabled)
