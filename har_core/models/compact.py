"""Compact: a small network of separable convolutions along time that mixes channels from the first layer on.

Origin: ours, from known parts: depthwise separable convolutions (A. Howard et al., "MobileNets", 2017; here without the
ReLU between the two), the sum around a block (K. He et al., "Deep residual learning", 2016), mean and maximum over time
(S. Woo et al., "CBAM", 2018, whose attention over channels adds up what it makes of both; here they stand side by
side). It is small because the first layer mixes all channels: `resnet` keeps 512 features of each channel for its last
layer, this one 256 in all.

Cost of a window of 125 x 45, 19 activities: 56,947 parameters, 1,595,584 multiply-accumulates.

Letters: N windows, T timepoints, C channels, U timepoints after a stride, F features, K activities.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from har_core.models.layers.options import require_option
from har_core.models.registry import register_model

_NUM_HALVING = 2
"""Blocks that halve time, after the first layer, which does so too."""


@register_model("compact")
class Compact(nn.Module):
    """A convolution over all channels, separable blocks of which the first two halve time, mean and maximum over time.

    ``depth`` is the number of blocks, ``kernel_size`` that of all filters along time, ``width`` the features of the
    first layer; blocks have up to twice as many.
    """

    def __init__(
        self,
        *,
        num_channels: int,
        num_timepoints: int,
        num_classes: int,
        width: int = 64,
        depth: int = 3,
        kernel_size: int = 5,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        require_option(width > 0 and width % 2 == 0, "width", width, "an even number of at least 2")
        require_option(depth >= 1, "depth", depth, "a whole number of at least 1")
        require_option(kernel_size > 0 and kernel_size % 2 == 1, "kernel_size", kernel_size, "an odd number")
        require_option(0 <= dropout < 1, "dropout", dropout, "a share from 0 to below 1")
        widths = [width, width * 3 // 2, *[2 * width] * depth][: depth + 1]
        self.stem = nn.Sequential(
            nn.Conv1d(num_channels, width, kernel_size, stride=2, padding=kernel_size // 2, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
        )
        self.body = nn.Sequential(
            *(
                SeparableBlock(widths[i], widths[i + 1], kernel_size, stride=2 if i < _NUM_HALVING else 1)
                for i in range(depth)
            )
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * widths[-1], num_classes)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_NFT = self.stem(x_NTC.transpose(1, 2))
        x_NFU = self.body(x_NFT)
        x_NF = torch.cat([x_NFU.mean(dim=-1), x_NFU.amax(dim=-1)], dim=-1)
        logits_NK: Tensor = self.head(self.dropout(x_NF))
        return logits_NK


class SeparableBlock(nn.Module):
    """Filter each feature along time, then mix the features; add the input if the shapes agree."""

    def __init__(self, in_features: int, out_features: int, kernel_size: int, *, stride: int) -> None:
        super().__init__()
        self.filters = nn.Sequential(
            nn.Conv1d(
                in_features,
                in_features,
                kernel_size,
                stride=stride,
                padding=kernel_size // 2,
                groups=in_features,
                bias=False,
            ),
            nn.BatchNorm1d(in_features),
            nn.Conv1d(in_features, out_features, 1, bias=False),
            nn.BatchNorm1d(out_features),
        )
        self.is_residual = stride == 1 and in_features == out_features

    def forward(self, x_NFT: Tensor) -> Tensor:
        y_NFU: Tensor = self.filters(x_NFT)
        return (x_NFT + y_NFU if self.is_residual else y_NFU).relu()
