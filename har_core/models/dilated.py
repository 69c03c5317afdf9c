"""Dilated CNN: convolutions along time whose taps stand ever further apart.

Origin: Yu and Koltun 2016 (dilated convolutions), with the sizes of the published DSADS code: dilations of 1, 2 and 3,
then of 1; each halves time. Dilations without a common factor are meant to leave no timepoint out (Wang et al. 2018,
"Understanding convolution for semantic segmentation"). With strides, here as in that code, they do leave some out: the
second convolution reads only every second timepoint of the first, so that no output depends on every fourth timepoint
of a window (2, 6, 10 …, counted from 0).

Cost of a window of 125 x 45, 19 activities: 956,947 parameters, 248,708,160 multiply-accumulates.

Letters: N windows, C channels, S = N·C series, T timepoints, U = ⌈T/2⌉ after a stride of 2, F features, K activities.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from har_core.models.layers.options import require_option
from har_core.models.layers.series import ChannelHead, FeatureNorm, SeriesConv, to_series
from har_core.models.registry import register_model

DILATIONS = (1, 2, 3, 1)


@register_model("dilated")
class Dilated(nn.Module):
    """Four times convolution (3, stride 2, dilated), batch norm, ReLU; widths 1, 2, 4, 8 times ``base_width``."""

    def __init__(self, *, num_channels: int, num_timepoints: int, num_classes: int, base_width: int = 64) -> None:
        super().__init__()
        require_option(base_width >= 1, "base_width", base_width, "a whole number of at least 1")
        widths = [1, base_width, 2 * base_width, 4 * base_width, 8 * base_width]
        self.body = nn.Sequential(*map(DilatedBlock, widths, widths[1:], DILATIONS))
        self.head = ChannelHead(num_features=widths[-1], num_channels=num_channels, num_classes=num_classes)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_STF = to_series(x_NTC)
        x_STF = self.body(x_STF)
        logits_NK: Tensor = self.head(x_STF)
        return logits_NK


class DilatedBlock(nn.Module):
    """Dilated convolution that halves time, batch norm, ReLU."""

    def __init__(self, in_features: int, out_features: int, dilation: int) -> None:
        super().__init__()
        self.conv = SeriesConv(in_features, out_features, stride=2, dilation=dilation)
        self.norm = FeatureNorm(out_features)

    def forward(self, x_STF: Tensor) -> Tensor:
        x_SUF = self.norm(self.conv(x_STF))
        return torch.relu(x_SUF)
