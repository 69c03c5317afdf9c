"""Channels apart: convolutions run along time and never mix channels.

So a window of C channels is C independent series; they are folded into the batch, and features come last. Every
convolution is then one matrix product over rows of contiguous numbers, which processors do at full speed. A
two-dimensional convolution with a kernel of (3, 1) spends most of its time rearranging memory
(docs/results/performance.md). Parameters and results are those of PyTorch's own convolution and batch norm; a test
compares them.

Letters: N windows, C channels, S = N·C series, T timepoints, U = ⌈T/2⌉ timepoints after a stride of 2, F features,
P = 3·F features of a timepoint and its two neighbours, K activities.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional


def to_series(x_NTC: Tensor) -> Tensor:
    """Windows (N, T, C) as series with one feature, (S, T, 1)."""
    return x_NTC.transpose(1, 2).flatten(0, 1).unsqueeze(-1)


class SeriesConv(nn.Conv1d):
    """Convolution along time, with zeros beyond the ends: (S, T, F) to (S, ⌈T/stride⌉, features).

    The taps of the odd ``kernel_size`` are ``dilation`` timepoints apart. To PyTorch, series with their features last
    are images of one row in the channels-last format. Its convolution of those is as fast as a matrix product, and
    gathers no neighbours in memory.
    """

    def __init__(
        self, in_features: int, out_features: int, *, kernel_size: int = 3, stride: int = 1, dilation: int = 1
    ) -> None:
        reach = dilation * (kernel_size - 1) // 2
        super().__init__(in_features, out_features, kernel_size, stride=stride, padding=reach, dilation=dilation)

    def forward(self, x_STF: Tensor) -> Tensor:
        stride, padding, dilation = (1, *self.stride), (0, *cast("tuple[int]", self.padding)), (1, *self.dilation)
        image_SF1T, weight = x_STF.transpose(1, 2).unsqueeze(2), self.weight.unsqueeze(2)
        y_SF1U = functional.conv2d(image_SF1T, weight, self.bias, stride, padding, dilation)
        return y_SF1U.squeeze(2).transpose(1, 2)


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


class DepthwiseHalvingConv(nn.Conv1d):
    """Convolution (3, stride 2, padding 1) of each feature by itself: (S, T, F) to (S, U, F)."""

    def __init__(self, num_features: int) -> None:
        super().__init__(num_features, num_features, kernel_size=3, stride=2, padding=1, groups=num_features)

    def forward(self, x_STF: Tensor) -> Tensor:
        return depthwise(x_STF, *self.weights(x_STF.dtype))

    def weights(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Weights (3, F) of the timepoint before, this one, and the one after; biases (F,)."""
        return self.weight.squeeze(1).t().to(dtype), cast("Tensor", self.bias).to(dtype)


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


def depthwise(x_STF: Tensor, weight_3F: Tensor, bias_F: Tensor) -> Tensor:
    """Depthwise convolution (3, stride 2, padding 1): (S, T, F) to (S, U, F)."""
    y_SUF: Tensor = _Depthwise.apply(x_STF, weight_3F, bias_F)  # type: ignore[no-untyped-call]
    return y_SUF


class _Depthwise(torch.autograd.Function):
    """Three shifted multiply-adds with their derivative: faster than a convolution with F groups."""

    @staticmethod
    def forward(ctx: Any, x_STF: Tensor, weight_3F: Tensor, bias_F: Tensor) -> Tensor:
        ctx.save_for_backward(x_STF, weight_3F)
        before_SUF, here_SUF, after_SUF = neighbours(x_STF)
        before_F, here_F, after_F = weight_3F
        # Pad with zeros rather than write a part in place: for that an exported graph would copy the whole tensor.
        y_SUF = torch.addcmul(bias_F, here_SUF, here_F)
        y_SUF = torch.addcmul(y_SUF, before_SUF, before_F)
        return torch.addcmul(y_SUF, after_SUF, after_F)

    @staticmethod
    def backward(ctx: Any, grad_SUF: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x_STF, weight_3F = ctx.saved_tensors
        x_SUF, x_SVF = x_STF[:, 0::2], x_STF[:, 1::2]
        grad_before, grad_after = grad_SUF[:, 1:], grad_SUF[:, : x_SVF.shape[1]]
        x_before = x_SVF[:, : grad_before.shape[1]]
        before_F, here_F, after_F = weight_3F
        grad_STF = torch.empty_like(x_STF)
        torch.mul(grad_SUF, here_F, out=grad_STF[:, 0::2])
        torch.mul(grad_after, after_F, out=grad_STF[:, 1::2])
        grad_STF[:, 1::2][:, : grad_before.shape[1]].addcmul_(grad_before, before_F)
        products = (grad_before * x_before, grad_SUF * x_SUF, grad_after * x_SVF)
        grad_weight_3F = torch.stack([product.sum((0, 1)) for product in products])
        return grad_STF, grad_weight_3F, grad_SUF.sum((0, 1))
