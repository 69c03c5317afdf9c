"""Attention: between timepoints or patches, between channels, and as a weighted mean over time.

Features come last. Exported graphs must answer alike to the last digit wherever they are loaded, but PyTorch chooses
between two ways to multiply windows with weights, which round differently, by whether the weights need a gradient. It
has no choice where the windows lie in order in memory and the layer has a bias, nor where all rows are flattened into
one matrix first.

Letters: N windows, T timepoints, C channels, S = N·C series, P patches, L timepoints of a patch or positions of a
stretch, F features, H heads, D features of a head, A = 3·H·D features of queries, keys and values, B sequences,
Q positions in a sequence, R stretches of a sequence, or of all sequences and heads at once, K activities.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from har_core.models.layers.options import require_option


class MultiHeadAttention(nn.Module):
    """Self-attention whose heads together may be wider than the features: (B, Q, F) to (B, Q, H·D).

    Unlike ``nn.MultiheadAttention`` it neither ties D to F/H nor maps back to F features. It is written out because for
    the tens of positions here PyTorch's ``scaled_dot_product_attention`` makes training a tenth slower on a processor.
    """

    def __init__(self, width: int, num_heads: int, head_size: int) -> None:
        super().__init__()
        self.num_heads, self.head_size = num_heads, head_size
        self.qkv = nn.Linear(width, 3 * num_heads * head_size)

    def forward(self, x_BQF: Tensor) -> Tensor:
        return self.within(self.qkv(x_BQF), x_BQF.shape[1])

    def within(self, qkv_BQA: Tensor, length: int) -> Tensor:
        """Attention within stretches of ``length`` positions, given their queries, keys and values side by side."""
        num_sequences, num_positions, _ = qkv_BQA.shape
        parts = qkv_BQA.view(num_sequences, num_positions // length, length, 3, self.num_heads, self.head_size)
        q_RLD, k_RLD, v_RLD = parts.permute(3, 0, 1, 4, 2, 5).contiguous().flatten(1, 3)
        scores_RLL = torch.bmm(q_RLD / math.sqrt(self.head_size), k_RLD.transpose(1, 2))
        y_RLD = torch.bmm(scores_RLL.softmax(dim=2), v_RLD)
        y_BRHLD = y_RLD.view(num_sequences, num_positions // length, self.num_heads, length, self.head_size)
        return y_BRHLD.transpose(2, 3).reshape(num_sequences, num_positions, self.num_heads * self.head_size)


class EncoderLayer(nn.Module):
    """Attention, then two linear layers with GELU, a sum around each: (N, P, F) to the same shape.

    The encoder layer of A. Vaswani et al. 2017, section 3.1, with the norm first (R. Xiong et al. 2020), GELU for ReLU,
    and inside twice the width, not four times. It computes what ``nn.TransformerEncoderLayer`` does, which a test
    compares, but for dropout of the weights of attention. That module multiplies windows that lie out of order in
    memory.
    """

    def __init__(self, width: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = MultiHeadAttention(width, num_heads, width // num_heads)
        self.project = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * width, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_NPF: Tensor) -> Tensor:
        x_NPF = x_NPF + self.dropout(self.project(self.attention(self.norm1(x_NPF))))
        y_NPF: Tensor = self.dropout(self.feed_forward(self.norm2(x_NPF)))
        return x_NPF + y_NPF


class Encoder(nn.Sequential):
    """``num_layers`` times :class:`EncoderLayer`, then a layer norm: (N, P, F) to the same shape."""

    def __init__(self, *, width: int, num_heads: int, num_layers: int, dropout: float) -> None:
        require_option(num_heads >= 1, "num_heads", num_heads, "a whole number of at least 1")
        require_option(
            width >= 1 and width % num_heads == 0, "width", width, f"a positive multiple of num_heads, {num_heads}"
        )
        require_option(num_layers >= 1, "num_layers", num_layers, "a whole number of at least 1")
        require_option(0 <= dropout < 1, "dropout", dropout, "a share from 0 to below 1")
        layers = (EncoderLayer(width, num_heads, dropout) for _ in range(num_layers))
        super().__init__(*layers, nn.LayerNorm(width))


class ChannelAttention(nn.Module):
    """Channels of one timepoint look at each other: (N, T, C, F) to the same shape.

    The layer of H. Zhang et al., "Self-attention generative adversarial networks", 2019, with channels for places in an
    image: one head, no scale, added to the input with a learnt factor. As in A. Abedin et al. 2021 and Y. Zhou et al.
    2022, queries, keys and values are as wide as the features, and no linear layer follows. The factor starts at 0.1,
    not at 0, so that the attention itself learns from the first step on.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.factor = nn.Parameter(torch.tensor(0.1))

    def forward(self, x_NTCF: Tensor) -> Tensor:
        qkv_BCF = self.qkv(x_NTCF.flatten(0, 2)).view(-1, x_NTCF.shape[2], 3 * x_NTCF.shape[3])
        q_BCF, k_BCF, v_BCF = qkv_BCF.chunk(3, dim=-1)
        y_BCF = functional.scaled_dot_product_attention(q_BCF, k_BCF, v_BCF, scale=1.0)
        return x_NTCF + self.factor * y_BCF.view_as(x_NTCF)


