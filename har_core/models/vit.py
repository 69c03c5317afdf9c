"""ViT: each channel is cut into patches along time, which look at each other; three times their number is halved.

Origin: A. Dosovitskiy et al., "An image is worth 16x16 words", 2021, section 3.1, in the form published for these
recordings over (N, 1, T, C): patches of one channel; the sum around attention, then layer norm inside and ReLU outside
it; two patches merged to one in place of the feed-forward layer; all features of all channels, not a class token, go to
the head. That form has ``width`` 256, ``head_size`` 64 and ``tower_width`` 1024, which is 49 million parameters; these
options default to sizes that a processor trains. Queries, keys and values are one matrix product here.

Cost of a window of 125 x 45, 19 activities: 1,642,451 parameters, 60,084,992 multiply-accumulates.

Letters: N windows, T timepoints, C channels, S = N·C series, P patches, F features, K activities.
"""

from __future__ import annotations

from torch import Tensor, nn

from har_core.models.layers.attention import (
    ChannelPatches,
    MultiHeadAttention,
    PatchMerging,
    Tower,
    require_channel_patches,
)
from har_core.models.registry import register_model

_NUM_BLOCKS = 3


@register_model("vit")
class Vit(nn.Module):
    """Patches of single channels, three blocks of attention and merging, two linear layers."""

    def __init__(
        self,
        *,
        num_channels: int,
        num_timepoints: int,
        num_classes: int,
        width: int = 64,
        patch_length: int = 4,
        num_heads: int = 4,
        head_size: int = 16,
        tower_width: int = 128,
    ) -> None:
        super().__init__()
        require_channel_patches(width=width, num_heads=num_heads, head_size=head_size, tower_width=tower_width)
        self.num_channels = num_channels
        self.patches = ChannelPatches(
            num_channels=num_channels, num_timepoints=num_timepoints, patch_length=patch_length, width=width
        )
        self.body = nn.Sequential(*(VitBlock(width, num_heads, head_size) for _ in range(_NUM_BLOCKS)))
        num_patches = -(-self.patches.num_patches // 2**_NUM_BLOCKS)
        self.head = Tower(num_features=num_channels * num_patches * width, width=tower_width, num_classes=num_classes)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_NCPF = self.patches(x_NTC)
        x_SPF = self.body(x_NCPF.flatten(0, 1))
        x_NCPF = x_SPF.unflatten(0, (-1, self.num_channels))
        logits_NK: Tensor = self.head(x_NCPF.flatten(start_dim=1))
        return logits_NK


class VitBlock(nn.Module):
    """Attention between the patches of a series, with a sum around it, then pairs of patches merged."""

    def __init__(self, width: int, num_heads: int, head_size: int) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(width, num_heads, head_size)
        self.project = nn.Sequential(nn.Linear(num_heads * head_size, width), nn.LayerNorm(width))
        self.merge = PatchMerging(width)

    def forward(self, x_SPF: Tensor) -> Tensor:
        y_SPF = self.project(self.attention(x_SPF))
        merged: Tensor = self.merge((x_SPF + y_SPF).relu())
        return merged
