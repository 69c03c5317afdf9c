"""ResNet-18: a wide first convolution, max pooling, and eight residual blocks in four stages, over all channels.

Origin: He et al. 2016 ("Deep residual learning for image recognition", table 1 and section 3.3, option B for the
shortcuts), over time instead of an image; everything else as published.

Cost of a window of 125 x 45, 19 activities: 3,873,363 parameters, 23,037,760 multiply-accumulates.

Letters: N windows, T timepoints, C channels, F features, K activities.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from har_core.models.layers.options import require_option
from har_core.models.layers.temporal import ConvNorm, to_image
from har_core.models.registry import register_model

_STRIDES = (1, 2, 2, 2)
"""Of the first block of each stage."""


@register_model("resnet18")
class ResNet18(nn.Module):
    """Convolution (7, stride 2), max pooling (3, stride 2), four stages of two blocks; widths 1, 2, 4, 8 times."""

    def __init__(self, *, num_channels: int, num_timepoints: int, num_classes: int, base_width: int = 64) -> None:
        super().__init__()
        require_option(base_width >= 1, "base_width", base_width, "a whole number of at least 1")
        widths = [base_width, base_width, 2 * base_width, 4 * base_width, 8 * base_width]
        self.stem = ConvNorm(num_channels, base_width, 7, stride=2)
        self.pool = nn.MaxPool2d((1, 3), stride=(1, 2), padding=(0, 1))
        self.body = nn.Sequential(*map(ResidualStage, widths, widths[1:], _STRIDES))
        self.linear = nn.Linear(widths[-1], num_classes)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_NF1T = self.pool(self.stem(to_image(x_NTC)).relu())
        x_NF1T = self.body(x_NF1T)
        logits_NK: Tensor = self.linear(x_NF1T.mean(dim=(2, 3)))
        return logits_NK


class ResidualStage(nn.Sequential):
    """Two blocks, of which the first may halve time and widen the features."""

    def __init__(self, in_features: int, out_features: int, stride: int) -> None:
        super().__init__(
            BasicBlock(in_features, out_features, stride=stride), BasicBlock(out_features, out_features, stride=1)
        )


class BasicBlock(nn.Module):
    """conv(3)-BN-ReLU-conv(3)-BN, plus the input, then ReLU; where shapes differ the input goes through conv(1)-BN."""

    def __init__(self, in_features: int, out_features: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = ConvNorm(in_features, out_features, 3, stride=stride)
        self.conv2 = ConvNorm(out_features, out_features, 3)
        is_same = stride == 1 and in_features == out_features
        self.shortcut = nn.Identity() if is_same else ConvNorm(in_features, out_features, 1, stride=stride)

    def forward(self, x_NF1T: Tensor) -> Tensor:
        y_NF1T = self.conv2(self.conv1(x_NF1T).relu())
        return torch.relu(y_NF1T + self.shortcut(x_NF1T))
