"""ResNet: four residual blocks along time, each halving it.

Origin: He et al. 2016 ("Deep residual learning for image recognition"), with the block of the published DSADS code: its
second convolution is pointwise, and the one on the shortcut sees three timepoints. In the paper it is the other way
round.

Cost of a window of 125 x 45, 19 activities: 1,827,155 parameters, 673,741,440 multiply-accumulates.

Letters: N windows, C channels, S = N·C series, T timepoints, F features, K activities.
"""

from __future__ import annotations

from torch import Tensor, nn

from har_core.models.layers.options import require_option
from har_core.models.layers.residual import ResidualBlock
from har_core.models.layers.series import ChannelHead, to_series
from har_core.models.registry import register_model


@register_model("resnet")
class ResNet(nn.Module):
    """Four residual blocks; widths 1, 2, 4, 8 times ``base_width``."""

    def __init__(self, *, num_channels: int, num_timepoints: int, num_classes: int, base_width: int = 64) -> None:
        super().__init__()
        require_option(base_width >= 1, "base_width", base_width, "a whole number of at least 1")
        widths = [1, base_width, 2 * base_width, 4 * base_width, 8 * base_width]
        self.body = nn.Sequential(*map(ResidualBlock, widths, widths[1:]))
        self.head = ChannelHead(num_features=widths[-1], num_channels=num_channels, num_classes=num_classes)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_STF = to_series(x_NTC)
        x_STF = self.body(x_STF)
        logits_NK: Tensor = self.head(x_STF)
        return logits_NK
