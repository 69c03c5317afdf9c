"""What a training tells: events while it works, for example to a screen or a tracker, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for the annotation only: displays do not wait for PyTorch
    from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRecord:
    """One finished epoch."""

    epoch: int
    """Counted from 1."""
    learning_rate: float
    """Learning rate of the last step of the epoch."""
    training_loss: float
    """Mean over the epoch's windows of the minimised loss, with all that the recipe adds to it."""
    validation_loss: float | None
    """Mean cross entropy of the validation windows, without label smoothing; as the next two, None without any."""
    validation_macro_f1: float | None
    """Mean F1 over the activities that there are training windows of; it chooses the best epoch, where that is kept."""
    validation_accuracy: float | None
    """Share of validation windows with the right activity."""
    seconds: float
    """Wall-clock time of training and validation, without writing the checkpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A model that answers, and how it came about."""

    model: nn.Module
    """On the CPU, in evaluation mode; windows (N, T, C) of its channels to logits (N, K)."""
    history: tuple[EpochRecord, ...]
    """Every epoch, resumed ones included; none of a classical model."""
    best_epoch: int
    """The epoch of the weights, counted from 1: the last, or the first with the highest validation macro-F1; 0 without
    epochs."""
    device: str
    precision: str
    """``fp32``, ``bf16`` or ``fp16``."""
    seconds: float
    """Wall-clock time of the fit: of all epochs, resumed ones and those of a pretraining included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingStarted:
    """Sent once, before the first epoch that is run."""

    num_parameters: int
    num_epochs: int
    """Most epochs that training may take, resumed ones included."""
    device: str
    precision: str
    """``fp32``, ``bf16`` or ``fp16``."""
    resumed: tuple[EpochRecord, ...]
    """Epochs taken over from the checkpoint of an interrupted run; they are not run again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointIgnored:
    """A checkpoint was found but not used, so training begins at the first epoch."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochProgress:
    """Sent at most a few times a second."""

    epoch: int
    num_done: int
    """Training windows done in this epoch."""
    num_total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochFinished:
    """Sent once the epoch's checkpoint is on disk."""

    record: EpochRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingFinished:
    """Sent once, at the end."""

    best_epoch: int
    """The epoch of the weights."""
    stopped_early: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Pretraining:
    """An event of what a network learns before its training, which has epochs of its own."""

    event: TrainingEvent


TrainingEvent = TrainingStarted | CheckpointIgnored | EpochProgress | EpochFinished | TrainingFinished | Pretraining
TrainingListener = Callable[[TrainingEvent], None]


def ignore(event: TrainingEvent) -> None:
    """The listener that does nothing."""
