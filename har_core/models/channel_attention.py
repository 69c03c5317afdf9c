"""Channel attention: a CNN along time whose features are weighted by what they are on average.

Origin: Hu, Shen and Sun 2018 (Squeeze-and-Excitation Networks, section 3), with the sizes of the published DSADS code:
the gate stands between convolution and batch norm, and each channel of a window has weights of its own, from its
average over time. ``reduction`` is 4, in the paper 16.

Cost of a window of 125 x 45, 19 activities: 1,132,227 parameters, 257,276,160 multiply-accumulates.

Letters: N windows, C channels, S = N·C series, T timepoints, U = ⌈T/2⌉ after a stride of 2, F features, K activities.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from har_core.models.layers.options import require_option
from har_core.models.layers.series import ChannelHead, FeatureNorm, SeriesConv, to_series
from har_core.models.registry import register_model


@register_model("channel_attention")
class ChannelAttention(nn.Module):
    """Four times convolution (3, stride 2), gate, batch norm, ReLU; widths 1, 2, 4, 8 times ``base_width``."""

    def __init__(
        self, *, num_channels: int, num_timepoints: int, num_classes: int, base_width: int = 64, reduction: int = 4
    ) -> None:
        super().__init__()
        require_option(base_width >= 1, "base_width", base_width, "a whole number of at least 1")
        is_divisor = reduction >= 1 and base_width % reduction == 0
        require_option(is_divisor, "reduction", reduction, f"a divisor of base_width, {base_width}")
        widths = [1, base_width, 2 * base_width, 4 * base_width, 8 * base_width]
        blocks = (AttentiveBlock(*pair, reduction) for pair in pairwise(widths))
        self.body = nn.Sequential(*blocks)
        self.head = ChannelHead(num_features=widths[-1], num_channels=num_channels, num_classes=num_classes)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_STF = to_series(x_NTC)
        x_STF = self.body(x_STF)
        logits_NK: Tensor = self.head(x_STF)
        return logits_NK


class AttentiveBlock(nn.Module):
    """Convolution that halves time, gate, batch norm, ReLU."""

    def __init__(self, in_features: int, out_features: int, reduction: int) -> None:
        super().__init__()
        self.conv = SeriesConv(in_features, out_features, stride=2)
        self.gate = FeatureGate(out_features, reduction)
        self.norm = FeatureNorm(out_features)

    def forward(self, x_STF: Tensor) -> Tensor:
        x_SUF = self.conv(x_STF)
        x_SUF = self.norm(x_SUF * self.gate(x_SUF))
        return torch.relu(x_SUF)


class FeatureGate(nn.Module):
    """A weight in (0, 1) for each feature of a series: (S, T, F) to (S, 1, F)."""

    def __init__(self, num_features: int, reduction: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(num_features, num_features // reduction)
        self.excite = nn.Linear(num_features // reduction, num_features)

    def forward(self, x_STF: Tensor) -> Tensor:
        hidden_S1F = self.squeeze(x_STF.mean(dim=1, keepdim=True)).relu()
        gate_S1F: Tensor = self.excite(hidden_S1F).sigmoid()
        return gate_S1F
