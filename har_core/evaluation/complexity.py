"""What a model costs whatever the machine: parameters, multiply-accumulates, bytes."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True, slots=True, kw_only=True)
class Complexity:
    """Costs of one window."""

    num_parameters: int
    """Learnt numbers: the parameters of a network; of a classical model what its fit put into buffers."""
    macs: int
    """Multiply-accumulates of one window; :func:`measure_complexity` says which count."""
    size_bytes: int
    """Bytes of all parameters and buffers in memory."""


def measure_complexity(model: nn.Module, num_timepoints: int, num_channels: int) -> Complexity:
    """Count the parameters, multiply-accumulates and bytes of ``model`` for one window (1, T, C).

    Counted are convolutions and matrix products, as PyTorch's own counter sees them dispatched (two floating-point
    operations are one multiply-accumulate), and element-wise products with a smaller, broadcast tensor: a depthwise
    convolution written as shifted products is such a one. Products of equal shapes (the gates of an LSTM), sums,
    norms of PyTorch's own, activations and pooling do not count. Nor do the steps down a tree, which are comparisons.

    A model without parameters is a classical one: what it has learnt is in its buffers, but for the non-persistent
    ones, which follow from the shape of a window.

    It all happens on the meta device: no arithmetic is done, and an LSTM shows its matrix products, which on a CPU one
    fused operation hides from the counter. ``model`` itself stays as it is.
    """
    model_on_meta = copy.deepcopy(model).to("meta").eval()
    window = torch.empty(1, num_timepoints, num_channels, device="meta")
    counter = FlopCounterMode(display=False, custom_mapping=_ELEMENT_WISE)
    with torch.inference_mode(), counter:
        model_on_meta(window)
    tensors = [*model.parameters(), *model.buffers()]
    return Complexity(
        num_parameters=sum(tensor.numel() for tensor in [*model.parameters()] or model.state_dict().values()),
        macs=counter.get_total_flops() // 2,
        size_bytes=sum(tensor.numel() * tensor.element_size() for tensor in tensors),
    )


def _flops_of_product(*operands: Any, out_shape: Any = None, **_: Any) -> int:
    """For ``left * right`` and ``sum + left * right``; each is a shape, or a number where no tensor stands."""
    shapes = [tuple(shape) for shape in operands[-2:] if isinstance(shape, torch.Size | tuple | list)]
    is_filter = len(shapes) == 2 and shapes[0] != shapes[1]  # noqa: PLR2004
    return 2 * math.prod(out_shape) if is_filter else 0


_ELEMENT_WISE: dict[Any, Callable[..., int]] = dict.fromkeys(
    (torch.ops.aten.mul, torch.ops.aten.mul_, torch.ops.aten.addcmul, torch.ops.aten.addcmul_), _flops_of_product
)
