"""Spatial attention: a CNN along time whose timepoints are weighted by the average of their features.

Origin: Woo et al. 2018 (CBAM, section 3, spatial attention), with the sizes of the published DSADS code: the gate
stands between convolution and batch norm, sees the average of the features and not their maximum, and looks 3
timepoints wide.

Cost of a window of 125 x 45, 19 activities: 956,963 parameters, 249,458,625 multiply-accumulates.

Letters: N windows, C channels, S = N·C series, T timepoints, U = ⌈T/2⌉ after a stride of 2, F features, K activities.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from har_core.models.layers.options import require_option
from har_core.models.layers.series import ChannelHead, FeatureNorm, SeriesConv, to_series
from har_core.models.registry import register_model


@register_model("spatial_attention")
class SpatialAttention(nn.Module):
    """Four times convolution (3, stride 2), gate, batch norm, ReLU; widths 1, 2, 4, 8 times ``base_width``."""

    def __init__(
        self, *, num_channels: int, num_timepoints: int, num_classes: int, base_width: int = 64, kernel_size: int = 3
    ) -> None:
        super().__init__()
        require_option(base_width >= 1, "base_width", base_width, "a whole number of at least 1")
        is_odd = kernel_size >= 1 and kernel_size % 2 == 1
        require_option(is_odd, "kernel_size", kernel_size, "an odd number of at least 1")
        widths = [1, base_width, 2 * base_width, 4 * base_width, 8 * base_width]
        blocks = (AttentiveBlock(*pair, kernel_size) for pair in pairwise(widths))
        self.body = nn.Sequential(*blocks)
        self.head = ChannelHead(num_features=widths[-1], num_channels=num_channels, num_classes=num_classes)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_STF = to_series(x_NTC)
        x_STF = self.body(x_STF)
        logits_NK: Tensor = self.head(x_STF)
        return logits_NK


class AttentiveBlock(nn.Module):
    """Convolution that halves time, gate, batch norm, ReLU."""

    def __init__(self, in_features: int, out_features: int, kernel_size: int) -> None:
        super().__init__()
        self.conv = SeriesConv(in_features, out_features, stride=2)
        self.gate = nn.Conv1d(1, 1, kernel_size, padding=kernel_size // 2)
        self.norm = FeatureNorm(out_features)

    def forward(self, x_STF: Tensor) -> Tensor:
        x_SUF = self.conv(x_STF)
        gate_S1U = self.gate(x_SUF.mean(dim=2).unsqueeze(1)).sigmoid()  # one number in (0, 1) for each timepoint
        x_SUF = self.norm(x_SUF * gate_S1U.transpose(1, 2))
        return torch.relu(x_SUF)
