"""InceptionTime: convolutions of three lengths side by side, six times over, averaged over time.

Origin: Ismail Fawaz et al. 2020 ("InceptionTime: finding AlexNet for time series classification"), with the sizes of
the authors' code. There, InceptionTime is the mean of five such networks; this is one of them.

Cost of a window of 125 x 45, 19 activities: 500,563 parameters, 62,010,432 multiply-accumulates.

Letters: N windows, T timepoints, C channels, F features, B features of the bottleneck, K activities.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from har_core.models.layers.options import require_option
from har_core.models.layers.temporal import ConvNorm, TimeConv, to_image
from har_core.models.registry import register_model

_BLOCKS_PER_GROUP = 3


@register_model("inception_time")
class InceptionTime(nn.Module):
    """``num_blocks`` inception blocks, with a sum around every three; ``width`` features of each of four branches."""

    def __init__(
        self,
        *,
        num_channels: int,
        num_timepoints: int,
        num_classes: int,
        num_blocks: int = 6,
        width: int = 32,
        kernel_size: int = 40,
    ) -> None:
        super().__init__()
        is_whole = num_blocks >= 1 and num_blocks % _BLOCKS_PER_GROUP == 0
        require_option(is_whole, "num_blocks", num_blocks, "a positive multiple of 3")
        require_option(width >= 1, "width", width, "a whole number of at least 1")
        require_option(kernel_size >= 4, "kernel_size", kernel_size, "a whole number of at least 4")  # noqa: PLR2004
        num_groups = num_blocks // _BLOCKS_PER_GROUP
        self.body = nn.Sequential(
            *(InceptionGroup(4 * width if index else num_channels, width, kernel_size) for index in range(num_groups))
        )
        self.linear = nn.Linear(4 * width, num_classes)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_NF1T = self.body(to_image(x_NTC))
        logits_NK: Tensor = self.linear(x_NF1T.mean(dim=(2, 3)))
        return logits_NK


class InceptionGroup(nn.Module):
    """Three inception blocks, plus the input through conv(1)-BN, then ReLU."""

    def __init__(self, in_features: int, width: int, kernel_size: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            *(
                InceptionBlock(4 * width if index else in_features, width, kernel_size)
                for index in range(_BLOCKS_PER_GROUP)
            )
        )
        self.shortcut = ConvNorm(in_features, 4 * width, 1)

    def forward(self, x_NF1T: Tensor) -> Tensor:
        return torch.relu(self.blocks(x_NF1T) + self.shortcut(x_NF1T))


class InceptionBlock(nn.Module):
    """Convolutions of ``kernel_size``, a half and a quarter of it over a bottleneck, and the input's maximum of 3."""

    def __init__(self, in_features: int, width: int, kernel_size: int) -> None:
        super().__init__()
        self.bottleneck = TimeConv(in_features, width, 1)
        self.convs = nn.ModuleList(TimeConv(width, width, kernel_size // divisor) for divisor in (1, 2, 4))
        self.pooled = nn.Sequential(nn.MaxPool2d((1, 3), stride=1, padding=(0, 1)), TimeConv(in_features, width, 1))
        self.norm = nn.BatchNorm2d(4 * width)

    def forward(self, x_NF1T: Tensor) -> Tensor:
        x_NB1T = self.bottleneck(x_NF1T)
        branches = [*(conv(x_NB1T) for conv in self.convs), self.pooled(x_NF1T)]
        y_NF1T: Tensor = self.norm(torch.cat(branches, dim=1))
        return y_NF1T.relu()
