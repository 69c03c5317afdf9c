"""CNN: four convolutions along time, each halving it.

Origin: the plain convolutional baseline of the published DSADS code ("HAR-Dataset-Preprocess" by xushige, on GitHub,
2023). All channels share the filters, and only the last linear layer mixes channels.

Cost of a window of 125 x 45, 19 activities: 956,947 parameters, 248,708,160 multiply-accumulates.

Letters: N windows, C channels, S = N·C series, T timepoints, F features, K activities.
"""

from __future__ import annotations

from torch import Tensor, nn

from har_core.models.layers.options import require_option
from har_core.models.layers.series import ChannelHead, FeatureNorm, HalvingConv, to_series
from har_core.models.registry import register_model


@register_model("cnn")
class Cnn(nn.Module):
    """Four times convolution (3, stride 2), batch norm, ReLU; widths 1, 2, 4, 8 times ``base_width``."""

    def __init__(self, *, num_channels: int, num_timepoints: int, num_classes: int, base_width: int = 64) -> None:
        super().__init__()
        require_option(base_width >= 1, "base_width", base_width, "a whole number of at least 1")
        widths = [1, base_width, 2 * base_width, 4 * base_width, 8 * base_width]
        self.body = nn.Sequential(*map(CnnBlock, widths, widths[1:]))
        self.head = ChannelHead(num_features=widths[-1], num_channels=num_channels, num_classes=num_classes)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_STF = to_series(x_NTC)
        x_STF = self.body(x_STF)
        logits_NK: Tensor = self.head(x_STF)
        return logits_NK


class CnnBlock(nn.Module):
    """Convolution that halves time, batch norm, ReLU."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.conv = HalvingConv(in_features, out_features)
        self.norm = FeatureNorm(out_features)

    def forward(self, x_STF: Tensor) -> Tensor:
        x_STF = self.norm(self.conv(x_STF))
        return x_STF.relu()
