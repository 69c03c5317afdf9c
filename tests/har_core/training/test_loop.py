"""The training loop: it learns, is reproducible, resumes bit for bit, stops early, and refuses what it cannot use."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from narrowing import present
from torch import nn
from trainings import (
    CPU,
    NUM_CLASSES,
    SETTINGS,
    InterruptionError,
    Network,
    assert_equal_weights,
    interrupt_after,
    loss_scaling,
    make_windows,
    run,
    scores,
)

from har_core.base.errors import HarError, InputError
from har_core.settings.augmentation import AugmentationSettings
from har_core.training import loop
from har_core.training.data import LabelledWindows
from har_core.training.events import (
    CheckpointIgnored,
    EpochFinished,
    EpochProgress,
    TrainingEvent,
    TrainingFinished,
    TrainingStarted,
)
from har_core.training.loop import train


def test_it_learns_and_returns_the_best_epoch() -> None:
    result = run(SETTINGS.model_copy(update={"epochs": 8}))
    best = max(present(record.validation_macro_f1) for record in result.history)
    assert best > 0.8
    assert result.history[result.best_epoch - 1].validation_macro_f1 == best
    assert not result.model.training
    validation = make_windows(30, 1)
    accuracy = (result.model(validation.windows).argmax(1) == validation.labels).float().mean().item()
    assert accuracy == pytest.approx(result.history[result.best_epoch - 1].validation_accuracy)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "muon"])
@pytest.mark.parametrize("schedule", ["constant", "step", "cosine", "one_cycle", "plateau"])
def test_same_seed_same_weights_other_seed_other_weights(optimizer: str, schedule: str) -> None:
    settings = SETTINGS.model_copy(
        update={
            "optimizer": optimizer,
            "schedule": schedule,
            "warmup_epochs": 1.5,
            "clip_norm": 0.5,
            "label_smoothing": 0.1,
            "epochs": 3,
        }
    )
    first, second = run(settings), run(settings)
    assert_equal_weights(first, second)
    assert scores(first) == scores(second)
    other = run(settings.model_copy(update={"seed": 4}))
    assert scores(other) != scores(first)


@pytest.mark.parametrize("epoch", [1, 3, 4])
@pytest.mark.parametrize("precision", ["off", "bf16", "fp16"])
def test_an_interrupted_run_resumes_to_the_same_weights(tmp_path: Path, epoch: int, precision: str) -> None:
    settings = SETTINGS.model_copy(update={"mixed_precision": precision, "clip_norm": 1.0})
    unbroken = run(settings, checkpoint_path=tmp_path / "unbroken.pt")
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(InterruptionError):
        run(settings, checkpoint_path=path, checkpoint_key="k", listener=interrupt_after(epoch))
    torch.rand(7)  # whatever the new process did with the global generator before
    events: list[TrainingEvent] = []
    resumed = run(settings, checkpoint_path=path, checkpoint_key="k", listener=events.append)
    assert_equal_weights(resumed, unbroken)
    assert scores(resumed) == scores(unbroken)
    assert resumed.best_epoch == unbroken.best_epoch
    assert loss_scaling(path) == loss_scaling(tmp_path / "unbroken.pt")
    assert [e.record.epoch for e in events if isinstance(e, EpochFinished)] == list(range(epoch + 1, 5))
    assert len(next(e for e in events if isinstance(e, TrainingStarted)).resumed) == epoch


RECIPES: dict[str, dict[str, Any]] = {
    "average": {"ema_decay": 0.8, "early_stopping_patience": 3},
    "plateau": {"schedule": "plateau", "plateau_patience": 1, "learning_rate": 1e-4},
    "muon": {"optimizer": "muon", "clip_norm": 1.0},
    "nesterov": {"optimizer": "sgd", "nesterov": True, "l1_penalty": 1e-4},
    "accumulated": {"accumulate_batches": 3, "schedule": "one_cycle"},
    "mixed": {"augmentation": AugmentationSettings(mixup=0.4, cutmix=0.4), "label_smoothing": 0.1},
    "focal": {"focal_gamma": 2.0, "class_weights": "balanced"},
}


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("precision", ["off", "fp16"])
def test_every_recipe_resumes_to_the_same_weights(tmp_path: Path, name: str, precision: str) -> None:
    settings = SETTINGS.model_copy(update={"mixed_precision": precision, **RECIPES[name]})
    unbroken, path = run(settings), tmp_path / "checkpoint.pt"
    with pytest.raises(InterruptionError):
        run(settings, checkpoint_path=path, listener=interrupt_after(2))
    torch.rand(7)
    events: list[TrainingEvent] = []
    resumed = run(settings, checkpoint_path=path, listener=events.append)
    assert [e.record.epoch for e in events if isinstance(e, EpochFinished)] == [3, 4]
    assert_equal_weights(resumed, unbroken)
    assert scores(resumed) == scores(unbroken)
    assert resumed.best_epoch == unbroken.best_epoch
    plain = run(SETTINGS.model_copy(update={"mixed_precision": precision}))
    assert scores(plain) != scores(unbroken), "the recipe does something"


@pytest.mark.parametrize("change", ["key", "settings", "truncated", "garbage", "empty", "network"])
def test_a_checkpoint_that_does_not_fit_is_told_and_not_used(
    tmp_path: Path, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "checkpoint.pt"
    run(checkpoint_path=path, checkpoint_key="k")
    if change == "truncated":
        path.write_bytes(path.read_bytes()[:-100])
    elif change == "garbage":
        path.write_bytes(b"not a checkpoint at all")
    elif change == "empty":
        path.write_bytes(b"")
    events: list[TrainingEvent] = []
    settings = SETTINGS.model_copy(update={"learning_rate": 0.02}) if change == "settings" else SETTINGS
    model = nn.Sequential(nn.Flatten(), nn.Linear(10, 3)) if change == "network" else None
    key = "other" if change == "key" else "k"
    with caplog.at_level(logging.WARNING):
        run(settings, checkpoint_path=path, checkpoint_key=key, listener=events.append, model=model)
    assert len([e for e in events if isinstance(e, EpochFinished)]) == SETTINGS.epochs
    assert next(e for e in events if isinstance(e, CheckpointIgnored)).path == path
    assert str(path) in caplog.text


def test_early_stopping(monkeypatch: pytest.MonkeyPatch) -> None:
    macro_f1 = iter([0.5, 0.7, 0.7, 0.6, 0.9])
    monkeypatch.setattr(loop, "f1_score", lambda *_, **__: next(macro_f1))
    events: list[TrainingEvent] = []
    result = run(SETTINGS.model_copy(update={"epochs": 5, "early_stopping_patience": 2}), listener=events.append)
    assert (result.best_epoch, len(result.history)) == (2, 4)
    assert events[-1] == TrainingFinished(best_epoch=2, stopped_early=True)


def test_a_stalled_run_that_was_interrupted_stays_stalled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "f1_score", lambda *_, **__: 0.5)
    settings = SETTINGS.model_copy(update={"epochs": 9, "early_stopping_patience": 2})
    with pytest.raises(InterruptionError):
        run(settings, checkpoint_path=tmp_path / "c.pt", listener=interrupt_after(3))
    events: list[TrainingEvent] = []
    result = run(settings, checkpoint_path=tmp_path / "c.pt", listener=events.append)
    assert (result.best_epoch, len(result.history)) == (1, 3)
    assert [type(event) for event in events] == [TrainingStarted, TrainingFinished]


def test_divergence_names_the_epoch_and_the_learning_rate() -> None:
    with pytest.raises(HarError, match=r"epoch 1 at learning rate 1e\+30"):
        run(SETTINGS.model_copy(update={"optimizer": "sgd", "learning_rate": 1e30}))


def test_divergence_in_the_last_step_is_told_too() -> None:
    settings = SETTINGS.model_copy(
        update={"optimizer": "sgd", "learning_rate": 1e39, "epochs": 1, "batch_size": 65, "keep": "last"}
    )
    with pytest.raises(HarError, match="weights are no longer finite in epoch 1"):
        run(settings, validation=None)


def test_a_single_window_left_over_joins_the_batch_before() -> None:
    assert 65 % SETTINGS.batch_size == 1
    assert len(run(SETTINGS, num_training=65).history) == SETTINGS.epochs


def test_progress_reaches_the_listener(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SECONDS_BETWEEN_PROGRESS", -1.0)
    events: list[TrainingEvent] = []
    run(SETTINGS.model_copy(update={"epochs": 1}), listener=events.append)
    progress = [e for e in events if isinstance(e, EpochProgress)]
    assert [e.num_done for e in progress] == [16, 32, 48, 65]
    assert all(e.num_total == 65 for e in progress)


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        (LabelledWindows(torch.zeros(4, 5), torch.zeros(4, dtype=torch.int64)), "float32 tensor"),
        (LabelledWindows(torch.zeros(4, 5, 2, dtype=torch.float64), torch.zeros(4, dtype=torch.int64)), "float64"),
        (LabelledWindows(torch.zeros(4, 5, 2), torch.zeros(3, dtype=torch.int64)), "one label for each"),
        (LabelledWindows(torch.zeros(1, 5, 2), torch.zeros(1, dtype=torch.int64)), "at least 2"),
        (LabelledWindows(torch.zeros(4, 5, 2), torch.tensor([0, 1, 2, 3])), "0 to 2"),
    ],
)
def test_windows_that_cannot_be_used_are_refused(training: LabelledWindows, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        train(Network(), training, make_windows(9, 1), SETTINGS, CPU, num_classes=NUM_CLASSES)
