"""TinierHAR: residual separable convolutions of each channel, a GRU in both directions, attention over time; smaller.

Origin: S. Bian et al., "TinierHAR: towards ultra-lightweight deep learning models for efficient human activity
recognition on edge devices", 2025, with the sizes of the code published with it. Convolutions before a batch norm,
which would cancel a bias, have none, and neither has the score of a timepoint: 94 parameters fewer than there. The last
layer starts as X. Glorot and Y. Bengio 2010 have it.

Cost of a window of 125 x 45, 19 activities: 37,572 parameters, 2,009,373 multiply-accumulates.

Letters: N windows, T timepoints, U = ⌊T/4⌋ timepoints after the convolutions, C channels, F features, H hidden units of
both directions, K activities.
"""

from __future__ import annotations

from torch import Tensor, nn

from har_core.models.layers.attention import AttentionPooling, features_last, gru_states
from har_core.models.layers.options import require_option
from har_core.models.registry import register_model


@register_model("tinierhar")
class TinierHar(nn.Module):
    """Two blocks that halve time, ``num_blocks`` that do not, a GRU, attention over time, one linear layer."""

    def __init__(
        self,
        *,
        num_channels: int,
        num_timepoints: int,
        num_classes: int,
        base_width: int = 4,
        num_blocks: int = 4,
        kernel_size: int = 5,
        hidden_size: int = 16,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        require_option(base_width >= 1, "base_width", base_width, "a whole number of at least 1")
        require_option(num_blocks >= 0, "num_blocks", num_blocks, "a whole number of at least 0")
        require_option(
            kernel_size >= 1 and kernel_size % 2 == 1, "kernel_size", kernel_size, "an odd number of at least 1"
        )
        require_option(hidden_size >= 1, "hidden_size", hidden_size, "a whole number of at least 1")
        require_option(0 <= dropout < 1, "dropout", dropout, "a share from 0 to below 1")
        width = 2 * base_width
        self.convs = nn.Sequential(
            SeparableBlock(1, base_width, kernel_size, halves_time=True),
            SeparableBlock(base_width, width, kernel_size, halves_time=True),
            *(SeparableBlock(width, width, kernel_size, halves_time=False) for _ in range(num_blocks)),
        )
        self.dropout = nn.Dropout(dropout)
        self.gru = nn.GRU(num_channels * width, hidden_size, bidirectional=True)
        self.pool = AttentionPooling(2 * hidden_size)
        self.head = nn.Linear(2 * hidden_size, num_classes)
        nn.init.xavier_uniform_(self.head.weight)  # a mean over time is small: PyTorch's own start is slow

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_NFUC = self.convs(x_NTC.unsqueeze(1))
        x_NUCF = x_NFUC.permute(0, 2, 3, 1)
        x_NUH = gru_states(self.gru, self.dropout(x_NUCF.flatten(start_dim=2)))
        logits_NK: Tensor = self.head(self.pool(x_NUH))
        return logits_NK


class SeparableBlock(nn.Module):
    """Depthwise and pointwise convolution, batch norm, ReLU, plus a shortcut; both may halve time by their maximum."""

    def __init__(self, in_features: int, out_features: int, kernel_size: int, *, halves_time: bool) -> None:
        super().__init__()
        self.filters = nn.Sequential(
            nn.Conv2d(
                in_features,
                in_features,
                (kernel_size, 1),
                padding=(kernel_size // 2, 0),
                groups=in_features,
                bias=False,
            ),
            nn.Conv2d(in_features, out_features, 1, bias=False),
            nn.BatchNorm2d(out_features),
            nn.ReLU(),
        )
        self.shortcut = (
            nn.Identity()
            if in_features == out_features
            else nn.Sequential(nn.Conv2d(in_features, out_features, 1, bias=False), nn.BatchNorm2d(out_features))
        )
        self.pool = nn.MaxPool2d((2, 1)) if halves_time else nn.Identity()

    def forward(self, x_NFTC: Tensor) -> Tensor:
        x_NFTC = features_last(x_NFTC)  # 1.6 times as fast so
        y_NFTC: Tensor = self.pool(self.filters(x_NFTC)) + self.pool(self.shortcut(x_NFTC))
        return y_NFTC
