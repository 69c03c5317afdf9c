"""Optimizers, and the learning rate as a function of the step."""

from __future__ import annotations

import math

import torch
from torch import nn

from har_core.settings.training import TrainingSettings

ONE_CYCLE_RISE = 0.3
"""Share of the steps in which one-cycle rises if there is no warm-up (the default of PyTorch and fastai)."""
ONE_CYCLE_START = 1 / 25
"""First learning rate of one-cycle, relative to the peak."""
ONE_CYCLE_END = 1e-4 / 25
"""Last learning rate of one-cycle, relative to the peak."""


def make_optimizer(model: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    """AdamW or SGD with momentum for all parameters of ``model``; fused, so each parameter is read once."""
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(
            model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
        )
    return torch.optim.SGD(
        model.parameters(),
        lr=settings.learning_rate,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
        fused=True,
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    """Set the learning rate of all parameters."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate


def learning_rate_at(step: int, steps_per_epoch: int, settings: TrainingSettings) -> float:
    """The learning rate of ``step``, counted from 0 over all epochs.

    It depends on the step only, so a resumed run needs no scheduler state. The warm-up rises linearly and takes its
    steps from the start of the schedule; ``step`` falls at the same epochs with or without a warm-up. ``one_cycle``
    (Smith and Topin 2019, section 3) rises along a cosine during the warm-up, or for 30 % of the steps if there is
    none, and falls along a cosine to nearly 0; momentum does not change.
    """
    num_steps = settings.epochs * steps_per_epoch
    num_warmup = min(round(settings.warmup_epochs * steps_per_epoch), num_steps)
    if settings.schedule == "one_cycle":
        num_rise = num_warmup or round(ONE_CYCLE_RISE * num_steps)
        if step < num_rise:
            return settings.learning_rate * _cosine(ONE_CYCLE_START, 1.0, step / num_rise)
        return settings.learning_rate * _cosine(
            1.0, ONE_CYCLE_END, (step - num_rise) / max(1, num_steps - num_rise - 1)
        )
    if step < num_warmup:
        return settings.learning_rate * (step + 1) / num_warmup
    if settings.schedule == "cosine":
        return settings.learning_rate * _cosine(1.0, 0.0, (step - num_warmup) / (num_steps - num_warmup))
    if settings.schedule == "step":
        num_falls = (step // steps_per_epoch) * settings.num_steps // settings.epochs
        return settings.learning_rate * float(settings.step_decay**num_falls)
    return settings.learning_rate


def _cosine(start: float, end: float, share: float) -> float:
    """From ``start`` to ``end`` along half a cosine, as ``share`` goes from 0 to 1."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
