"""What training makes small: the loss of the recipe, or that of a network which brings its own."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.functional import one_hot

Criterion = Callable[[Tensor, Tensor], Tensor]
"""The loss of the recipe: logits (N, K) and targets to a scalar, the mean over the windows. Targets are activities,
int64 (N,), or shares of activities, float32 (N, K)."""


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
