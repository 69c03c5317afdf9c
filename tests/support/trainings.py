"""Small trainings: a network with state of its own, windows that it can learn, and interruptions."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from har_core.settings.runtime import RuntimeSettings
from har_core.settings.training import TrainingSettings
from har_core.training.data import LabelledWindows
from har_core.training.events import (
    EpochFinished,
    Fitted,
    TrainingEvent,
)
from har_core.training.loop import train
from har_core.training.seeding import seed_everything

NUM_CLASSES = 3
CPU = RuntimeSettings(device="cpu", num_threads=1)
SETTINGS = TrainingSettings(epochs=4, batch_size=16, learning_rate=0.01, seed=3)


class Network(nn.Module):
    """Small, with batch norm and dropout: both keep state that a resumed run must take over."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(5 * 2, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layers(x)
        return logits


def make_windows(num_windows: int, seed: int) -> LabelledWindows:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(num_windows) % NUM_CLASSES
    windows = torch.randn(num_windows, 5, 2, generator=generator) + 3.0 * labels[:, None, None]
    return LabelledWindows(windows, labels)


def run(settings: TrainingSettings = SETTINGS, num_training: int = 65, **options: Any) -> Fitted:
    seed_everything(settings.seed)
    model = options.pop("model", None) or Network()
    training, validation = make_windows(num_training, 0), options.pop("validation", make_windows(30, 1))
    return train(model, training, validation, settings, CPU, num_classes=NUM_CLASSES, **options)


def assert_equal_weights(left: Fitted, right: Fitted) -> None:
    ours, theirs = left.model.state_dict(), right.model.state_dict()
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name


def scores(result: Fitted) -> list[tuple[float | None, ...]]:
    return [(r.learning_rate, r.training_loss, r.validation_loss, r.validation_macro_f1) for r in result.history]


def loss_scaling(path: Path) -> dict[str, float]:
    """The state of fp16's loss scaling; it counts steps, and too small a test to overflow would not miss it."""
    body = path.read_bytes()[32:]  # behind the hash
    scaler: dict[str, float] = torch.load(io.BytesIO(body), weights_only=True)["scaler"]
    return scaler


class InterruptionError(Exception):
    pass


def interrupt_after(epoch: int) -> Callable[[TrainingEvent], None]:
    def listener(event: TrainingEvent) -> None:
        if isinstance(event, EpochFinished) and event.record.epoch == epoch:
            raise InterruptionError

    return listener
