"""Conv transformer: convolutions that shorten time, then an encoder, then a learnt weighting of time.

Origin: A. Hassani et al., "Escaping the big data paradigm with compact transformers", 2021: convolutions in place of
patches, the weighted mean in place of a class token. Here two convolutions along time halve it twice by their stride,
with batch norm; there one or two are followed by max pooling. The encoder is that of `transformer`.

Cost of a window of 125 x 45, 19 activities: 383,123 parameters, 13,359,360 multiply-accumulates.

Letters: N windows, T timepoints, U = ⌈T/4⌉ timepoints after the convolutions, C channels, F features, K activities.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from har_core.models.layers.attention import AttentionPooling, Encoder
from har_core.models.layers.options import require_option
from har_core.models.registry import register_model


@register_model("conv_transformer")
class ConvTransformer(nn.Module):
    """Two convolutions, learnt positions, encoder layers, a weighted mean over time, one linear layer."""

    def __init__(
        self,
        *,
        num_channels: int,
        num_timepoints: int,
        num_classes: int,
        width: int = 128,
        kernel_size: int = 5,
        num_heads: int = 4,
        num_layers: int = 2,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        require_option(
            kernel_size >= 1 and kernel_size % 2 == 1, "kernel_size", kernel_size, "an odd number of at least 1"
        )
        self.stem = nn.Sequential(
            halving_conv(num_channels, width, kernel_size),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            halving_conv(width, width, kernel_size),
            nn.BatchNorm1d(width),
            nn.ReLU(),
        )
        self.position_UF = nn.Parameter(0.02 * torch.randn(-(-num_timepoints // 4), width))
        self.dropout = nn.Dropout(dropout)
        self.encoder = Encoder(width=width, num_heads=num_heads, num_layers=num_layers, dropout=dropout)
        self.pool = AttentionPooling(width)
        self.head = nn.Linear(width, num_classes)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_NFU = self.stem(x_NTC.transpose(1, 2))
        x_NUF = x_NFU.transpose(1, 2) + self.position_UF
        x_NUF = self.encoder(self.dropout(x_NUF))
        logits_NK: Tensor = self.head(self.pool(x_NUF))
        return logits_NK


def halving_conv(in_features: int, out_features: int, kernel_size: int) -> nn.Conv1d:
    """Convolution with stride 2 that keeps ⌈T/2⌉ timepoints; batch norm follows, so it has no bias."""
    return nn.Conv1d(in_features, out_features, kernel_size, stride=2, padding=kernel_size // 2, bias=False)
