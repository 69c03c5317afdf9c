"""Pretrains a network in place by one of the tasks, with the training loop; its last layer is left as it is.

Letters: N windows, T timepoints, C channels of the network, M channels of the windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor, nn

from har_core.base.errors import InputError
from har_core.settings.augmentation import AugmentationSettings
from har_core.settings.pretraining import PretrainingSettings
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.training import TrainingSettings
from har_core.training.augmentation import Layout, make_augmentation
from har_core.training.data import LabelledWindows
from har_core.training.events import Fitted, Pretraining, TrainingEvent, TrainingListener
from har_core.training.loop import train
from har_core.training.pretraining.contrastive import Contrastive
from har_core.training.pretraining.heads import Encoder
from har_core.training.pretraining.masked import Masked
from har_core.training.pretraining.multi_task import MultiTask


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainingWindows:
    """What a network is pretrained on."""

    data: LabelledWindows
    """Normalised, of M channels. Activities count for the task ``activities`` alone."""
    num_classes: int
    """That the activities are of."""
    layout: Layout | None
    """Of the M channels; None where nobody knows what normalised them."""
    at: Sequence[int] | None = None
    """Where they stand among the C channels of the network; None where they are the same."""
    version: str = ""
    """Of the content, where it is not that of the training windows."""


def pretrain(
    network: nn.Module,
    windows: PretrainingWindows,
    settings: PretrainingSettings,
    recipe: TrainingSettings,
    runtime: RuntimeSettings,
    *,
    num_channels: int,
    checkpoint_path: Path | None,
    checkpoint_key: str,
    listener: TrainingListener,
) -> Fitted:
    """Pretrain ``network`` in place.

    Batch size, optimizer and schedule are those of ``recipe``; ``plateau``, which validation steers, becomes
    ``cosine``. Batches are augmented for the task ``activities`` alone: the others say themselves what is done to them.

    Args:
        network: with its first weights; afterwards all but its last linear layer are pretrained.
        windows: what it learns from.
        settings: which task, and how long.
        recipe: of the training that comes after.
        runtime: where.
        num_channels: C.
        checkpoint_path: as of :func:`har_core.training.loop.train`, but not the same file.
        checkpoint_key: what the training after it belongs to.
        listener: is told of every event, as one of :class:`~har_core.training.events.Pretraining`.

    Returns:
        The network, and the epochs and the time of its pretraining.

    Raises:
        InputError: the network has no last linear layer, the windows cannot be used, or the task needs their layout.
        HarError: the loss is no longer finite.
    """
    encoder = Encoder(network, (windows.data.windows.shape[1], num_channels), at=windows.at)

    def listen(event: TrainingEvent) -> None:
        listener(Pretraining(event=event))

    try:
        is_taught = settings.task == "activities"
        fitted = train(
            _learner(settings, encoder, windows),
            windows.data,
            None,
            _recipe_of(recipe, settings, augmentation=recipe.augmentation if is_taught else AugmentationSettings()),
            runtime,
            num_classes=windows.num_classes,
            checkpoint_path=checkpoint_path,
            checkpoint_key=f"{checkpoint_key} pretraining {windows.version}",
            augment=make_augmentation(recipe.augmentation, _layout(settings, windows)) if is_taught else None,
            listener=listen,
        )
    finally:
        encoder.release()
    return replace(fitted, model=network)


class _Recognition(nn.Module):
    """An encoder and a linear layer for the activities of the windows: their logits."""

    def __init__(self, encoder: Encoder, *, num_classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.last = nn.Linear(encoder.num_features, num_classes)

    def forward(self, x_NTM: Tensor) -> Tensor:
        logits: Tensor = self.last(self.encoder(x_NTM))
        return logits


def _learner(settings: PretrainingSettings, encoder: Encoder, windows: PretrainingWindows) -> nn.Module:
    _, num_timepoints, num_channels = windows.data.windows.shape
    if settings.task == "masked":
        share = settings.masked_share
        return Masked(encoder, num_timepoints=num_timepoints, num_channels=num_channels, share=share)
    if settings.task == "contrastive":
        return Contrastive(encoder, layout=_layout(settings, windows), temperature=settings.temperature)
    if settings.task == "multi_task":
        return MultiTask(encoder, layout=_layout(settings, windows))
    return _Recognition(encoder, num_classes=windows.num_classes)


def _layout(settings: PretrainingSettings, windows: PretrainingWindows) -> Layout:
    if windows.layout is None:
        raise InputError(f"[training.pretraining] {settings.task} needs normalised windows: it changes them")
    return windows.layout


def _recipe_of(
    recipe: TrainingSettings, settings: PretrainingSettings, *, augmentation: AugmentationSettings
) -> TrainingSettings:
    changed = {
        "epochs": settings.epochs,
        "learning_rate": settings.learning_rate,
        "schedule": "cosine" if recipe.schedule == "plateau" else recipe.schedule,
        "keep": "last",
        "early_stopping_patience": None,
        "augmentation": augmentation.model_dump(),
    }
    return TrainingSettings.model_validate(recipe.model_dump() | changed)
