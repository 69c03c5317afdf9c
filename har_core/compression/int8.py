"""Int8: weights and the values that they meet in 8 bits, after training, with ranges measured on training windows.

Method: static quantisation (B. Jacob et al., "Quantization and training of neural networks for efficient
integer-arithmetic-only inference", CVPR 2018), weights symmetric and by output, values affine and by tensor, their
ranges by histogram. torchao prepares and converts the graph; here stands what is quantised: every product of windows
with weights. Of recurrent layers these are the weights alone, since PyTorch has the layer as one operator.

The result holds int8 weights and PyTorch's own operators: PyTorch computes what an integer engine would, in float32 and
no faster; OpenVINO takes it for int8, and computes it so.
"""

from __future__ import annotations

import importlib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, fx, nn

from har_core.base.errors import InputError
from har_core.compression.recipe import Compressed, Material, Parent
from har_core.settings.recipes import Int8Settings

_aten = torch.ops.aten
_PRODUCTS = {_aten.linear.default, _aten.conv1d.default, _aten.conv2d.default}
_RECURRENT = {_aten.lstm.input, _aten.gru.input, _aten.rnn_tanh.input}
_WEIGHTS_OF_RECURRENT = 2
"""Which argument they are."""
_BATCH_SIZE = 64
_SMALLEST_SCALE = 2**-24


def compress(settings: Int8Settings, parent: Parent, material: Material) -> Compressed:
    """Quantise ``parent``, whatever it is made of.

    Raises:
        InputError: torchao is not installed, or there is nothing to quantise.
    """
    windows = material.training_sample(settings.windows_per_activity)
    return Compressed(classifier=quantise(parent.model, windows))


def quantise(model: nn.Module, windows: Tensor) -> nn.Module:
    """A copy of ``model``, raw windows (N, T, C) to probabilities, with int8 products.

    Args:
        model: on the CPU.
        windows: (N, T, C) like those to come, at least two, on which ranges are measured.

    Raises:
        InputError: torchao is not installed, or no product of the model has weights of its own.
    """
    with _torchao() as pt2e, torch.no_grad():
        exported = torch.export.export(
            model.eval(), (windows[:2],), dynamic_shapes=({0: torch.export.Dim("N")},)
        ).module()
        quantizer = _quantizer(pt2e)
        prepared = pt2e.quantize_pt2e.prepare_pt2e(exported, quantizer)
        if not quantizer.num_annotated:
            raise InputError("there is nothing to quantise: no product with weights of its own")
        for batch in torch.split(windows, _BATCH_SIZE):
            prepared(batch)
        return _with_own_operators(pt2e.quantize_pt2e.convert_pt2e(prepared))


def _quantizer(pt2e: Any) -> Any:
    """What tells torchao where to quantise: the input and the weights of every product."""
    spec, annotation = pt2e.quantizer.QuantizationSpec, pt2e.quantizer.QuantizationAnnotation
    values = spec(
        dtype=torch.int8,
        quant_min=-128,
        quant_max=127,
        qscheme=torch.per_tensor_affine,
        observer_or_fake_quant_ctr=pt2e.HistogramObserver.with_args(eps=_SMALLEST_SCALE),
    )
    weights = spec(
        dtype=torch.int8,
        quant_min=-127,
        quant_max=127,
        qscheme=torch.per_channel_symmetric,
        ch_axis=0,
        observer_or_fake_quant_ctr=pt2e.PerChannelMinMaxObserver.with_args(eps=_SMALLEST_SCALE),
    )

    class Products(pt2e.quantizer.Quantizer):  # type: ignore[misc] # the package may be absent
        num_annotated = 0

        def annotate(self, model: fx.GraphModule) -> fx.GraphModule:
            for node in model.graph.nodes:
                specs = dict.fromkeys(_weights_of(node), weights)
                if node.target in _PRODUCTS and specs:
                    specs[node.args[0]] = values
                if specs:
                    node.meta["quantization_annotation"] = annotation(input_qspec_map=specs, _annotated=True)
                    self.num_annotated += 1
            return model

        def validate(self, model: fx.GraphModule) -> None:
            """Nothing can be wrong."""

    return Products()


def _weights_of(node: fx.Node) -> Iterator[fx.Node]:
    """The matrices and filters that a product multiplies with, if they are the same for every window."""
    args: Any = node.args
    if node.target in _PRODUCTS:
        given = [args[1]]
    elif node.target in _RECURRENT:
        given = [matrix for matrix in args[_WEIGHTS_OF_RECURRENT] if matrix.meta["val"].dim() > 1]
    else:
        return
    yield from filter(_is_constant, given)


def _is_constant(node: fx.Node) -> bool:
    return node.op == "get_attr" or (node.op == "call_function" and all(map(_is_constant, node.all_input_nodes)))


def _with_own_operators(model: fx.GraphModule) -> fx.GraphModule:
    """The same with PyTorch's own operators in place of those of quantisation, without the weights of before."""
    quantised, graph = torch.ops.quantized_decomposed, model.graph
    for node in [*graph.nodes]:
        args: Any = node.args
        with graph.inserting_before(node):
            if node.target is quantised.dequantize_per_tensor.default:
                values, scale, zero_point, low, high, _ = args[0].args
                own = graph.call_function(
                    _aten.fake_quantize_per_tensor_affine.default, (values, scale, zero_point, low, high)
                )
            elif node.target is quantised.dequantize_per_channel.default:
                weights, scales, _, axis, *_ = args
                shape = [1] * getattr(model, weights.target).dim()
                shape[axis] = -1
                as_float = graph.call_function(_aten.to.dtype, (weights, torch.float32))
                own = graph.call_function(
                    _aten.mul.Tensor, (as_float, graph.call_function(_aten.view.default, (scales, shape)))
                )
            else:
                continue
        node.replace_all_uses_with(own)
    _take_and_give_tensors(graph)
    graph.eliminate_dead_code()
    return fx.GraphModule(model, graph)  # with what the graph uses alone


def _take_and_give_tensors(graph: fx.Graph) -> None:
    """Without what ``torch.export`` puts around a graph: flattened arguments, a list of results, guards of sizes."""
    for node in [*graph.nodes]:
        if node.op == "call_module":
            graph.erase_node(node)
    output: Any = graph.output_node()
    output.args = (output.args[0][0],)
    graph.set_codegen(fx.graph.CodeGen())


@contextmanager
def _torchao() -> Iterator[Any]:
    """The part of torchao that is needed, which loads libraries for other machines and warns that it cannot."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                pt2e, *_ = (
                    importlib.import_module(f"torchao.quantization.pt2e{part}")
                    for part in ("", ".quantize_pt2e", ".quantizer")
                )
            except ImportError as error:
                raise InputError("int8 needs torchao: pip install 'har[compress]'") from error
            yield pt2e
    finally:
        logging.disable(disabled)


@torch.library.register_fake("aten::fake_quantize_per_tensor_affine_cachemask")  # type: ignore[untyped-decorator]
def _shape_of_fake_quantized(values: Tensor, *_: object) -> tuple[Tensor, Tensor]:
    """PyTorch has no answer of its own to what ``torch.export`` asks."""
    return torch.empty_like(values), torch.empty_like(values, dtype=torch.bool)
