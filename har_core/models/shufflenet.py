"""ShuffleNet: depthwise convolution along time, pointwise convolution, channel shuffle.

Origin: Zhang et al. 2018 ("ShuffleNet", section 3.1: the shuffle of features between groups), with the sizes of the
published DSADS code: the depthwise convolution comes first, nothing is added around a block, and the pointwise
convolutions are not grouped. So each of them sees all features, and a shuffle only numbers them anew: what this network
can learn is what ``depthwise`` can.

Cost of a window of 125 x 45, 19 activities: 614,551 parameters, 84,032,505 multiply-accumulates.

Letters: N windows, C channels, S = N·C series, T timepoints, U = ⌈T/2⌉ after a stride of 2, F features,
G features that come out of a block, K activities.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from har_core.models.layers.options import require_option
from har_core.models.layers.series import (
    ChannelHead,
    DepthwiseHalvingConv,
    FeatureNorm,
    PointwiseConv,
    depthwise,
    to_series,
)
from har_core.models.registry import register_model

SHUFFLE_GROUPS = (8, 8, 16, 16)


@register_model("shufflenet")
class ShuffleNet(nn.Module):
    """Four shuffle blocks; widths 1, 2, 4, 8 times ``base_width``."""

    def __init__(self, *, num_channels: int, num_timepoints: int, num_classes: int, base_width: int = 64) -> None:
        super().__init__()
        require_option(base_width >= 1 and base_width % 8 == 0, "base_width", base_width, "a positive multiple of 8")
        widths = [1, base_width, 2 * base_width, 4 * base_width, 8 * base_width]
        self.body = nn.Sequential(*map(ShuffleBlock, widths, widths[1:], (1, *SHUFFLE_GROUPS)))
        self.head = ChannelHead(num_features=widths[-1], num_channels=num_channels, num_classes=num_classes)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_STF = to_series(x_NTC)
        x_STF = self.body(x_STF)
        x_S1F = x_STF.mean(dim=1, keepdim=True)  # shuffling commutes with the average
        logits_NK: Tensor = self.head(shuffle(x_S1F, SHUFFLE_GROUPS[-1]))
        return logits_NK


class ShuffleBlock(nn.Module):
    """Shuffle, depthwise convolution that halves time, pointwise convolution, batch norm, ReLU.

    The shuffle is that of the block before; the first block has one group, so nothing moves. Instead of the features,
    the block shuffles the weights that meet them, which are few: the result is the same.
    """

    def __init__(self, in_features: int, out_features: int, num_groups: int) -> None:
        super().__init__()
        self.depthwise = DepthwiseHalvingConv(in_features)
        self.pointwise = PointwiseConv(in_features, out_features)
        self.norm = FeatureNorm(out_features)
        self.inverse_groups = in_features // num_groups  # shuffling with these undoes a shuffle with num_groups

    def forward(self, x_STF: Tensor) -> Tensor:
        weight_3F, bias_F = (shuffle(w, self.inverse_groups) for w in self.depthwise.weights(x_STF.dtype))
        x_SUF = depthwise(x_STF, weight_3F, bias_F)
        weight_GF = shuffle(self.pointwise.weight.squeeze(-1), self.inverse_groups)
        x_SUG = functional.linear(x_SUF, weight_GF, self.pointwise.bias)
        x_SUG = self.norm(x_SUG)
        return torch.relu(x_SUG)


def shuffle(x: Tensor, num_groups: int) -> Tensor:
    """Reorder the features (the last dimension): one of each group in turn."""
    return x.view(*x.shape[:-1], num_groups, -1).transpose(-1, -2).flatten(start_dim=-2)
