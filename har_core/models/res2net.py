"""Res2Net: residual blocks along time in which each scale looks at the one before it.

Origin: Gao et al. 2019 (Res2Net, section 3.1), with the sizes of the published DSADS code: features are not split among
the scales, each has all of them; the first scale has a convolution too; each further one reads the ReLU of the scales'
input plus the scale before.

Cost of a window of 125 x 45, 19 activities: 7,061,075 parameters, 3,325,184,640 multiply-accumulates.

Letters: N windows, C channels, S = N·C series, T timepoints, U = ⌈T/2⌉ after a stride of 2, F features, K activities.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from har_core.models.layers.options import require_option
from har_core.models.layers.series import ChannelHead, FeatureNorm, SeriesConv, to_series
from har_core.models.registry import register_model


@register_model("res2net")
class Res2Net(nn.Module):
    """Four blocks of ``num_scales`` convolutions in a row; widths 1, 2, 4, 8 times ``base_width``."""

    def __init__(
        self, *, num_channels: int, num_timepoints: int, num_classes: int, base_width: int = 64, num_scales: int = 4
    ) -> None:
        super().__init__()
        require_option(base_width >= 1, "base_width", base_width, "a whole number of at least 1")
        require_option(num_scales >= 1, "num_scales", num_scales, "a whole number of at least 1")
        widths = [1, base_width, 2 * base_width, 4 * base_width, 8 * base_width]
        blocks = (ScaleBlock(*pair, num_scales) for pair in pairwise(widths))
        self.body = nn.Sequential(*blocks)
        self.head = ChannelHead(num_features=widths[-1], num_channels=num_channels, num_classes=num_classes)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_STF = to_series(x_NTC)
        x_STF = self.body(x_STF)
        logits_NK: Tensor = self.head(x_STF)
        return logits_NK


class ScaleBlock(nn.Module):
    """conv(3, stride 2)-BN-ReLU, scales, BN, plus a shortcut conv(3, stride 2)-BN, then ReLU."""

    def __init__(self, in_features: int, out_features: int, num_scales: int) -> None:
        super().__init__()
        self.conv1 = SeriesConv(in_features, out_features, stride=2)
        self.norm1 = FeatureNorm(out_features)
        self.scales = Scales(out_features, num_scales)
        self.norm2 = FeatureNorm(out_features)
        self.shortcut_conv = SeriesConv(in_features, out_features, stride=2)
        self.shortcut_norm = FeatureNorm(out_features)

    def forward(self, x_STF: Tensor) -> Tensor:
        y_SUF = self.norm1(self.conv1(x_STF)).relu()
        y_SUF = self.norm2(self.scales(y_SUF))
        shortcut_SUF = self.shortcut_norm(self.shortcut_conv(x_STF))
        return torch.relu(y_SUF + shortcut_SUF)


class Scales(nn.Module):
    """Convolutions (3) in a row, each seeing one more timepoint to both sides, then one convolution (1) of them all."""

    def __init__(self, num_features: int, num_scales: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(SeriesConv(num_features, num_features) for _ in range(num_scales))
        self.norms = nn.ModuleList(FeatureNorm(num_features) for _ in range(num_scales))
        self.merge = SeriesConv(num_scales * num_features, num_features, kernel_size=1)

    def forward(self, x_STF: Tensor) -> Tensor:
        y_STF, scales_STF = x_STF, list[Tensor]()
        for conv, norm in zip(self.convs, self.norms, strict=True):
            y_STF = norm(conv(y_STF))
            scales_STF.append(y_STF)
            y_STF = torch.relu(x_STF + y_STF)
        merged_STF: Tensor = self.merge(torch.cat(scales_STF, dim=-1))
        return merged_STF
