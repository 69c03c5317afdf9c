"""Channels apart: convolutions run along time and never mix channels.

So a window of C channels is C independent series; they are
folded into the batch, and features come last. Every convolution is then one matrix product over rows of contiguous
numbers, which processors do at full speed. A two-dimensional convolution with a kernel of (3, 1) spends most of its
time rearranging memory (docs/results/performance.md). Parameters and results are those of PyTorch's own convolution
and batch norm; a test compares them.

Letters: N windows, C channels, S = N·C series, T timepoints, U = ⌈T/2⌉ timepoints after a stride of 2, F features,
P = 3·F features of a timepoint and its two neighbours, K activities.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


def to_series(x_NTC: Tensor) -> Tensor:
    """Windows (N, T, C) as series with one feature, (S, T, 1)."""
    return x_NTC.transpose(1, 2).flatten(0, 1).unsqueeze(-1)


class HalvingConv(nn.Conv1d):
    """Convolution (3, stride 2, padding 1) along time: (S, T, F) to (S, U, features)."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features, kernel_size=3, stride=2, padding=1)

    def forward(self, x_STF: Tensor) -> Tensor:
        return self.filter(with_neighbours(x_STF))

    def filter(self, x_SUP: Tensor) -> Tensor:
        """The convolution, as one matrix product over the output of :func:`with_neighbours`."""
        weight_P = self.weight.transpose(1, 2).flatten(start_dim=1)
        return functional.linear(x_SUP, weight_P, self.bias)


class PointwiseConv(nn.Conv1d):
    """Convolution (1): the same linear map at every timepoint, (S, T, F) to (S, T, features)."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features, kernel_size=1)

    def forward(self, x_STF: Tensor) -> Tensor:
        return functional.linear(x_STF, self.weight.squeeze(-1), self.bias)


class FeatureNorm(nn.BatchNorm1d):
    """Batch norm of each feature over all windows, timepoints and channels: (S, T, F) to the same shape."""

    def forward(self, x_STF: Tensor) -> Tensor:
        return super().forward(x_STF.flatten(0, 1)).view_as(x_STF)


class ChannelHead(nn.Module):
    """Average over time, keeping the channels, then one linear layer: (S, T, F) to logits (N, K)."""

    def __init__(self, *, num_features: int, num_channels: int, num_classes: int) -> None:
        super().__init__()
        self.num_channels = num_channels
        self.linear = nn.Linear(num_features * num_channels, num_classes)

    def forward(self, x_STF: Tensor) -> Tensor:
        x_SF = x_STF.mean(dim=1)
        x_NCF = x_SF.view(-1, self.num_channels, x_SF.shape[-1])
        logits_NK: Tensor = self.linear(x_NCF.transpose(1, 2).flatten(start_dim=1))
        return logits_NK


def neighbours(x_STF: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Values before, at and after every second timepoint, with zeros beyond the ends: three tensors (S, U, F)."""
    even_SUF, odd_SVF = x_STF[:, 0::2], x_STF[:, 1::2]  # V = ⌊T/2⌋
    num_even, num_odd = even_SUF.shape[1], odd_SVF.shape[1]
    before_SUF = functional.pad(odd_SVF[:, : num_even - 1], (0, 0, 1, 0))
    after_SUF = functional.pad(odd_SVF, (0, 0, 0, num_even - num_odd))
    return before_SUF, even_SUF, after_SUF


def with_neighbours(x_STF: Tensor) -> Tensor:
    """Every second timepoint with the one before and the one after it, with zeros beyond the ends: (S, U, P).

    This is the input of a convolution (3, stride 2, padding 1). Several convolutions of one input can share it.
    """
    gathered_SUP: Tensor = _Neighbours.apply(x_STF)  # type: ignore[no-untyped-call]
    return gathered_SUP


class _Neighbours(torch.autograd.Function):
    """:func:`with_neighbours` with its own derivative: PyTorch's would read and write three times as much memory."""

    @staticmethod
    def forward(ctx: Any, x_STF: Tensor) -> Tensor:
        ctx.num_timepoints = x_STF.shape[1]
        return torch.cat(neighbours(x_STF), dim=-1)

    @staticmethod
    def backward(ctx: Any, grad_SUP: Tensor) -> Tensor:
        before_SUF, even_SUF, after_SUF = grad_SUP.chunk(3, dim=-1)
        grad_STF = grad_SUP.new_empty(len(grad_SUP), ctx.num_timepoints, even_SUF.shape[-1])
        grad_STF[:, 0::2] = even_SUF
        odd_SVF, num_before = grad_STF[:, 1::2], even_SUF.shape[1] - 1
        torch.add(after_SUF[:, :num_before], before_SUF[:, 1:], out=odd_SVF[:, :num_before])
        odd_SVF[:, num_before:] = after_SUF[:, num_before : odd_SVF.shape[1]]
        return grad_STF
