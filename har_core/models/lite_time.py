"""LITE: filters made by hand beside learnt ones, then two dilated separable convolutions, averaged over time.

Origin: Ismail-Fawaz et al. 2023 ("LITE: light Inception with boosting techniques for time series classification"), in
the authors' form for several channels (LITEMV; "Look into the LITE in deep learning for time series classification",
2024): the filters made by hand see each channel alone, and the first convolutions are separable like the others. The
filters come from Ismail-Fawaz et al. 2022 ("Deep learning for time series classification using new hand-crafted
convolution filters"). LITETime is the mean of five such networks; this is one of them.

Cost of a window of 125 x 45, 19 activities: 56,063 parameters, 12,638,858 multiply-accumulates.

Letters: N windows, T timepoints, C channels, S = N·C series, F features, G features that come out, J timepoints under a
filter, B filters made by hand, K activities.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from har_core.models.layers.options import require_option
from har_core.models.layers.series import FeatureNorm
from har_core.models.registry import register_model

_ALTERNATING_LENGTHS = (2, 4, 8, 16, 32, 64)
_PEAK_LENGTHS = (6, 12, 24, 48, 96)
_NUM_HANDMADE = 2 * len(_ALTERNATING_LENGTHS) + len(_PEAK_LENGTHS)
_IN_CACHE = 400_000
"""Numbers that a step works on at a time: a tensor of this size stays in a core's cache from one tap to the next."""


