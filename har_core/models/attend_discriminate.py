"""Attend and Discriminate: channels look at each other at every timepoint, GRUs, attention over time, a centre loss.

Origin: A. Abedin et al., "Attend and discriminate: beyond the state-of-the-art for human activity recognition using
wearable sensors", 2021, and the code published with it. ``width`` is 64 there; half the width costs a third. By data
set, ``dropout`` is 0.5 or 0.9 there, and ``centre_weight`` 0.3, 0.003 or 0.0003. Its mixup is a matter of training. The
convolutions start as K. He et al. 2015 have it, the attention over channels with a factor of 0.1, not 0; the score of a
timepoint has no bias. The centres are parameters that follow the gradient of the centre loss; there a rule and a
learning rate of their own move them by the same difference.

Cost of a window of 125 x 45, 19 activities: 725,684 parameters, 184,704,000 multiply-accumulates.

Letters: N windows, T timepoints, U timepoints after the convolutions, C channels, F features, H hidden units,
K activities.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from har_core.models.layers.attention import AttentionPooling, ChannelAttention, features_last, gru_states
from har_core.models.layers.options import require_option
from har_core.models.registry import register_model

_NUM_CONVS = 4


@register_model("attend_discriminate")
class AttendDiscriminate(nn.Module):
    """Four convolutions along time, attention over channels, GRU layers, attention over time, one linear layer.

    The convolutions do not pad: each takes ``kernel_size`` - 1 timepoints.
    """

    def __init__(
        self,
        *,
        num_channels: int,
        num_timepoints: int,
        num_classes: int,
        width: int = 32,
        kernel_size: int = 5,
        hidden_size: int = 128,
        num_layers: int = 2,
        dropout: float = 0.25,
        centre_weight: float = 0.3,
    ) -> None:
        super().__init__()
        require_option(width >= 1, "width", width, "a whole number of at least 1")
        longest = (num_timepoints - 1) // _NUM_CONVS + 1
        require_option(
            1 <= kernel_size <= longest,
            "kernel_size",
            kernel_size,
            f"a whole number from 1 to {longest}, so that four convolutions leave one of {num_timepoints} timepoints",
        )
        require_option(hidden_size >= 1, "hidden_size", hidden_size, "a whole number of at least 1")
        require_option(num_layers >= 1, "num_layers", num_layers, "a whole number of at least 1")
        require_option(0 <= dropout < 1, "dropout", dropout, "a share from 0 to below 1")
        require_option(centre_weight >= 0, "centre_weight", centre_weight, "a number of at least 0")
        convs = [nn.Conv2d(features, width, (kernel_size, 1)) for features in (1, *[width] * (_NUM_CONVS - 1))]
        for conv in convs:
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        self.convs = nn.ModuleList(convs)
        self.channel_attention = ChannelAttention(width)
        self.dropout = nn.Dropout(dropout)
        self.gru = nn.GRU(
            num_channels * width,
            hidden_size,
            num_layers,
            dropout=dropout / 2 if num_layers > 1 else 0.0,  # half as much there too
        )
        self.pool = AttentionPooling(hidden_size)
        self.head = nn.Linear(hidden_size, num_classes)
        self.centre_weight = centre_weight
        self.centres_KH = nn.Parameter(torch.randn(num_classes, hidden_size))

    def forward(self, x_NTC: Tensor) -> Tensor:
        logits_NK: Tensor = self.head(self.dropout(self.features(x_NTC)))
        return logits_NK

    def features(self, x_NTC: Tensor) -> Tensor:
        """What a window is judged by: (N, H)."""
        x_NFTC = x_NTC.unsqueeze(1)
        for conv in self.convs:
            x_NFTC = features_last(conv(x_NFTC).relu())
        x_NUCF = self.channel_attention(x_NFTC.permute(0, 2, 3, 1))
        x_NUH = gru_states(self.gru, self.dropout(x_NUCF.flatten(start_dim=2)))
        x_NH: Tensor = self.pool(x_NUH)
        return x_NH

    def training_loss(
        self, windows_NTC: Tensor, targets_NK: Tensor, criterion: Callable[[Tensor, Tensor], Tensor]
    ) -> Tensor:
        """``criterion`` of the logits plus ``centre_weight`` times the centre loss: a scalar.

        The centre loss is the mean squared difference between the features, scaled to length 1, and the centre of the
        activity. A window that is a mixture counts for each of its activities by its share; in the published code it
        counts for the one with the larger share alone.
        """
        x_NH = self.features(windows_NTC)
        logits_NK = self.head(self.dropout(x_NH)).float()
        with torch.autocast(x_NH.device.type, enabled=False):
            return criterion(logits_NK, targets_NK) + self.centre_weight * self.centre_loss(x_NH.float(), targets_NK)

    def centre_loss(self, x_NH: Tensor, targets_NK: Tensor) -> Tensor:
        """Mean over windows and features of the squared difference to the centre (Y. Wen et al. 2016): a scalar."""
        unit_NH = functional.normalize(x_NH, dim=1)
        squares_NK = (unit_NH[:, None] - self.centres_KH).square().mean(dim=2)
        return (targets_NK * squares_NK).sum(dim=1).mean()
