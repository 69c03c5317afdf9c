"""Deformable CNN: convolutions along time that choose where, and how strongly, each of their taps looks.

Origin: Zhu et al. 2019 (Deformable ConvNets v2, section 3.2, modulated deformable convolutions), along time alone and
with linear interpolation; offsets and masks learn as fast as the rest, in the paper at a tenth of its rate. Widths,
strides and head are those of the published DSADS code for the other networks; its own deformable network convolves over
time and channels together, and averages the channels away.

Cost of a window of 125 x 45, 19 activities: 965,053 parameters, 287,196,255 multiply-accumulates.

Letters: N windows, C channels, S = N·C series, T timepoints, U = ⌈T/2⌉ after a stride of 2, F features, J taps,
P = J·F features of all taps, K activities.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from har_core.models.layers.options import require_option
from har_core.models.layers.series import ChannelHead, FeatureNorm, SeriesConv, to_series
from har_core.models.registry import register_model

NUM_TAPS = 3


@register_model("deformable")
class Deformable(nn.Module):
    """Four times deformable convolution (3, stride 2), batch norm, ReLU; widths 1, 2, 4, 8 times ``base_width``."""

    def __init__(self, *, num_channels: int, num_timepoints: int, num_classes: int, base_width: int = 64) -> None:
        super().__init__()
        require_option(base_width >= 1, "base_width", base_width, "a whole number of at least 1")
        widths = [1, base_width, 2 * base_width, 4 * base_width, 8 * base_width]
        self.body = nn.Sequential(*map(DeformableBlock, widths, widths[1:]))
        self.head = ChannelHead(num_features=widths[-1], num_channels=num_channels, num_classes=num_classes)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_STF = to_series(x_NTC)
        x_STF = self.body(x_STF)
        logits_NK: Tensor = self.head(x_STF)
        return logits_NK


class DeformableBlock(nn.Module):
    """Deformable convolution that halves time, batch norm, ReLU."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.conv = DeformableConv(in_features, out_features)
        self.norm = FeatureNorm(out_features)

    def forward(self, x_STF: Tensor) -> Tensor:
        x_SUF = self.norm(self.conv(x_STF))
        return torch.relu(x_SUF)


class DeformableConv(nn.Module):
    """Convolution (3, stride 2) whose taps look at t + offset and count mask times: (S, T, F) to (S, U, features).

    Offsets, in timepoints, and masks, in (0, 1), come from another convolution (3, stride 2). Its weights begin at 0;
    its biases do not (in the paper they do), because a tap between two timepoints knows which way to move.
    """

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.control = SeriesConv(in_features, 2 * NUM_TAPS, stride=2)
        nn.init.zeros_(self.control.weight)
        self.conv = SeriesConv(NUM_TAPS * in_features, out_features, kernel_size=1)

    def forward(self, x_STF: Tensor) -> Tensor:
        offsets_SUJ, masks_SUJ = self.control(x_STF).chunk(2, dim=-1)
        y_SUF: Tensor = self.conv(sample(x_STF, offsets_SUJ, masks_SUJ.sigmoid()))
        return y_SUF


def sample(x_STF: Tensor, offsets_SUJ: Tensor, masks_SUJ: Tensor) -> Tensor:
    """Values at every second timepoint t and its neighbours, at t + j + offset, times their masks: (S, U, P).

    Between timepoints values are interpolated linearly; beyond the ends they are zero. Both happen in one product with
    a matrix whose rows hold the two weights of a tap.
    """
    num_timepoints = x_STF.shape[1]
    # In float32 at least, since bf16 cannot tell 125 from 125.3.
    here_U1 = torch.arange(0, num_timepoints, 2, device=x_STF.device, dtype=torch.float32).unsqueeze(-1)
    taps_J = torch.arange(NUM_TAPS, device=x_STF.device) - NUM_TAPS // 2
    places_SUJ = (here_U1 + taps_J + offsets_SUJ).clamp(-1, num_timepoints)
    left_SUJ = places_SUJ.detach().floor().clamp(max=num_timepoints - 1)
    weights_SUJ2 = torch.stack([left_SUJ + 1 - places_SUJ, places_SUJ - left_SUJ], dim=-1) * masks_SUJ.unsqueeze(-1)
    columns_SUJ2 = torch.stack([left_SUJ + 1, left_SUJ + 2], dim=-1).long()  # column 0 is the zero before the start
    padded_SUJT = weights_SUJ2.new_zeros(*places_SUJ.shape, num_timepoints + 2).scatter(-1, columns_SUJ2, weights_SUJ2)
    padded_STF = functional.pad(x_STF, (0, 0, 1, 1))  # T + 2 timepoints
    sampled_SJF = padded_SUJT.flatten(1, 2).to(x_STF.dtype) @ padded_STF  # the taps of all U timepoints in a row
    return sampled_SJF.view(*places_SUJ.shape[:2], -1)