@register_model("lite_time")
class LiteTime(nn.Module):
    """Separable convolutions of three lengths beside the filters made by hand, then two more, dilated by 2 and 4."""

    def __init__(
        self, *, num_channels: int, num_timepoints: int, num_classes: int, width: int = 32, kernel_size: int = 40
    ) -> None:
        super().__init__()
        require_option(width >= 1, "width", width, "a whole number of at least 1")
        require_option(kernel_size >= 4, "kernel_size", kernel_size, "a whole number of at least 4")  # noqa: PLR2004
        self.handmade = HandmadeFilters()
        lengths = [kernel_size, kernel_size // 2, kernel_size // 4]
        self.convs = nn.ModuleList(SeparableConv(num_channels, width, length) for length in lengths)
        num_features = len(lengths) * width + _NUM_HANDMADE * num_channels
        self.norm = FeatureNorm(num_features)
        self.conv2, self.norm2 = SeparableConv(num_features, width, lengths[1], dilation=2), FeatureNorm(width)
        self.conv3, self.norm3 = SeparableConv(width, width, lengths[2], dilation=4), FeatureNorm(width)
        self.linear = nn.Linear(width, num_classes)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_NTF = torch.cat([*(conv(x_NTC) for conv in self.convs), self.handmade(x_NTC)], dim=-1)
        x_NTF = self.norm(x_NTF).relu()
        x_NTF = self.norm2(self.conv2(x_NTF)).relu()
        x_NTF = self.norm3(self.conv3(x_NTF)).relu()
        logits_NK: Tensor = self.linear(x_NTF.mean(dim=1))
        return logits_NK


class HandmadeFilters(nn.Module):
    """Filters for rises, falls and peaks, with ReLU: windows (N, T, C) to float (N, T, 17·C); nothing is learnt."""

    def __init__(self) -> None:
        super().__init__()
        filters = [alternating(length) for length in _ALTERNATING_LENGTHS] + [peak(length) for length in _PEAK_LENGTHS]
        self.bank_B1J = nn.Buffer(side_by_side(filters).unsqueeze(1), persistent=False)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_S1T = x_NTC.transpose(1, 2).flatten(0, 1).unsqueeze(1)
        y_SBT = functional.conv1d(functional.pad(x_S1T, _margins(self.bank_B1J.shape[-1])), self.bank_B1J)
        y_NTBC = y_SBT.view(-1, x_NTC.shape[2], *y_SBT.shape[1:]).permute(0, 3, 2, 1)
        rises_NTBC = y_NTBC[:, :, : len(_ALTERNATING_LENGTHS)]
        peaks_NTBC = y_NTBC[:, :, len(_ALTERNATING_LENGTHS) :]
        return torch.cat([rises_NTBC, -rises_NTBC, peaks_NTBC], dim=2).relu().flatten(start_dim=2)


class SeparableConv(nn.Module):
    """A filter for each feature along time, then a mix of the features, without biases: (N, T, F) to (N, T, width)."""

    def __init__(self, in_features: int, out_features: int, kernel_size: int, *, dilation: int = 1) -> None:
        super().__init__()
        self.dilation = dilation
        self.weight_JF = nn.Parameter(torch.empty(kernel_size, in_features))
        nn.init.uniform_(self.weight_JF, -(kernel_size**-0.5), kernel_size**-0.5)  # as nn.Conv1d with F groups does
        self.pointwise = nn.Linear(in_features, out_features, bias=False)

    def forward(self, x_NTF: Tensor) -> Tensor:
        y_NTG: Tensor = self.pointwise(depthwise(x_NTF, self.weight_JF, self.dilation))
        return y_NTG


def depthwise(x_NTF: Tensor, weight_JF: Tensor, dilation: int) -> Tensor:
    """A filter for each feature along time, with zeros beyond the ends: (N, T, F) to the same shape."""
    padded_NTF = functional.pad(x_NTF, (0, 0, *_margins(dilation * (len(weight_JF) - 1) + 1)))
    if torch.compiler.is_exporting():
        # One operator instead of one for each tap. With features last, as they are elsewhere, PyTorch 2.13 does not
        # come back from it in bf16 for fewer than 16 features.
        x_NFT, weight_F1J = padded_NTF.transpose(1, 2).contiguous(), weight_JF.t().contiguous().unsqueeze(1)
        return functional.conv1d(x_NFT, weight_F1J, dilation=dilation, groups=len(weight_F1J)).transpose(1, 2)
    y_NTF: Tensor = _Depthwise.apply(padded_NTF.float(), weight_JF.float(), dilation)  # type: ignore[no-untyped-call]
    return y_NTF


class _Depthwise(torch.autograd.Function):
    """One multiply-add for each tap, over a few windows at a time: faster on a CPU than a convolution with F groups."""

    @staticmethod
    def forward(ctx: Any, padded_NTF: Tensor, weight_JF: Tensor, dilation: int) -> Tensor:
        ctx.save_for_backward(padded_NTF, weight_JF)
        ctx.dilation = dilation
        num_timepoints = padded_NTF.shape[1] - dilation * (len(weight_JF) - 1)
        y_NTF = padded_NTF.new_zeros(len(padded_NTF), num_timepoints, padded_NTF.shape[2])
        size = _windows_in_cache(y_NTF)
        for start in range(0, len(y_NTF), size):
            windows = slice(start, start + size)
            for j, weight_F in enumerate(weight_JF):
                tap = (windows, slice(j * dilation, j * dilation + num_timepoints))
                y_NTF[windows].addcmul_(padded_NTF[tap], weight_F)
        return y_NTF

    @staticmethod
    def backward(ctx: Any, grad_NTF: Tensor) -> tuple[Tensor | None, Tensor, None]:
        padded_NTF, weight_JF = ctx.saved_tensors
        grad_padded_NTF = torch.zeros_like(padded_NTF) if ctx.needs_input_grad[0] else None
        grad_weight_JF = torch.zeros_like(weight_JF)
        num_timepoints, size = grad_NTF.shape[1], _windows_in_cache(grad_NTF)
        for start in range(0, len(grad_NTF), size):
            windows = slice(start, start + size)
            for j, weight_F in enumerate(weight_JF):
                tap = (windows, slice(j * ctx.dilation, j * ctx.dilation + num_timepoints))
                grad_weight_JF[j] += (grad_NTF[windows] * padded_NTF[tap]).sum(dim=(0, 1))
                if grad_padded_NTF is not None:
                    grad_padded_NTF[tap].addcmul_(grad_NTF[windows], weight_F)
        return grad_padded_NTF, grad_weight_JF, None


def _windows_in_cache(x_NTF: Tensor) -> int:
    return max(1, _IN_CACHE // x_NTF[0].numel())


def _margins(length: int) -> tuple[int, int]:
    """Zeros before and after a series that keep its length under a filter of ``length``."""
    return (length - 1) // 2, length // 2


def alternating(length: int) -> Tensor:
    """-1, 1, -1, 1 …, which answers to rises; its negative answers to falls: float32 (J,)."""
    return torch.tensor([-1.0, 1.0]).repeat(length // 2)


def peak(length: int) -> Tensor:
    """Down, up by twice as much, and down again, each third a parabola that climbs to the middle and falls: (J,).

    >>> peak(12)
    tensor([-0.2500, -1.0000, -1.0000, -0.2500,  0.5000,  2.0000,  2.0000,  0.5000,
            -0.2500, -1.0000, -1.0000, -0.2500])
    """
    half = torch.linspace(0, 1, length // 6 + 1)[1:].square()
    bump = torch.cat([half, half.flip(0)])
    return torch.cat([-bump, 2 * bump, -bump])


def side_by_side(filters: Sequence[Tensor]) -> Tensor:
    """Filters of different lengths as one bank (B, J), with zeros around the shorter ones."""
    longest = max(map(len, filters))
    before, after = _margins(longest)
    rows = []
    for taps_J in filters:
        own_before, own_after = _margins(len(taps_J))
        rows.append(functional.pad(taps_J, (before - own_before, after - own_after)))
    return torch.stack(rows)
