"""SKNet: residual blocks along time that weigh several kernel sizes, anew for each window.

Origin: Li et al. 2019 (Selective Kernel Networks, section 3.1), with the sizes of the published DSADS code: kernels of
3, 5, 7 and 9 taps, with no ReLU before they are weighed; weights by a sigmoid of each, not a softmax over the kernels,
by one layer from the average over time and channels.

Cost of a window of 125 x 45, 19 activities: 6,848,211 parameters, 2,415,964,480 multiply-accumulates.

Letters: N windows, C channels, S = N·C series, T timepoints, U = ⌈T/2⌉ after a stride of 2, F features, B branches, K
activities.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from har_core.models.layers.options import require_option
from har_core.models.layers.residual import Selection
from har_core.models.layers.series import ChannelHead, FeatureNorm, PointwiseConv, SeriesConv, to_series
from har_core.models.registry import register_model


@register_model("sknet")
class SKNet(nn.Module):
    """Four selective blocks of kernels 3, 5, 7 …; widths 1, 2, 4, 8 times ``base_width``."""

    def __init__(
        self, *, num_channels: int, num_timepoints: int, num_classes: int, base_width: int = 64, num_branches: int = 4
    ) -> None:
        super().__init__()
        require_option(base_width >= 1, "base_width", base_width, "a whole number of at least 1")
        require_option(num_branches >= 1, "num_branches", num_branches, "a whole number of at least 1")
        widths = [1, base_width, 2 * base_width, 4 * base_width, 8 * base_width]
        blocks = (SelectiveBlock(*pair, num_branches, num_channels) for pair in pairwise(widths))
        self.body = nn.Sequential(*blocks)
        self.head = ChannelHead(num_features=widths[-1], num_channels=num_channels, num_classes=num_classes)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_STF = to_series(x_NTC)
        x_STF = self.body(x_STF)
        logits_NK: Tensor = self.head(x_STF)
        return logits_NK


class SelectiveBlock(nn.Module):
    """Weighted sum of conv(3, 5, …; stride 2)-BN, then BN-ReLU-conv(1)-BN, plus conv(3, stride 2)-BN, then ReLU."""

    def __init__(self, in_features: int, out_features: int, num_branches: int, num_channels: int) -> None:
        super().__init__()
        kernel_sizes = range(3, 3 + 2 * num_branches, 2)
        self.convs = nn.ModuleList(
            SeriesConv(in_features, out_features, kernel_size=size, stride=2) for size in kernel_sizes
        )
        self.norms = nn.ModuleList(FeatureNorm(out_features) for _ in kernel_sizes)
        self.selection = Selection(out_features, num_branches, num_channels)
        self.norm1 = FeatureNorm(out_features)
        self.conv2 = PointwiseConv(out_features, out_features)
        self.norm2 = FeatureNorm(out_features)
        self.shortcut_conv = SeriesConv(in_features, out_features, stride=2)
        self.shortcut_norm = FeatureNorm(out_features)

    def forward(self, x_STF: Tensor) -> Tensor:
        branches_SUF = [norm(conv(x_STF)) for conv, norm in zip(self.convs, self.norms, strict=True)]
        y_SUF = self.norm1(self.selection(branches_SUF)).relu()
        y_SUF = self.norm2(self.conv2(y_SUF))
        shortcut_SUF = self.shortcut_norm(self.shortcut_conv(x_STF))
        return torch.relu(y_SUF + shortcut_SUF)
