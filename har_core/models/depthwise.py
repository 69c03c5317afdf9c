"""Depthwise CNN: each feature is filtered along time by itself, then features are mixed at each timepoint.

Origin: Howard et al. 2017 (MobileNets, section 3.1), with the sizes of the published DSADS code: no batch norm and no
ReLU between the two convolutions.

Cost of a window of 125 x 45, 19 activities: 614,551 parameters, 84,032,505 multiply-accumulates.

Letters: N windows, C channels, S = N·C series, T timepoints, U = ⌈T/2⌉ after a stride of 2, F features, K activities.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from har_core.models.layers.options import require_option
from har_core.models.layers.series import ChannelHead, DepthwiseHalvingConv, FeatureNorm, PointwiseConv, to_series
from har_core.models.registry import register_model


@register_model("depthwise")
class Depthwise(nn.Module):
    """Four times depthwise convolution (3, stride 2), convolution (1), batch norm, ReLU.

    Widths are 1, 2, 4, 8 times ``base_width``.
    """

    def __init__(self, *, num_channels: int, num_timepoints: int, num_classes: int, base_width: int = 64) -> None:
        super().__init__()
        require_option(base_width >= 1, "base_width", base_width, "a whole number of at least 1")
        widths = [1, base_width, 2 * base_width, 4 * base_width, 8 * base_width]
        self.body = nn.Sequential(*map(SeparableBlock, widths, widths[1:]))
        self.head = ChannelHead(num_features=widths[-1], num_channels=num_channels, num_classes=num_classes)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_STF = to_series(x_NTC)
        x_STF = self.body(x_STF)
        logits_NK: Tensor = self.head(x_STF)
        return logits_NK


class SeparableBlock(nn.Module):
    """Depthwise convolution that halves time, convolution (1), batch norm, ReLU."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.depthwise = DepthwiseHalvingConv(in_features)
        self.pointwise = PointwiseConv(in_features, out_features)
        self.norm = FeatureNorm(out_features)

    def forward(self, x_STF: Tensor) -> Tensor:
        x_SUF = self.pointwise(self.depthwise(x_STF))
        x_SUF = self.norm(x_SUF)
        return torch.relu(x_SUF)
