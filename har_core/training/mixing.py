"""Makes one training window of two, and shares of activities that say how much of each.

All randomness is from PyTorch's global generators. Letters: N windows, T timepoints, C channels, K activities.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Gamma
from torch.nn.functional import one_hot

from har_core.settings.augmentation import AugmentationSettings
from har_core.training.data import SoftLabels

Mix = Callable[[Tensor, Tensor, SoftLabels | None], tuple[Tensor, Tensor, SoftLabels | None]]
"""Makes windows (N, T, C) and shares of activities, float32 (N, K), of windows (N, T, C) and activities, int64 (N,).
Soft labels, where there are any, are mixed as the activities are."""


def make_mixing(settings: AugmentationSettings, *, num_classes: int) -> Mix | None:
    """Mixes each window of a batch with another one of it, as ``settings`` ask; None if they do not.

    If they ask for ``mixup`` and ``cutmix``, each batch draws one of the two.
    """
    ways = [
        (combine, strength) for combine, strength in ((blend, settings.mixup), (splice, settings.cutmix)) if strength
    ]
    if not ways:
        return None

    def mix(windows_NTC: Tensor, labels_N: Tensor, soft: SoftLabels | None) -> tuple[Tensor, Tensor, SoftLabels | None]:
        combine, strength = ways[int(torch.randint(len(ways), ())) if len(ways) > 1 else 0]
        num_windows, device = len(labels_N), labels_N.device
        others_N = torch.randperm(num_windows).to(device)
        mixed_NTC, shares_N = combine(windows_NTC, windows_NTC[others_N], draw_shares(strength, num_windows))
        shares_N1 = shares_N[:, None].to(device)
        targets_NK = one_hot(labels_N, num_classes).float()
        if soft is not None:
            soft = soft.of(lambda own: torch.lerp(own[others_N], own, shares_N1))
        return mixed_NTC, torch.lerp(targets_NK[others_N], targets_NK, shares_N1), soft

    return mix


def draw_shares(strength: float, number: int) -> Tensor:
    """Shares (number,) from Beta(α, α). PyTorch's own are halves for a small strength α, whose gammas underflow.

    A share is G / (G + H), where G and H are from Gamma(α). Their logarithms are drawn: those of Gamma(α + 1)·U^(1/α),
    with U uniform in (0, 1) (G. Marsaglia and W. W. Tsang, "A simple method for generating gamma variables", 2000).
    """
    gamma = Gamma(torch.tensor(strength + 1.0, dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64))
    uniform = torch.rand(2, number, dtype=torch.float64).clamp(min=torch.finfo(torch.float64).tiny)
    logs = gamma.sample((2, number)).log() + uniform.log() / strength
    return (logs[0] - logs[1]).sigmoid().float()


def blend(own_NTC: Tensor, others_NTC: Tensor, shares_N: Tensor) -> tuple[Tensor, Tensor]:
    """Mixup: the mean of two windows, weighted by the share of the first (H. Zhang et al., "mixup", 2018, section 2).

    Returns:
        Windows (N, T, C), and the share of the first window in each, (N,).
    """
    return torch.lerp(others_NTC, own_NTC, shares_N[:, None, None].to(own_NTC.device)), shares_N


def splice(own_NTC: Tensor, others_NTC: Tensor, shares_N: Tensor) -> tuple[Tensor, Tensor]:
    """Cutmix along time: a stretch at a random place comes from the second window (S. Yun et al., "CutMix", 2019).

    All channels are cut alike, and the stretch stays where it was in its window.

    Returns:
        Windows (N, T, C), and the share of the first window in each, (N,): that of the whole samples left.
    """
    num_timepoints = own_NTC.shape[1]
    lengths_N = ((1 - shares_N) * num_timepoints).round().to(torch.int64)
    first_N = (torch.rand(len(shares_N)) * (num_timepoints - lengths_N + 1)).to(torch.int64)
    timepoints_T = torch.arange(num_timepoints)
    cut_NT = (timepoints_T >= first_N[:, None]) & (timepoints_T < (first_N + lengths_N)[:, None])
    return torch.where(cut_NT[..., None].to(own_NTC.device), others_NTC, own_NTC), 1 - lengths_N / num_timepoints
