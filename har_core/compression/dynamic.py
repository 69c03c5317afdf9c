"""Int8 for recurrent networks, without calibration: weights in 8 bits, ranges of values found anew in each answer.

Method: dynamic quantisation, as PyTorch's ``quantize_dynamic`` does it to recurrent networks. Weights of all products
are int8, symmetric and by output, as :mod:`har_core.compression.int8` makes them. Values become int8 where a linear
layer takes them, affine, with a range of their own for each vector that is multiplied, so that no window depends on
those beside it. Values within recurrent layers stay float32, since PyTorch has the layer as one operator, and so do
those that convolutions take.

What it costs: the file and the weights in memory shrink to about a quarter. Nothing becomes faster: PyTorch makes
float32 of the weights in each answer and multiplies those.
"""

from __future__ import annotations

import torch
from torch import Tensor

from har_core.base.errors import InputError
from har_core.compression.int8 import HIGHEST, LOWEST, affine, quantise
from har_core.compression.products import LINEAR, RECURRENT, weights_of
from har_core.compression.recipe import Compressed, Material, Parent
from har_core.settings.recipes import DynamicSettings


def compress(settings: DynamicSettings, parent: Parent, material: Material) -> Compressed:  # noqa: ARG001 - one form
    """Quantise ``parent``, which has recurrent layers.

    Raises:
        InputError: torchao is not installed, or no layer is recurrent.
    """
    model = quantise(parent.model, material.training_sample(1), with_values=False)
    if all(node.target not in RECURRENT for node in model.graph.nodes):
        raise InputError(f"{parent.name} has no recurrent layers: int8 measures ranges once, which is better there")
    for node in model.graph.find_nodes(op="call_function", target=LINEAR):
        if weights_of(node):
            with model.graph.inserting_before(node):
                rounded = model.graph.call_function(as_int8, (node.args[0],))
            node.replace_input_with(node.args[0], rounded)
    model.recompile()
    return Compressed(classifier=model)


def as_int8(values: Tensor) -> Tensor:
    """``values`` (..., F) rounded to 256 levels, which span each vector (F,) and 0."""
    vectors = values.flatten(end_dim=-2)
    scales, zeros = affine(vectors.amin(dim=1), vectors.amax(dim=1))
    return torch.fake_quantize_per_channel_affine(vectors, scales, zeros, 0, LOWEST, HIGHEST).view_as(values)
