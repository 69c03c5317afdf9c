"""A running average of the weights of a network, which often answers better than its last weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def averaged_model(model: nn.Module, decay: float) -> AveragedModel:
    """A copy of ``model`` whose ``update_parameters(model)`` after a step leaves the share ``decay`` of the average.

    Exponential averages of weights are from B. T. Polyak and A. B. Juditsky, "Acceleration of stochastic approximation
    by averaging", 1992, and, with a decay, from C. Szegedy et al., "Rethinking the Inception architecture", 2016. The
    first weights are far from good, so the share of step n is at most (1 + n) / (10 + n).

    Running means and variances of batch norm are averaged in the same way. They are averages over steps already, so
    those of the average belong to about the same steps as its weights. Whole numbers are copied.
    """

    @torch.no_grad()
    def average(averages: Sequence[Tensor], currents: Sequence[Tensor], num_averaged: Tensor | int) -> None:
        num_steps = int(num_averaged)
        share = min(decay, (1 + num_steps) / (10 + num_steps))
        for average, current in zip(averages, currents, strict=True):
            if average.is_floating_point():
                average.lerp_(current, 1 - share)
            else:
                average.copy_(current)

    return AveragedModel(model, multi_avg_fn=average, use_buffers=True)
