"""What ``torch.export`` is told of operators, so that it is quick and knows the shapes of their results."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

_RECURRENT = (torch.ops.aten.lstm.input, torch.ops.aten.gru.input, torch.ops.aten.rnn_tanh.input)


@contextmanager
def quick_export() -> Iterator[None]:
    """While it is open, ``torch.export`` takes recurrent layers as one operator, and does not warn of their weights.

    It asks each operator for the shape of its result. For ``aten.lstm`` and its like PyTorch's answer is a
    decomposition in Python that goes through every timepoint and takes seven seconds, although the exported graph keeps
    the operator whole. Here the operator answers with the shape alone; what a model computes is not touched. The
    warning says of all recurrent layers that their weights are no buffer. The round trip shows that both are harmless.
    """
    before = {operator: dict(operator.py_kernels) for operator in _RECURRENT}
    for operator, kernels in before.items():
        _replace_kernels(operator, dict.fromkeys(kernels, _shape_of_recurrent))
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r"The tensor attributes? .*_flat_weights", category=UserWarning)
            yield
    finally:
        for operator, kernels in before.items():
            _replace_kernels(operator, kernels)


def _replace_kernels(operator: torch._ops.OpOverload, kernels: dict[Any, Any]) -> None:
    """PyTorch keeps the Python kernels of an operator in a dictionary, and beside it those that it looked up."""
    operator.py_kernels.clear()
    operator.py_kernels.update(kernels)
    operator._dispatch_cache.clear()  # noqa: SLF001 - there is no public way to override a kernel for a while


def _shape_of_recurrent(sequences: Tensor, state: Tensor | Sequence[Tensor], *settings: object) -> tuple[Tensor, ...]:
    """Outputs of every timepoint, laid out as the input; last states, hidden and of an LSTM cell. Of any content."""
    *_, bidirectional, _batch_first = settings
    states = [state] if isinstance(state, Tensor) else state
    size = (*sequences.shape[:2], states[0].shape[2] * (2 if bidirectional else 1))
    return sequences.new_empty(size), *map(torch.empty_like, states)


def _shape_of_fake_quantised(values: Tensor, *_: object) -> tuple[Tensor, Tensor]:
    return torch.empty_like(values), torch.empty_like(values, dtype=torch.bool)


for _granularity in ("tensor", "channel"):  # PyTorch has no answer of its own for these
    torch.library.register_fake(f"aten::fake_quantize_per_{_granularity}_affine_cachemask", _shape_of_fake_quantised)
