"""ResNeXt: residual blocks along time whose branch is a sum of several narrow paths.

Origin: Xie et al. 2017 (Aggregated Residual Transformations, section 3.3), with the sizes of the published DSADS code:
each path has two convolutions, not three; it reads all features, is as wide as its share of them (where there is but
one, as the block's output), and ends at the block's full width in a batch norm of its own. The paths' last convolutions
have no bias, unlike in that code, since this batch norm would take it away.

Cost of a window of 125 x 45, 19 activities: 1,413,971 parameters, 503,772,480 multiply-accumulates.

Letters: N windows, C channels, S = N·C series, T timepoints, U = ⌈T/2⌉ after a stride of 2, F features, K activities.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from har_core.models.layers.options import require_option
from har_core.models.layers.residual import GroupedPaths
from har_core.models.layers.series import ChannelHead, FeatureNorm, SeriesConv, to_series
from har_core.models.registry import register_model


@register_model("resnext")
class ResNeXt(nn.Module):
    """Four blocks of ``num_groups`` paths; widths 1, 2, 4, 8 times ``base_width``."""

    def __init__(
        self, *, num_channels: int, num_timepoints: int, num_classes: int, base_width: int = 64, num_groups: int = 4
    ) -> None:
        super().__init__()
        require_option(base_width >= 1, "base_width", base_width, "a whole number of at least 1")
        is_divisor = num_groups >= 1 and base_width % num_groups == 0
        require_option(is_divisor, "num_groups", num_groups, f"a divisor of base_width, {base_width}")
        widths = [1, base_width, 2 * base_width, 4 * base_width, 8 * base_width]
        blocks = (AggregatedBlock(*pair, num_groups) for pair in pairwise(widths))
        self.body = nn.Sequential(*blocks)
        self.head = ChannelHead(num_features=widths[-1], num_channels=num_channels, num_classes=num_classes)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_STF = to_series(x_NTC)
        x_STF = self.body(x_STF)
        logits_NK: Tensor = self.head(x_STF)
        return logits_NK


class AggregatedBlock(nn.Module):
    """ReLU of the sum of the paths, plus a shortcut conv(3, stride 2)-BN, then ReLU."""

    def __init__(self, in_features: int, out_features: int, num_groups: int) -> None:
        super().__init__()
        self.paths = GroupedPaths(in_features, out_features, kernel_size=3, num_groups=num_groups)
        self.shortcut_conv = SeriesConv(in_features, out_features, stride=2)
        self.shortcut_norm = FeatureNorm(out_features)

    def forward(self, x_STF: Tensor) -> Tensor:
        shortcut_SUF = self.shortcut_norm(self.shortcut_conv(x_STF))
        return torch.relu(self.paths(x_STF) + shortcut_SUF)
