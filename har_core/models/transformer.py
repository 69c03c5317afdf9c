"""Transformer: an encoder over short patches of all channels, averaged over time.

Origin: A. Vaswani et al., "Attention is all you need", 2017, section 3: the encoder with its sinusoids for positions.
The norm comes first in each layer (R. Xiong et al., "On layer normalization in the transformer architecture", 2020,
section 3), because training then needs no warm-up. Inside, a layer is twice as wide as outside and has GELU, not four
times as wide with ReLU. Patches of a few timepoints take the place of words: a single timepoint says little, and
attention costs the square of their number.

Cost of a window of 125 x 45, 19 activities: 429,075 parameters, 11,032,832 multiply-accumulates.

Letters: N windows, T timepoints, C channels, P patches, L values of a patch, F features, K activities.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from har_core.models.layers.attention import Encoder
from har_core.models.layers.options import require_option
from har_core.models.registry import register_model


@register_model("transformer")
class Transformer(nn.Module):
    """A linear layer on each patch, sinusoids, ``num_layers`` encoder layers, mean over time, one linear layer."""

    position_PF: Tensor

    def __init__(
        self,
        *,
        num_channels: int,
        num_timepoints: int,
        num_classes: int,
        width: int = 128,
        patch_length: int = 5,
        num_heads: int = 4,
        num_layers: int = 3,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        require_option(patch_length >= 1, "patch_length", patch_length, "a whole number of at least 1")
        num_patches = -(-num_timepoints // patch_length)
        self.num_padded = num_patches * patch_length - num_timepoints
        self.embed = nn.Linear(patch_length * num_channels, width)
        self.register_buffer("position_PF", sinusoids(num_patches, width), persistent=False)
        self.dropout = nn.Dropout(dropout)
        self.encoder = Encoder(width=width, num_heads=num_heads, num_layers=num_layers, dropout=dropout)
        self.head = nn.Linear(width, num_classes)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_NTC = functional.pad(x_NTC, (0, 0, 0, self.num_padded))
        x_NPL = x_NTC.reshape(x_NTC.shape[0], -1, self.embed.in_features)
        x_NPF = self.embed(x_NPL) + self.position_PF
        x_NPF = self.encoder(self.dropout(x_NPF))
        logits_NK: Tensor = self.head(x_NPF.mean(dim=1))
        return logits_NK


def sinusoids(num_patches: int, width: int) -> Tensor:
    """Sines and cosines of a patch's position at ``width / 2`` wavelengths (Vaswani et al. 2017, section 3.5): (P, F).

    Wavelengths grow from 2π to 10,000 · 2π patches.
    """
    rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000) / width))
    angle = torch.arange(num_patches)[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(start_dim=1)[:, :width]
