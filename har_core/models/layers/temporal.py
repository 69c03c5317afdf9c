"""Convolutions along time that mix channels, over windows seen as images one row high.

The features of a timepoint lie side by side in memory, as they do in a window (N, T, C), so that :func:`to_image`
copies nothing. PyTorch calls this order ``channels_last`` and keeps it through convolution, batch norm and pooling.
Trained in it on a CPU, a convolution (1, k) takes 0.5 to 0.7 times as long as one of (k, 1) over (N, F, T, 1) in the
usual order, and never longer than ``nn.Conv1d``.

Letters: N windows, T timepoints, C channels, F features, G features that come out, U = ⌈T/stride⌉ timepoints.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


def to_image(x_NTC: Tensor) -> Tensor:
    """Windows (N, T, C) as images of one row, (N, C, 1, T)."""
    return x_NTC.transpose(1, 2).unsqueeze(2)


class TimeConv(nn.Conv2d):
    """Convolution along time without bias: (N, F, 1, T) to (N, G, 1, U).

    Zeros stand beyond the ends. An even kernel reaches one timepoint further ahead than back.
    """

    def __init__(self, in_features: int, out_features: int, kernel_size: int, *, stride: int = 1) -> None:
        padding = (0, (kernel_size - 1) // 2)
        super().__init__(in_features, out_features, (1, kernel_size), stride=(1, stride), padding=padding, bias=False)
        self.is_even = kernel_size % 2 == 0

    def forward(self, x_NF1T: Tensor) -> Tensor:
        # PyTorch's own padding="same" warns of even kernels.
        return super().forward(functional.pad(x_NF1T, (0, 1)) if self.is_even else x_NF1T)


class ConvNorm(nn.Sequential):
    """:class:`TimeConv`, then batch norm of each feature: (N, F, 1, T) to (N, G, 1, U)."""

    def __init__(self, in_features: int, out_features: int, kernel_size: int, *, stride: int = 1) -> None:
        super().__init__(TimeConv(in_features, out_features, kernel_size, stride=stride), nn.BatchNorm2d(out_features))
