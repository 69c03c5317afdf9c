"""What a model costs whatever the machine: parameters, multiply-accumulates, bytes."""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True, slots=True, kw_only=True)
class Complexity:
    """Costs of one window."""

    num_parameters: int
    """Learnt numbers: the parameters of a network, and its int8 weights; of a classical model what its fit put into
    buffers."""
    macs: int
    """Multiply-accumulates of one window; :func:`measure_complexity` says which count."""
    size_bytes: int
    """Bytes of all parameters and buffers in memory."""
    mean_macs: float | None = None
    """Mean multiply-accumulates of the given windows, each computed up to the exit that answers it.

    None without :class:`EarlyExits` or windows; then every window costs the same.
    """
    num_nonzero: int | None = None
    """Learnt numbers that are not zero; None if it was not counted."""


@runtime_checkable
class EarlyExits(Protocol):
    """A network that may answer a window before it has computed everything. Exits are counted from 0."""

    def exits_taken(self, windows: Tensor, /) -> Tensor:
        """The exit that answers each of the windows (N, T, C): int64 (N,)."""

    def up_to_exit(self, windows: Tensor, /, number: int) -> Tensor:
        """Logits (N, K) of an exit, with all that is computed for windows which leave there, and no more."""


def measure_complexity(
    model: nn.Module, num_timepoints: int, num_channels: int, batches: Iterable[Tensor] = ()
) -> Complexity:
    """Count the parameters, multiply-accumulates and bytes of ``model`` for one window (1, T, C).

    ``batches`` (N, T, C) of windows are only looked at for the mean cost of a network with early exits, which is then
    on the CPU and in evaluation.

    Counted are convolutions and matrix products, as PyTorch's own counter sees them dispatched (two floating-point
    operations are one multiply-accumulate), and element-wise products with a smaller, broadcast tensor: a depthwise
    convolution written as shifted products is such a one. Products of equal shapes (the gates of an LSTM), sums,
    norms of PyTorch's own, activations and pooling do not count. Nor do the steps down a tree, which are comparisons.

    A model without parameters is a classical one: what it has learnt is in its buffers, but for the non-persistent
    ones, which follow from the shape of a window.

    It all happens on the meta device: no arithmetic is done, and an LSTM shows its matrix products, which on a CPU one
    fused operation hides from the counter. ``model`` itself stays as it is.
    """
    on_meta = copy.deepcopy(model).to("meta").eval()
    tensors, learnt = [*model.parameters(), *model.buffers()], _learnt(model)
    return Complexity(
        num_parameters=sum(tensor.numel() for tensor in learnt),
        macs=_macs(on_meta, num_timepoints, num_channels),
        size_bytes=sum(tensor.numel() * tensor.element_size() for tensor in tensors),
        mean_macs=_mean_macs(model, on_meta, num_timepoints, num_channels, batches),
        num_nonzero=sum(int(tensor.count_nonzero()) for tensor in learnt),
    )


def _learnt(model: nn.Module) -> list[Tensor]:
    of_int8 = [buffer for buffer in model.buffers() if buffer.dtype == torch.int8]
    return [*model.parameters(), *of_int8] or [*model.state_dict().values()]


def _mean_macs(
    model: nn.Module, on_meta: nn.Module, num_timepoints: int, num_channels: int, batches: Iterable[Tensor]
) -> float | None:
    if not (isinstance(model, EarlyExits) and isinstance(on_meta, EarlyExits)):
        return None
    with torch.inference_mode():
        exits_taken = Counter(number for windows in batches for number in model.exits_taken(windows).tolist())
    if not exits_taken:
        return None
    total = 0
    for number, count in exits_taken.items():
        total += count * _macs(partial(on_meta.up_to_exit, number=number), num_timepoints, num_channels)
    return total / exits_taken.total()


def _macs(answer: Callable[[Tensor], object], num_timepoints: int, num_channels: int) -> int:
    """Multiply-accumulates of what ``answer`` does with one window on the meta device."""
    counter = FlopCounterMode(display=False, custom_mapping=_ELEMENT_WISE)
    with torch.inference_mode(), counter:
        answer(torch.empty(1, num_timepoints, num_channels, device="meta"))
    return counter.get_total_flops() // 2


def _flops_of_product(*operands: Any, out_shape: Any = None, **_: Any) -> int:
    """For ``left * right`` and ``sum + left * right``; each is a shape, or a number where no tensor stands."""
    shapes = [tuple(shape) for shape in operands[-2:] if isinstance(shape, torch.Size | tuple | list)]
    is_filter = len(shapes) == 2 and shapes[0] != shapes[1]  # noqa: PLR2004
    return 2 * math.prod(out_shape) if is_filter else 0


_ELEMENT_WISE: dict[Any, Callable[..., int]] = dict.fromkeys(
    (torch.ops.aten.mul, torch.ops.aten.mul_, torch.ops.aten.addcmul, torch.ops.aten.addcmul_), _flops_of_product
)
