"""TinyHAR: convolutions of each channel, channels that look at each other, an LSTM, attention over time; small.

Origin: Y. Zhou et al., "TinyHAR: a lightweight deep learning model designed for human activity recognition", 2022, with
the kinds of blocks, and the 20 filters, of the code published with it. The text published with the code has a stride of
2 in each convolution and a transformer block over channels; the code has it in every second one, and attention alone.
Its convolutions do not pad, so that a window of less than 25 timepoints leaves nothing; these pad with zeros. The
factors of both attentions start at 0.1, not 0. The parts of the published code add up to 59,161 parameters, as here;
the logs published with `tinierhar` count as many for these recordings, and 60,483 in two early lines.

Cost of a window of 125 x 45, 19 activities: 59,161 parameters, 20,747,460 multiply-accumulates.

Letters: N windows, T timepoints, U = ⌈T/4⌉ timepoints after the convolutions, C channels, F features, H hidden units,
K activities.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from har_core.models.layers.attention import ChannelAttention, features_last
from har_core.models.layers.options import require_option
from har_core.models.registry import register_model

_STRIDES = (1, 2, 1, 2)


@register_model("tinyhar")
class TinyHar(nn.Module):
    """Four convolutions, attention over channels, one linear layer on all channels, an LSTM, attention over time."""

    def __init__(
        self,
        *,
        num_channels: int,
        num_timepoints: int,
        num_classes: int,
        width: int = 20,
        kernel_size: int = 5,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        require_option(width >= 1, "width", width, "a whole number of at least 1")
        require_option(
            kernel_size >= 1 and kernel_size % 2 == 1, "kernel_size", kernel_size, "an odd number of at least 1"
        )
        require_option(0 <= dropout < 1, "dropout", dropout, "a share from 0 to below 1")
        hidden_size = 2 * width
        self.convs = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(features, width, (kernel_size, 1), stride=(stride, 1), padding=(kernel_size // 2, 0)),
                    nn.ReLU(),
                    nn.BatchNorm2d(width),
                )
                for features, stride in zip((1, width, width, width), _STRIDES, strict=True)
            )
        )
        self.channel_attention = ChannelAttention(width)
        self.dropout = nn.Dropout(dropout)
        self.fuse = nn.Linear(num_channels * width, hidden_size)
        self.lstm = nn.LSTM(hidden_size, hidden_size, batch_first=True)
        self.pool = LastPlusPooling(hidden_size)
        self.head = nn.Linear(hidden_size, num_classes)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_NFTC = self.convs[0](x_NTC.unsqueeze(1))
        x_NFUC = self.convs[1:](features_last(x_NFTC))  # 1.7 times as fast so
        x_NUCF = self.dropout(self.channel_attention(x_NFUC.permute(0, 2, 3, 1)))
        x_NUH, _ = self.lstm(self.fuse(x_NUCF.flatten(start_dim=2)).relu())
        logits_NK: Tensor = self.head(self.pool(x_NUH))
        return logits_NK


class LastPlusPooling(nn.Module):
    """The last timepoint plus a learnt factor times a weighted mean over time: (N, U, H) to (N, H)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.score = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1, bias=False))
        self.factor = nn.Parameter(torch.tensor(0.1))

    def forward(self, x_NUH: Tensor) -> Tensor:
        score_NU1 = self.score(x_NUH.flatten(0, 1)).view(-1, x_NUH.shape[1], 1)
        pooled_NH: Tensor = x_NUH[:, -1] + self.factor * (score_NU1.softmax(dim=1) * x_NUH).sum(dim=1)
        return pooled_NH
