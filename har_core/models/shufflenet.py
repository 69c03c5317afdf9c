"""ShuffleNet: depthwise convolution along time, pointwise convolution, channel shuffle.

Origin: Zhang et al. 2018, section 3.1 (the shuffle of features between groups); the pointwise convolutions are not
grouped here.

Letters: N windows, C channels, S = N·C series, T timepoints, U = ⌈T/2⌉ even and V = ⌊T/2⌋ odd ones, F features,
G shuffle groups, K activities.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from har_core.models.layers import ChannelHead, FeatureNorm, PointwiseConv, neighbours, require, to_series
from har_core.models.registry import register_model

SHUFFLE_GROUPS = (8, 8, 16, 16)


@register_model("shufflenet")
class ShuffleNet(nn.Module):
    """Four shuffle blocks; widths 1, 2, 4, 8 times ``base_width``."""

    def __init__(self, *, num_channels: int, num_timepoints: int, num_classes: int, base_width: int = 64) -> None:
        super().__init__()
        require(base_width >= 1 and base_width % 8 == 0, "base_width", base_width, "a positive multiple of 8")
        widths = [1, base_width, 2 * base_width, 4 * base_width, 8 * base_width]
        self.body = nn.Sequential(*map(ShuffleBlock, widths, widths[1:], SHUFFLE_GROUPS))
        self.head = ChannelHead(num_features=widths[-1], num_channels=num_channels, num_classes=num_classes)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_STF = to_series(x_NTC)
        x_STF = self.body(x_STF)
        logits_NK: Tensor = self.head(x_STF)
        return logits_NK


class ShuffleBlock(nn.Module):
    """Depthwise convolution that halves time, pointwise convolution, batch norm, ReLU, shuffle."""

    def __init__(self, in_features: int, out_features: int, num_groups: int) -> None:
        super().__init__()
        self.depthwise = DepthwiseHalvingConv(in_features)
        self.pointwise = PointwiseConv(in_features, out_features)
        self.norm = FeatureNorm(out_features)
        self.num_groups = num_groups

    def forward(self, x_STF: Tensor) -> Tensor:
        x_SUF = self.pointwise(self.depthwise(x_STF))
        x_SUF = self.norm(x_SUF).relu()
        return shuffle(x_SUF, self.num_groups)


class DepthwiseHalvingConv(nn.Conv1d):
    """Convolution (3, stride 2, padding 1) of each feature by itself: (S, T, F) to (S, U, F)."""

    def __init__(self, num_features: int) -> None:
        super().__init__(num_features, num_features, kernel_size=3, stride=2, padding=1, groups=num_features)

    def forward(self, x_STF: Tensor) -> Tensor:
        weight_3F = self.weight.squeeze(1).t().to(x_STF.dtype)
        bias_F = cast("Tensor", self.bias).to(x_STF.dtype)
        y_SUF: Tensor = _Depthwise.apply(x_STF, weight_3F, bias_F)  # type: ignore[no-untyped-call]
        return y_SUF


class _Depthwise(torch.autograd.Function):
    """Three shifted multiplications and additions, and their derivative: faster than a convolution with F groups."""

    @staticmethod
    def forward(ctx: Any, x_STF: Tensor, weight_3F: Tensor, bias_F: Tensor) -> Tensor:
        ctx.save_for_backward(x_STF, weight_3F)
        before_SUF, here_SUF, after_SUF = neighbours(x_STF)
        before_F, here_F, after_F = weight_3F
        # Zeros beyond the ends rather than a smaller part written in place: an exported graph has to copy all of it.
        y_SUF = torch.addcmul(bias_F, here_SUF, here_F)
        y_SUF = torch.addcmul(y_SUF, before_SUF, before_F)
        return torch.addcmul(y_SUF, after_SUF, after_F)

    @staticmethod
    def backward(ctx: Any, grad_SUF: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x_STF, weight_3F = ctx.saved_tensors
        x_SUF, x_SVF = x_STF[:, 0::2], x_STF[:, 1::2]
        grad_before, grad_after = grad_SUF[:, 1:], grad_SUF[:, : x_SVF.shape[1]]
        x_before = x_SVF[:, : grad_before.shape[1]]
        before_F, here_F, after_F = weight_3F
        grad_STF = torch.empty_like(x_STF)
        torch.mul(grad_SUF, here_F, out=grad_STF[:, 0::2])
        torch.mul(grad_after, after_F, out=grad_STF[:, 1::2])
        grad_STF[:, 1::2][:, : grad_before.shape[1]].addcmul_(grad_before, before_F)
        products = (grad_before * x_before, grad_SUF * x_SUF, grad_after * x_SVF)
        grad_weight_3F = torch.stack([product.sum((0, 1)) for product in products])
        return grad_STF, grad_weight_3F, grad_SUF.sum((0, 1))


def shuffle(x_STF: Tensor, num_groups: int) -> Tensor:
    """Deal the features out anew: one of each group in turn."""
    x_STGH = x_STF.view(*x_STF.shape[:2], num_groups, -1)  # H features in a group
    shuffled_STF: Tensor = x_STGH.transpose(2, 3).flatten(start_dim=2)
    return shuffled_STF
