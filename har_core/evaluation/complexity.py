"""What a model costs whatever the machine: parameters, multiply-accumulates, bytes."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode, flop_registry
from torch.utils.weak import WeakIdKeyDictionary

import har_core.inference.exporting  # noqa: F401 - gives operators their shapes on the meta device

_BITS = torch.uint8
"""Eight weights of one bit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complexity:
    """Costs of one window."""

    num_parameters: int
    """Learnt numbers: the parameters of a network, its int8 weights, and its weights of one bit, in whole bytes; of a
    classical model what its fit put into buffers."""
    macs: int
    """Multiply-accumulates of one window; :func:`measure_complexity` says which count."""
    size_bytes: int
    """Bytes of all parameters and buffers in memory."""
    mean_macs: float | None = None
    """Mean multiply-accumulates of the given windows, each computed up to the exit that answers it.

    None without :class:`EarlyExits` or windows; then every window costs the same.
    """
    num_nonzero: int | None = None
    """Learnt numbers that are not zero, and weights of one bit never are; None if it was not counted."""


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
    norms of PyTorch's own, activations and pooling do not count. Nor do the steps down a tree, which are comparisons,
    and what comes of weights alone, as making float32 of int8 weights does.

    A model without parameters is a classical one: what it has learnt is in its buffers, but for the non-persistent
    ones, which follow from the shape of a window.

    It all happens on the meta device: no arithmetic is done, and an LSTM shows its matrix products, which on a CPU one
    fused operation hides from the counter. ``model`` itself stays as it is.
    """
    on_meta = copy.deepcopy(model).to("meta").eval()
    tensors, learnt = [*model.parameters(), *model.buffers()], _learnt(model)
    return Complexity(
        num_parameters=sum(map(_num_numbers, learnt)),
        macs=_macs(on_meta, num_timepoints, num_channels),
        size_bytes=sum(tensor.numel() * tensor.element_size() for tensor in tensors),
        mean_macs=_mean_macs(model, on_meta, num_timepoints, num_channels, batches),
        num_nonzero=None if any(tensor.is_meta for tensor in learnt) else sum(map(_num_nonzero, learnt)),
    )


def _learnt(model: nn.Module) -> list[Tensor]:
    compressed = [buffer for buffer in model.buffers() if buffer.dtype in {torch.int8, _BITS}]
    return [*model.parameters(), *compressed] or [*model.state_dict().values()]


def _num_numbers(tensor: Tensor) -> int:
    return tensor.numel() * (8 if tensor.dtype == _BITS else 1)


def _num_nonzero(tensor: Tensor) -> int:
    return _num_numbers(tensor) if tensor.dtype == _BITS else int(tensor.count_nonzero())


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
    window = torch.empty(1, num_timepoints, num_channels, device="meta")
    following = _Following(window)
    formulas = {operator: following.counted(formula) for operator, formula in (flop_registry | _ELEMENT_WISE).items()}
    counter = FlopCounterMode(display=False, custom_mapping=formulas)
    with torch.inference_mode(), following, counter:
        answer(window)
    return counter.get_total_flops() // 2


class _Following(TorchDispatchMode):  # type: ignore[no-untyped-call] # of its base, which has no types
    """While it is open, it knows which tensors depend on a window, and all are made where that is.

    What is made of nothing counts as if it did: the first states of recurrent layers are as many as the windows. An
    exported graph would make it on the device that it was exported on.
    """

    def __init__(self, window: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._dependent = WeakIdKeyDictionary({window: True})
        self._device = window.device

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs | ({"device": self._device} if "device" in kwargs else {}))
        is_made_of_nothing = not any(isinstance(leaf, Tensor) for leaf in tree_leaves((args, kwargs)))
        if is_made_of_nothing or self._has_dependent((args, kwargs)):
            self._dependent.update((leaf, True) for leaf in tree_leaves(result) if isinstance(leaf, Tensor))
        return result

    def counted(self, formula: Callable[..., int]) -> Callable[..., int]:
        """``formula`` of an operator's arguments and result, and 0 where the result comes of weights alone."""

        def flops(*args: Any, out_val: Any, **kwargs: Any) -> int:
            return formula(*args, out_val=out_val, **kwargs) if self._has_dependent(out_val) else 0

        flops._get_raw = True  # type: ignore[attr-defined] # noqa: SLF001 - so it gets tensors, not their shapes
        return flops

    def _has_dependent(self, values: object) -> bool:
        return any(isinstance(leaf, Tensor) and leaf in self._dependent for leaf in tree_leaves(values))


def _flops_of_product(*operands: Any, out_val: Tensor, **_: Any) -> int:
    """For ``left * right`` and ``sum + left * right``; each is a tensor or a number."""
    shapes = [operand.shape for operand in operands[-2:] if isinstance(operand, Tensor)]
    is_filter = len(shapes) == 2 and shapes[0] != shapes[1]  # noqa: PLR2004
    return 2 * out_val.numel() if is_filter else 0


_ELEMENT_WISE: dict[Any, Callable[..., int]] = dict.fromkeys(
    (torch.ops.aten.mul, torch.ops.aten.mul_, torch.ops.aten.addcmul, torch.ops.aten.addcmul_), _flops_of_product
)
