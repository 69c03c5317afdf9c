"""Pruning in steps, each followed by some epochs of training.

Method: the schedule of M. Zhu and S. Gupta, "To prune, or not to prune: exploring the efficacy of pruning for model
compression", 2017: most goes first, while there is much to spare, and the last steps take little.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

from torch import nn

from har_core.compression.recipe import Compressed, Material, fine_tune, with_input
from har_core.settings.recipes import PruningSettings
from har_core.training.events import EpochRecord


def shares(share: float, steps: int) -> list[float]:
    """What is gone after each step, as a share of what there was: ``share`` after the last.

    >>> shares(0.5, 2)
    [0.4375, 0.5]
    """
    return [share * (1 - (1 - step / steps) ** 3) for step in range(1, steps + 1)]


def prune_gradually(
    network: nn.Module,
    material: Material,
    settings: PruningSettings,
    prune: Callable[[float], AbstractContextManager[None]],
) -> Compressed:
    """Prune ``network`` in place and train it on, in turn, until the share of ``settings`` is gone.

    Args:
        network: normalised windows to logits, which its parent's recipe trains on.
        material: what it is trained with.
        settings: how much, in how many steps, and how it is trained after each.
        prune: takes what is to be gone by now, a share of what there was; open while the network is trained.

    Raises:
        InputError: there is nothing to train with; or what ``prune`` raises.
    """
    history: list[EpochRecord] = []
    for share in shares(settings.share, settings.steps):
        with prune(share):
            fitted = fine_tune(network, material, epochs=settings.epochs, learning_rate=settings.learning_rate)
        history += [replace(record, epoch=len(history) + record.epoch) for record in fitted.history]
    return Compressed(
        classifier=with_input(network, material),
        history=tuple(history),
        seconds=sum(record.seconds for record in history),
        device=fitted.device,
        precision=fitted.precision,
    )
