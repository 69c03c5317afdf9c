"""FPN: a residual network along time whose coarse features are added to its fine ones; all scales predict.

Origin: Lin et al. 2017 (Feature Pyramid Networks, section 3), on the residual blocks of ``resnet``, with 64 features at
each level instead of 256. In place of a detector's head on each level, each level is averaged over time, and one linear
layer reads them all: the sum of one prediction for each scale. Batch norm and ReLU, which the paper does without,
follow each level's last convolution, since an average of what is linear would undo it.

Cost of a window of 125 x 45, 19 activities: 1,719,891 parameters, 786,326,400 multiply-accumulates.

Letters: N windows, C channels, S = N·C series, T timepoints, F features, L levels, K activities.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from har_core.models.layers.options import require_option
from har_core.models.layers.residual import ResidualBlock
from har_core.models.layers.series import ChannelHead, FeatureNorm, PointwiseConv, SeriesConv, to_series
from har_core.models.registry import register_model


@register_model("fpn")
class Fpn(nn.Module):
    """Four residual blocks of widths 1, 2, 4, 8 times ``base_width``, and a pyramid of ``pyramid_width`` features."""

    def __init__(
        self,
        *,
        num_channels: int,
        num_timepoints: int,
        num_classes: int,
        base_width: int = 64,
        pyramid_width: int = 64,
    ) -> None:
        super().__init__()
        require_option(base_width >= 1, "base_width", base_width, "a whole number of at least 1")
        require_option(pyramid_width >= 1, "pyramid_width", pyramid_width, "a whole number of at least 1")
        widths = [1, base_width, 2 * base_width, 4 * base_width, 8 * base_width]
        self.body = nn.ModuleList(map(ResidualBlock, widths, widths[1:]))
        self.pyramid = Pyramid(widths[1:], pyramid_width)
        self.head = ChannelHead(
            num_features=len(self.body) * pyramid_width, num_channels=num_channels, num_classes=num_classes
        )

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_STF = to_series(x_NTC)
        scales_STF = []
        for block in self.body:
            x_STF = block(x_STF)
            scales_STF.append(x_STF)
        levels_SF = [level_STF.mean(dim=1) for level_STF in self.pyramid(scales_STF)]
        logits_NK: Tensor = self.head(torch.cat(levels_SF, dim=-1).unsqueeze(1))
        return logits_NK


class Pyramid(nn.Module):
    """From L scales (S, T, F), each half as long as the one before, to L levels (S, T, ``num_features``).

    A level is conv(1) of its scale plus the coarser level, each of its timepoints twice; conv(3)-BN-ReLU smooths it.
    """

    def __init__(self, in_features: list[int], num_features: int) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(PointwiseConv(features, num_features) for features in in_features)
        self.convs = nn.ModuleList(SeriesConv(num_features, num_features) for _ in in_features)
        self.norms = nn.ModuleList(FeatureNorm(num_features) for _ in in_features)

    def forward(self, scales_STF: list[Tensor]) -> list[Tensor]:
        levels_STF = [lateral(x_STF) for lateral, x_STF in zip(self.laterals, scales_STF, strict=True)]
        for fine in reversed(range(len(levels_STF) - 1)):
            coarse_STF = levels_STF[fine + 1].repeat_interleave(2, dim=1)
            levels_STF[fine] = levels_STF[fine] + coarse_STF[:, : levels_STF[fine].shape[1]]
        return [
            norm(conv(level_STF)).relu()
            for conv, norm, level_STF in zip(self.convs, self.norms, levels_STF, strict=True)
        ]
