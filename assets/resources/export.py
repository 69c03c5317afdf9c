"""Exporting LSTMs to pt2 in a fraction of a second instead of seven.

``torch.export`` asks each operator for the shape of its result. For ``aten.lstm`` PyTorch's answer is a decomposition
in Python that goes through every timepoint and takes seconds, although the exported graph keeps the operator whole.
Here the operator answers with the shape alone. What a model computes is not touched: the round trip of
:mod:`assets.resources.registry` compares every exported model with the one in memory.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor


@contextmanager
def quick_export() -> Iterator[None]:
    """While it is open, ``torch.export`` takes an LSTM as one operator, and does not warn of its weights.

    The warning says of every LSTM that its weights are no buffer; the round trip shows that it is harmless.
    """
    lstm = torch.ops.aten.lstm.input
    before = dict(lstm.py_kernels)
    _replace_kernels(lstm, dict.fromkeys(before, _shape_of_lstm))
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r"The tensor attributes? .*_flat_weights", category=UserWarning)
            yield
    finally:
        _replace_kernels(lstm, before)


def _replace_kernels(operator: torch._ops.OpOverload, kernels: dict[Any, Any]) -> None:
    """PyTorch keeps the Python kernels of an operator in a dictionary, and beside it those that it looked up."""
    operator.py_kernels.clear()
    operator.py_kernels.update(kernels)
    operator._dispatch_cache.clear()  # noqa: SLF001 - there is no public way to override a kernel for a while


def _shape_of_lstm(sequences: Tensor, state: Sequence[Tensor], *settings: object) -> tuple[Tensor, Tensor, Tensor]:
    """Outputs of every timepoint, laid out as the input; last hidden state; last cell state. Of any content."""
    *_, bidirectional, _batch_first = settings
    hidden, cell = state
    size = (*sequences.shape[:2], hidden.shape[2] * (2 if bidirectional else 1))
    return sequences.new_empty(size), torch.empty_like(hidden), torch.empty_like(cell)
