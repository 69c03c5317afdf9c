"""Swin: each channel is cut into patches along time, which look at each other in short stretches that shift by half.

Origin: Z. Liu et al., "Swin Transformer: hierarchical vision transformer using shifted windows", 2021, section 3.2, in
the form published for these recordings over (N, 1, T, C): patches of one channel, stretches along time; layer norm
inside and ReLU outside the sums; one linear layer for the feed-forward part; merging that keeps the width; a learnt
position of each patch, not a bias of relative positions; all features of all channels to the head. That form has
``width`` 256, ``head_size`` 64 and ``tower_width`` 1024, which is 50 million parameters; these options default to sizes
that a processor trains. There, patches are rolled around and a mask of -100 keeps the ends of the series apart; here
the ends are stretches of half the length, which needs neither. Queries, keys and values are one matrix product. The
layer norms inside the sums start at 0.1, not 1.

Cost of a window of 125 x 45, 19 activities: 1,718,483 parameters, 119,983,232 multiply-accumulates.

Letters: N windows, T timepoints, C channels, S = N·C series, P patches, F features, A features of queries,
keys and values, K activities.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from har_core.models.layers.attention import (
    ChannelPatches,
    MultiHeadAttention,
    PatchMerging,
    Tower,
    pad_patches,
    require_channel_patches,
)
from har_core.models.layers.options import require_option
from har_core.models.registry import register_model

_NUM_STAGES = 3


@register_model("swin")
class Swin(nn.Module):
    """Patches of single channels, three stages of plain and shifted attention and merging, two linear layers."""

    def __init__(
        self,
        *,
        num_channels: int,
        num_timepoints: int,
        num_classes: int,
        width: int = 64,
        patch_length: int = 4,
        stretch: int = 8,
        num_heads: int = 4,
        head_size: int = 16,
        tower_width: int = 128,
    ) -> None:
        super().__init__()
        require_channel_patches(width=width, num_heads=num_heads, head_size=head_size, tower_width=tower_width)
        require_option(stretch > 0 and stretch % 2 == 0, "stretch", stretch, "an even number of patches, at least 2")
        self.num_channels, self.stretch = num_channels, stretch
        self.patches = ChannelPatches(
            num_channels=num_channels, num_timepoints=num_timepoints, patch_length=patch_length, width=width
        )
        num_patches, stages = self.patches.num_patches, []
        for _ in range(_NUM_STAGES):
            stages += [
                SwinBlock(width, num_heads, head_size, stretch, is_shifted=False),
                SwinBlock(width, num_heads, head_size, stretch, is_shifted=True),
                PatchMerging(width),
            ]
            num_patches = -(-num_patches // stretch) * stretch // 2
        self.body = nn.Sequential(*stages)
        self.head = Tower(num_features=num_channels * num_patches * width, width=tower_width, num_classes=num_classes)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_NCPF = self.patches(x_NTC)
        x_SPF = self.body(x_NCPF.flatten(0, 1))
        x_NCPF = x_SPF.unflatten(0, (-1, self.num_channels))
        logits_NK: Tensor = self.head(x_NCPF.flatten(start_dim=1))
        return logits_NK


class SwinBlock(nn.Module):
    """Attention within stretches of patches, then a linear layer, each with a sum around it."""

    def __init__(self, width: int, num_heads: int, head_size: int, stretch: int, *, is_shifted: bool) -> None:
        super().__init__()
        self.stretch, self.is_shifted = stretch, is_shifted
        self.attention = MultiHeadAttention(width, num_heads, head_size)
        self.project = nn.Sequential(nn.Linear(num_heads * head_size, width), small_norm(width))
        self.feed_forward = nn.Sequential(nn.Linear(width, width), small_norm(width))

    def forward(self, x_SPF: Tensor) -> Tensor:
        x_SPF = pad_patches(x_SPF, self.stretch)
        x_SPF = (x_SPF + self.project(self.attend(x_SPF))).relu()
        y_SPF: Tensor = self.feed_forward(x_SPF)
        return (x_SPF + y_SPF).relu()

    def attend(self, x_SPF: Tensor) -> Tensor:
        """Attention within stretches; shifted ones start half a stretch later, and half a one is left at each end."""
        within, half = self.attention.within, self.stretch // 2
        qkv_SPA = self.attention.qkv(x_SPF)
        if not self.is_shifted:
            return within(qkv_SPA, self.stretch)
        num_between = x_SPF.shape[1] - self.stretch
        first, between, last = torch.split(qkv_SPA, [half, num_between, half], dim=1)
        parts = [within(first, half), within(last, half)]
        if num_between:
            parts.insert(1, within(between, self.stretch))
        return torch.cat(parts, dim=1)


def small_norm(width: int) -> nn.LayerNorm:
    """Layer norm that starts at 0.1: at full size, sums of six blocks learn nothing in the first steps."""
    norm = nn.LayerNorm(width)
    nn.init.constant_(norm.weight, 0.1)
    return norm
