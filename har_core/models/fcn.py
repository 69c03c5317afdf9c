"""FCN: three convolutions over all channels at full length, averaged over time.

Origin: Wang, Yan and Oates 2017 ("Time series classification from scratch with deep neural networks: a strong
baseline"). The convolutions have no biases, since the batch norm after each would take them away again.

Cost of a window of 125 x 45, 19 activities: 311,699 parameters, 38,530,432 multiply-accumulates.

Letters: N windows, T timepoints, C channels, F features, K activities.
"""

from __future__ import annotations

from torch import Tensor, nn

from har_core.models.layers.options import require_option
from har_core.models.layers.temporal import ConvNorm, to_image
from har_core.models.registry import register_model

_KERNEL_SIZES = (8, 5, 3)


@register_model("fcn")
class Fcn(nn.Module):
    """Three times convolution (8, 5, 3), batch norm, ReLU; widths 1, 2, 1 times ``width``."""

    def __init__(self, *, num_channels: int, num_timepoints: int, num_classes: int, width: int = 128) -> None:
        super().__init__()
        require_option(width >= 1, "width", width, "a whole number of at least 1")
        widths = [num_channels, width, 2 * width, width]
        self.convs = nn.ModuleList(map(ConvNorm, widths, widths[1:], _KERNEL_SIZES))
        self.linear = nn.Linear(width, num_classes)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_NF1T = to_image(x_NTC)
        for conv in self.convs:
            x_NF1T = conv(x_NF1T).relu()
        logits_NK: Tensor = self.linear(x_NF1T.mean(dim=(2, 3)))
        return logits_NK
