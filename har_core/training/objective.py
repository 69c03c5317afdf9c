"""What training makes small: the loss of the recipe, or that of a network which brings its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, kl_div, log_softmax, one_hot

from har_core.settings.training import TrainingSettings
from har_core.training.data import SoftLabels

Criterion = Callable[[Tensor, Tensor], Tensor]
"""The loss of the recipe: logits (N, K) and targets to a scalar, the mean over the windows. Targets are activities,
int64 (N,), or shares of activities, float32 (N, K)."""


def make_criterion(settings: TrainingSettings, labels: Tensor, *, num_classes: int) -> Criterion:
    """The loss of the recipe: cross entropy, with label smoothing, class weights and the focal factor where asked for.

    Args:
        settings: which.
        labels: activities of the training windows, int64 (N,); class weights come from their counts.
        num_classes: K.
    """
    smoothing, gamma = settings.label_smoothing, settings.focal_gamma
    if settings.class_weights is None and not gamma:
        return partial(cross_entropy, label_smoothing=smoothing)
    weights_K = torch.ones(num_classes) if settings.class_weights is None else balanced_weights(labels, num_classes)
    smallest_miss = torch.finfo().tiny if gamma < 1 else 0.0  # a power below 1 has no gradient at 0

    def criterion(logits_NK: Tensor, targets: Tensor) -> Tensor:
        shares_NK = targets if targets.is_floating_point() else one_hot(targets, num_classes).float()
        logs_NK = log_softmax(logits_NK, dim=1)
        misses_NK = (1 - logs_NK.exp()).clamp(min=smallest_miss)
        # Weights and factors are those of the window's own activities. With weights for those that smoothing adds, a
        # rare activity would be the best answer to windows of a frequent one.
        factors_NK = weights_K.to(logits_NK.device) * misses_NK**gamma * shares_NK
        own_N, smoothed_N = (factors_NK * logs_NK).sum(dim=1), factors_NK.sum(dim=1) * logs_NK.mean(dim=1)
        return -((1 - smoothing) * own_N + smoothing * smoothed_N).mean()

    return criterion


def taught(criterion: Criterion, soft: SoftLabels) -> Criterion:
    """``criterion``, and by the weight of ``soft`` how far the softened answers are from the teacher's.

    That is the Kullback-Leibler divergence times the squared temperature, so that the share of its gradient does not
    depend on the temperature (G. Hinton, O. Vinyals and J. Dean, "Distilling the knowledge in a neural network", 2015,
    section 2). ``soft`` are those of the windows that the criterion will get, in their order.
    """

    def both(logits_NK: Tensor, targets: Tensor) -> Tensor:
        logs_NK = log_softmax(logits_NK / soft.temperature, dim=1)
        divergence = kl_div(logs_NK, soft.shares, reduction="batchmean")
        return (1 - soft.weight) * criterion(logits_NK, targets) + soft.weight * soft.temperature**2 * divergence

    return both


def matched(loss: Tensor, model: nn.Module, soft: SoftLabels) -> Tensor:
    """``loss``, and by their weight how far the features of ``model`` are from the teacher's, if ``soft`` has those.

    The model has a method ``mismatch(features_NF)``, of the windows that it answered last.
    """
    if soft.features is None:
        return loss
    mismatch: Tensor = model.mismatch(soft.features)  # type: ignore[operator] # it has one
    return (1 - soft.feature_weight) * loss + soft.feature_weight * mismatch


def balanced_weights(labels: Tensor, num_classes: int) -> Tensor:
    """Weights of activities, float32 (K,), that make them count alike: in inverse proportion to their windows.

    Over all windows their mean is 1. An activity without windows has the weight 0.
    """
    counts_K = torch.bincount(labels.cpu(), minlength=num_classes)
    num_present = (counts_K > 0).sum()
    return torch.where(counts_K > 0, len(labels) / (num_present * counts_K.clamp(min=1)), 0.0)


def l1_norm(model: nn.Module) -> Tensor:
    """The sum of the absolute weights of ``model``. Biases and norms, of one dimension, do not count."""
    return torch.stack([parameter.abs().sum() for parameter in model.parameters() if parameter.dim() > 1]).sum()


def objective(
    model: nn.Module, windows_NTC: Tensor, targets: Tensor, criterion: Criterion, *, num_classes: int
) -> Tensor:
    """The loss of a batch, a scalar: ``criterion`` of the logits, unless the network has a ``training_loss``.

    A network whose loss is not one of its logits alone has a method ``training_loss(windows_NTC, targets_NK,
    criterion)``. It gets shares of activities, float32 (N, K), whatever ``targets`` are, and may use ``criterion``.
    """
    own = getattr(model, "training_loss", None)
    if own is None:
        return criterion(model(windows_NTC).float(), targets)
    shares_NK = targets if targets.is_floating_point() else one_hot(targets, num_classes).float()
    loss: Tensor = own(windows_NTC, shares_NK, criterion)
    return loss