class AttentionPooling(nn.Module):
    """Mean over time, weighted by the softmax of a linear score: (N, T, F) to (N, F).

    The score has no bias: softmax would cancel it.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, 1, bias=False)

    def forward(self, x_NTF: Tensor) -> Tensor:
        score_NT1: Tensor = self.score(x_NTF.flatten(0, 1)).view(-1, x_NTF.shape[1], 1)
        return (score_NT1.softmax(dim=1) * x_NTF).sum(dim=1)


class ChannelPatches(nn.Module):
    """Each channel by itself cut into patches along time, mapped to features, plus a learnt position.

    (N, T, C) to (N, C, P, F); timepoints beyond the last whole patch are left out.
    """

    def __init__(self, *, num_channels: int, num_timepoints: int, patch_length: int, width: int) -> None:
        super().__init__()
        require_option(
            1 <= patch_length <= num_timepoints,
            "patch_length",
            patch_length,
            f"a whole number from 1 to the {num_timepoints} timepoints of a window",
        )
        self.patch_length = patch_length
        self.num_patches = num_timepoints // patch_length
        self.embed = nn.Linear(patch_length, width)
        self.position = nn.Parameter(torch.zeros(num_channels, self.num_patches, width))

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_NCT = x_NTC.transpose(1, 2)[..., : self.num_patches * self.patch_length]
        x_NCPL = x_NCT.reshape(*x_NCT.shape[:2], self.num_patches, self.patch_length)
        x_NCPF: Tensor = self.embed(x_NCPL) + self.position
        return x_NCPF


class PatchMerging(nn.Module):
    """Two neighbouring patches become one: (S, P, F) to (S, ⌈P/2⌉, F).

    Linear layer on both, layer norm, ReLU. In Z. Liu et al. 2021, section 3.1, the layer is on four and doubles the
    width, and there is no ReLU. A patch of zeros makes their number even.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, x_SPF: Tensor) -> Tensor:
        x_SPF = pad_patches(x_SPF, 2)
        pairs = x_SPF.reshape(x_SPF.shape[0], x_SPF.shape[1] // 2, 2 * x_SPF.shape[2])
        y_SPF: Tensor = self.norm(self.linear(pairs)).relu()
        return y_SPF


class Tower(nn.Sequential):
    """Linear layer, layer norm, ReLU, linear layer: (N, features) to logits (N, K)."""

    def __init__(self, *, num_features: int, width: int, num_classes: int) -> None:
        super().__init__(nn.Linear(num_features, width), nn.LayerNorm(width), nn.ReLU(), nn.Linear(width, num_classes))


def features_last(x_NFTC: Tensor) -> Tensor:
    """The same tensor (N, F, T, C), features side by side in memory; convolutions keep this order."""
    return x_NFTC.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)


def gru_states(gru: nn.GRU, x_NTF: Tensor) -> Tensor:
    """States of ``gru`` (not batch first) at each timepoint: (N, T, F) to (N, T, H) for H units of all directions.

    A GRU that is batch first would multiply windows that lie out of order in memory.
    """
    x_TNH, _ = gru(x_NTF.transpose(0, 1).contiguous())
    x_NTH: Tensor = x_TNH.transpose(0, 1)
    return x_NTH


def pad_patches(x_SPF: Tensor, multiple: int) -> Tensor:
    """Patches of zeros at the end, so that their number is a multiple of ``multiple``."""
    missing = -x_SPF.shape[1] % multiple
    return functional.pad(x_SPF, (0, 0, 0, missing)) if missing else x_SPF


def require_channel_patches(*, width: int, num_heads: int, head_size: int, tower_width: int) -> None:
    """Refuse what the networks over :class:`ChannelPatches` cannot be made with.

    Raises:
        InputError: an option is below 1.
    """
    sizes = {"width": width, "num_heads": num_heads, "head_size": head_size, "tower_width": tower_width}
    for option, value in sizes.items():
        require_option(value >= 1, option, value, "a whole number of at least 1")
