"""Optimizers, and the learning rate as a function of the step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from har_core.settings.training import TrainingSettings
from har_core.training.initialisation import Dense

ONE_CYCLE_RISE = 0.3
"""Share of the steps in which one-cycle rises if there is no warm-up (the default of PyTorch and fastai)."""
ONE_CYCLE_START = 1 / 25
"""First learning rate of one-cycle, relative to the peak."""
ONE_CYCLE_END = 1e-4 / 25
"""Last learning rate of one-cycle, relative to the peak."""


def make_optimizers(model: nn.Module, settings: TrainingSettings) -> list[torch.optim.Optimizer]:
    """The optimizers that together move all parameters of ``model``; fused, so each parameter is read once.

    ``muon`` moves matrices along the nearest orthogonal matrix of their gradient (K. Jordan et al., "Muon", 2024),
    scaled so that learning rates for AdamW serve it too (J. Liu et al., "Muon is scalable for LLM training", 2025,
    section 2.2), and everything else by AdamW. Matrices are weights of linear, recurrent and convolution layers, those
    of convolutions as outputs by inputs and places.
    """
    if settings.optimizer == "sgd":
        return [
            torch.optim.SGD(
                model.parameters(),
                lr=settings.learning_rate,
                momentum=settings.momentum,
                weight_decay=settings.weight_decay,
                nesterov=settings.nesterov,
                fused=True,
            )
        ]
    adamw = partial(torch.optim.AdamW, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True)
    matrices = _matrices(model)
    if settings.optimizer == "adamw" or not matrices:
        return [adamw(model.parameters())]
    others = [parameter for parameter in model.parameters() if all(parameter is not matrix for matrix in matrices)]
    muon = torch.optim.Muon(
        [_flat(parameter) for parameter in matrices],
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        momentum=settings.momentum,
        adjust_lr_fn="match_rms_adamw",
    )
    return [muon, *([adamw(others)] if others else [])]


def _matrices(model: nn.Module) -> list[nn.Parameter]:
    """Trained weights that map several features to several: no biases, norms, depthwise filters or learnt positions."""
    layers = [module for module in model.modules() if isinstance(module, Dense | nn.RNNBase)]
    weights = [parameter for layer in layers for parameter in layer.parameters(recurse=False)]
    return [
        parameter
        for parameter in weights
        if parameter.requires_grad and parameter.dim() > 1 and min(parameter.shape[:2]) > 1
    ]


def _flat(parameter: nn.Parameter) -> nn.Parameter:
    """``parameter`` as a matrix that shares its numbers and, after each backward pass, those of its gradient."""
    if parameter.dim() == 2:  # noqa: PLR2004 - a matrix already
        return parameter
    flat = nn.Parameter(parameter.detach().view(len(parameter), -1))

    def share(filters: Tensor) -> None:
        flat.grad = None if filters.grad is None else filters.grad.view_as(flat)

    parameter.register_post_accumulate_grad_hook(share)  # type: ignore[no-untyped-call]
    return flat


def set_learning_rate(optimizers: Sequence[torch.optim.Optimizer], learning_rate: float) -> None:
    """Set the learning rate of all parameters."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate


def learning_rate_at(
    step: int, steps_per_epoch: int, settings: TrainingSettings, scores: Sequence[float] = ()
) -> float:
    """The learning rate of ``step``, counted from 0 over all epochs.

    It depends on the step and the validation scores of the epochs before alone, so a resumed run needs no scheduler
    state. The warm-up rises linearly and takes its steps from the start of the schedule; ``step`` falls at the same
    epochs with or without a warm-up. ``one_cycle`` (Smith and Topin 2019, section 3) rises along a cosine during the
    warm-up, or for 30 % of the steps if there is none, and falls along a cosine to nearly 0; momentum does not change.
    ``plateau`` falls each time that ``plateau_patience`` scores in a row, from the first after the warm-up on, are not
    better than the best before.
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
    num_falls = 0
    if settings.schedule == "step":
        num_falls = (step // steps_per_epoch) * settings.num_steps // settings.epochs
    elif settings.schedule == "plateau":
        num_falls = _num_plateaus(scores[math.ceil(settings.warmup_epochs) :], settings.plateau_patience)
    return settings.learning_rate * float(settings.step_decay**num_falls)


def _num_plateaus(scores: Sequence[float], patience: int) -> int:
    """How often ``patience`` scores in a row were not better than the best before them."""
    best, num_waited, num_plateaus = -math.inf, 0, 0
    for score in scores:
        best, num_waited = (score, 0) if score > best else (best, num_waited + 1)
        if num_waited == patience:
            num_waited, num_plateaus = 0, num_plateaus + 1
    return num_plateaus


def _cosine(start: float, end: float, share: float) -> float:
    """From ``start`` to ``end`` along half a cosine, as ``share`` goes from 0 to 1."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
