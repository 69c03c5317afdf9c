"""ResNeSt: residual blocks along time that weigh several kernel sizes, each a sum of narrow paths.

Origin: Zhang et al. 2020 (ResNeSt: Split-Attention Networks, section 3.1), with the sizes of the published DSADS code,
which joins ResNeXt's paths with SKNet's choice: branches of 3, 5, 7 and 9 taps with two paths each, weighed by a
sigmoid of each, not a softmax over the branches. The paths are those of ``resnext``. Their last convolutions have no
bias, unlike in that code, since their batch norm would take it away.

Cost of a window of 125 x 45, 19 activities: 5,164,051 parameters, 1,675,850,560 multiply-accumulates.

Letters: N windows, C channels, S = N·C series, T timepoints, U = ⌈T/2⌉ after a stride of 2, F features, B branches, K
activities.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from har_core.models.layers.options import require_option
from har_core.models.layers.residual import GroupedPaths, Selection
from har_core.models.layers.series import ChannelHead, FeatureNorm, SeriesConv, to_series
from har_core.models.registry import register_model


@register_model("resnest")
class ResNeSt(nn.Module):
    """Four blocks of branches with kernels 3, 5, 7 …; widths 1, 2, 4, 8 times ``base_width``."""

    def __init__(
        self,
        *,
        num_channels: int,
        num_timepoints: int,
        num_classes: int,
        base_width: int = 64,
        num_groups: int = 2,
        num_branches: int = 4,
    ) -> None:
        super().__init__()
        require_option(base_width >= 1, "base_width", base_width, "a whole number of at least 1")
        is_divisor = num_groups >= 1 and base_width % num_groups == 0
        require_option(is_divisor, "num_groups", num_groups, f"a divisor of base_width, {base_width}")
        require_option(num_branches >= 1, "num_branches", num_branches, "a whole number of at least 1")
        widths = [1, base_width, 2 * base_width, 4 * base_width, 8 * base_width]
        blocks = (SplitAttentionBlock(*pair, num_groups, num_branches, num_channels) for pair in pairwise(widths))
        self.body = nn.Sequential(*blocks)
        self.head = ChannelHead(num_features=widths[-1], num_channels=num_channels, num_classes=num_classes)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_STF = to_series(x_NTC)
        x_STF = self.body(x_STF)
        logits_NK: Tensor = self.head(x_STF)
        return logits_NK


class SplitAttentionBlock(nn.Module):
    """Weighted sum of branches of grouped paths, plus a shortcut conv(3, stride 2)-BN, then ReLU."""

    def __init__(
        self, in_features: int, out_features: int, num_groups: int, num_branches: int, num_channels: int
    ) -> None:
        super().__init__()
        kernel_sizes = range(3, 3 + 2 * num_branches, 2)
        self.branches = nn.ModuleList(
            GroupedPaths(in_features, out_features, kernel_size=size, num_groups=num_groups) for size in kernel_sizes
        )
        self.selection = Selection(out_features, num_branches, num_channels)
        self.shortcut_conv = SeriesConv(in_features, out_features, stride=2)
        self.shortcut_norm = FeatureNorm(out_features)

    def forward(self, x_STF: Tensor) -> Tensor:
        selected_SUF = self.selection([branch(x_STF) for branch in self.branches])
        shortcut_SUF = self.shortcut_norm(self.shortcut_conv(x_STF))
        return torch.relu(selected_SUF + shortcut_SUF)
