"""VGG: convolutions of three timepoints over all channels, in five stages that each halve time.

Origin: Simonyan and Zisserman 2015 ("Very deep convolutional networks for large-scale image recognition", table 1),
with batch norm after each convolution instead of a bias, over time instead of an image. ``num_convs`` chooses the
column of the table: 8 (A, "VGG-11"), 10 (B), 13 (D) or 16 (E). The sizes fit 9,120 windows: ``base_width`` is 32
instead of the published 64, and the three linear layers, which held most of the weights, are one, on the mean over what
is left of time.

Cost of a window of 125 x 45, 19 activities: 779,955 parameters, 11,155,552 multiply-accumulates.

Letters: N windows, T timepoints, C channels, F features, K activities.
"""

from __future__ import annotations

from torch import Tensor, nn

from har_core.models.layers.options import require_option
from har_core.models.layers.temporal import ConvNorm, to_image
from har_core.models.registry import register_model

_CONVS = {8: (1, 1, 2, 2, 2), 10: (2, 2, 2, 2, 2), 13: (2, 2, 3, 3, 3), 16: (2, 2, 4, 4, 4)}
"""Convolutions of each stage, by how many there are."""
_KERNEL_SIZE = 3


@register_model("vgg")
class Vgg(nn.Module):
    """Five stages of convolution (3), batch norm, ReLU and at the end max pooling (2); widths 1, 2, 4, 8, 8 times."""

    def __init__(
        self,
        *,
        num_channels: int,
        num_timepoints: int,
        num_classes: int,
        num_convs: int = 8,
        base_width: int = 32,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        require_option(num_convs in _CONVS, "num_convs", num_convs, "8, 10, 13 or 16")
        require_option(base_width >= 1, "base_width", base_width, "a whole number of at least 1")
        require_option(0 <= dropout < 1, "dropout", dropout, "a share from 0 to below 1")
        widths = [num_channels, *(base_width * times for times in (1, 2, 4, 8, 8))]
        self.body = nn.Sequential(*map(VggStage, widths, widths[1:], _CONVS[num_convs]))
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(widths[-1], num_classes)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_NF1T = self.body(to_image(x_NTC))
        x_NF = x_NF1T.mean(dim=(2, 3))
        logits_NK: Tensor = self.linear(self.dropout(x_NF))
        return logits_NK


class VggStage(nn.Sequential):
    """``num_convs`` times convolution (3), batch norm, ReLU; then the larger of every two timepoints."""

    def __init__(self, in_features: int, out_features: int, num_convs: int) -> None:
        layers: list[nn.Module] = []
        for index in range(num_convs):
            layers += [ConvNorm(out_features if index else in_features, out_features, _KERNEL_SIZE), nn.ReLU()]
        # A last timepoint without a partner stays, so that windows of any length reach the end.
        super().__init__(*layers, nn.MaxPool2d((1, 2), ceil_mode=True))
