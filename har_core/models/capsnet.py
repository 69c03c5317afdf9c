"""CapsNet: convolutions into short vectors, capsules, that agree by routing on a capsule for each activity.

Origin: Sabour, Frosst and Hinton 2017 ("Dynamic routing between capsules"): squashing (equation 1), routing (procedure
1), margin loss (equation 4), reconstruction (section 4.1). Here over time instead of an image, with both convolutions
of stride 2 and a quarter of the features, so that 256 capsules see a window of 125 timepoints rather than 1,152 an
image. The derivative goes through the last routing step alone, as in many implementations, though not in the authors'.

Cost of a window of 125 x 45, 19 activities: 685,504 parameters, 3,827,280 multiply-accumulates.

Letters: N windows, T timepoints, C channels, F features, I primary capsules of D numbers, K activities with a capsule
of O numbers each.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional

from har_core.models.layers.options import require_option
from har_core.models.layers.temporal import to_image
from har_core.models.registry import register_model

_KERNEL_SIZE = 9
_PRIMARY_SIZE, _CLASS_SIZE = 8, 16
_PRESENT, _ABSENT, _WEIGHT_OF_ABSENT = 0.9, 0.1, 0.5
"""Lengths that the loss asks for (m+ and m-), and how much it minds the absent (λ)."""
_TINY = 1e-7
"""Keeps lengths and logarithms of capsules of zeros finite, and their derivatives too."""


@register_model("capsnet")
class CapsNet(nn.Module):
    """Convolution (9, stride 2) and ReLU, convolution (9, stride 2) into capsules, routing to the activities.

    The length of an activity's capsule, 0 to 1, tells whether the activity is there. The logits are the log odds of
    that, log(l / (1 - l)): their softmax has the order of the lengths.
    """

    def __init__(
        self,
        *,
        num_channels: int,
        num_timepoints: int,
        num_classes: int,
        width: int = 64,
        num_routings: int = 3,
        reconstruction_weight: float = 0.0,
    ) -> None:
        """A ``reconstruction_weight`` above 0 adds a decoder to the training loss.

        The paper's is 0.392: 0.0005 of a sum over 784 pixels. The decoder is half as wide as the paper's and has no
        sigmoid at its end, since windows are not between 0 and 1.
        """
        super().__init__()
        is_whole = width >= 1 and width % _PRIMARY_SIZE == 0
        require_option(is_whole, "width", width, f"a positive multiple of {_PRIMARY_SIZE}")
        require_option(num_routings >= 1, "num_routings", num_routings, "a whole number of at least 1")
        require_option(reconstruction_weight >= 0, "reconstruction_weight", reconstruction_weight, "0 or more")
        self.num_routings, self.reconstruction_weight = num_routings, reconstruction_weight
        self.conv = _halving_conv(num_channels, width)
        self.primary = _halving_conv(width, width)
        num_capsules = -(-num_timepoints // 4) * (width // _PRIMARY_SIZE)
        self.predictions = nn.Parameter(torch.empty(num_capsules, _PRIMARY_SIZE, num_classes * _CLASS_SIZE))
        nn.init.normal_(self.predictions, std=_PRIMARY_SIZE**-0.5)
        if reconstruction_weight > 0:
            self.decoder = nn.Sequential(
                nn.Linear(num_classes * _CLASS_SIZE, 4 * width),
                nn.ReLU(),
                nn.Linear(4 * width, 8 * width),
                nn.ReLU(),
                nn.Linear(8 * width, num_timepoints * num_channels),
            )

    def forward(self, x_NTC: Tensor) -> Tensor:
        squared_NK = self.class_capsules(x_NTC)[1]
        return (squared_NK + _TINY).log()  # as l = |s|² / (1 + |s|²), the odds l / (1 - l) are |s|²

    def training_loss(self, windows_NTC: Tensor, targets_NK: Tensor, criterion: Callable[..., Tensor]) -> Tensor:
        """The margin loss, and the weighted mean squared error of the reconstruction where there is one; a scalar.

        Where a window is a mixture, each activity pays both terms of the margin loss by its share, which is the mean of
        the loss over the activities. The decoder gets the capsules times the shares. ``criterion`` takes no part: the
        loss has no weights of classes and no label smoothing.
        """
        del criterion
        capsules_NKO, squared_NK = self.class_capsules(windows_NTC)
        loss = margin_loss(squared_NK / (1 + squared_NK), targets_NK)
        if self.reconstruction_weight > 0:
            x_NTC = self.decoder((capsules_NKO * targets_NK.unsqueeze(-1)).flatten(start_dim=1)).view_as(windows_NTC)
            loss = loss + self.reconstruction_weight * functional.mse_loss(x_NTC.float(), windows_NTC)
        return loss

    def class_capsules(self, x_NTC: Tensor) -> tuple[Tensor, Tensor]:
        """Capsules of the activities (N, K, O), and their squared lengths |s|² before squashing (N, K); float32."""
        x_NF1T = self.primary(self.conv(to_image(x_NTC)).relu())
        x_NTF = x_NF1T.squeeze(2).transpose(1, 2)
        primary_NID = squash(_float32(x_NTF).reshape(x_NTF.shape[0], -1, _PRIMARY_SIZE))
        with _full_precision(x_NTC.device.type):
            told_INF = torch.bmm(primary_NID.transpose(0, 1), _float32(self.predictions))
            told_INKO = told_INF.view(*told_INF.shape[:2], -1, _CLASS_SIZE)
            told_NKIO = told_INKO.permute(1, 2, 0, 3).contiguous()
            s_NKO = route(told_NKIO, self.num_routings)[0]
        return squash(s_NKO), s_NKO.square().sum(dim=-1)


def route(told_NKIO: Tensor, num_routings: int) -> tuple[Tensor, Tensor]:
    """Routing by agreement: what the primary capsules tell the activities, weighed by how well it agrees.

    Args:
        told_NKIO: what each primary capsule says of each activity's capsule, float32 (N, K, I, O).
        num_routings: steps; the first weighs all activities alike.

    Returns:
        The capsules before squashing (N, K, O), and the weights (N, K, I), which add up to 1 over the activities.
    """
    constant_NKIO = told_NKIO.detach()
    agreement_NKI = torch.zeros_like(constant_NKIO[..., 0])
    for _ in range(num_routings - 1):
        s_NK1O = agreement_NKI.softmax(dim=1).unsqueeze(2) @ constant_NKIO
        agreement_NKI = agreement_NKI + (constant_NKIO @ squash(s_NK1O).transpose(2, 3)).squeeze(-1)
    weights_NKI = agreement_NKI.softmax(dim=1)
    return (weights_NKI.unsqueeze(2) @ told_NKIO).squeeze(2), weights_NKI


def squash(s: Tensor) -> Tensor:
    """Vectors (the last dimension) of the same direction and a length below 1: l² / (1 + l²) of the length l."""
    squared = s.square().sum(dim=-1, keepdim=True)
    return s * (squared / (1 + squared) * (squared + _TINY).rsqrt())


def margin_loss(lengths_NK: Tensor, targets_NK: Tensor) -> Tensor:
    """Sum over activities, mean over windows: those there are longer than 0.9, the others shorter than 0.1."""
    too_short_NK = (_PRESENT - lengths_NK).relu().square()
    too_long_NK = (lengths_NK - _ABSENT).relu().square()
    loss_NK = targets_NK * too_short_NK + _WEIGHT_OF_ABSENT * (1 - targets_NK) * too_long_NK
    return loss_NK.sum(dim=1).mean()


def _halving_conv(in_features: int, out_features: int) -> nn.Conv2d:
    padding = (0, _KERNEL_SIZE // 2)
    return nn.Conv2d(in_features, out_features, (1, _KERNEL_SIZE), stride=(1, 2), padding=padding)


def _float32(x: Tensor) -> Tensor:
    """``x`` in float32; but a graph would insist for ever on the type that ``x`` was exported with."""
    return x if torch.compiler.is_exporting() else x.float()


def _full_precision(device_type: str) -> AbstractContextManager[object]:
    """Products in float32, even within autocast: agreement adds up small differences."""
    if torch.amp.is_autocast_available(device_type) and torch.is_autocast_enabled(device_type):
        return torch.autocast(device_type, enabled=False)
    return nullcontext()
