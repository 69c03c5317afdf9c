"""The training loop: it learns, is reproducible, resumes bit for bit, stops early, and refuses what it cannot use."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from narrowing import present
from torch import nn

from har_core.base.errors import HarError, InputError
from har_core.settings.augmentation import AugmentationSettings
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.training import TrainingSettings
from har_core.training import loop
from har_core.training.data import LabelledWindows
from har_core.training.events import (
    CheckpointIgnored,
    EpochFinished,
    EpochProgress,
    Fitted,
    TrainingEvent,
    TrainingFinished,
    TrainingStarted,
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


def linear_model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(10, NUM_CLASSES))


ONE_STEP = TrainingSettings(epochs=1, batch_size=65, optimizer="sgd", momentum=0.0, weight_decay=0.0)


def test_a_long_gradient_is_clipped() -> None:
    before = linear_model()
    result = run(ONE_STEP.model_copy(update={"learning_rate": 2.0, "clip_norm": 0.01}), model=linear_model())
    change = [new - old for new, old in zip(result.model.parameters(), before.parameters(), strict=True)]
    assert torch.cat([c.flatten() for c in change]).norm().item() == pytest.approx(2.0 * 0.01, rel=1e-3)


def test_label_smoothing_is_in_the_training_loss_alone() -> None:
    settings = ONE_STEP.model_copy(update={"learning_rate": 1e-12, "label_smoothing": 0.3})
    (record,) = run(settings, model=linear_model()).history
    training, validation = make_windows(65, 0), make_windows(30, 1)
    model = linear_model()
    smoothed = nn.functional.cross_entropy(model(training.windows), training.labels, label_smoothing=0.3)
    plain = nn.functional.cross_entropy(model(validation.windows), validation.labels)
    assert record.training_loss == pytest.approx(smoothed.item())
    assert record.validation_loss == pytest.approx(plain.item())


def test_windows_are_augmented_in_training_alone() -> None:
    seen = []

    def augment(windows: torch.Tensor) -> torch.Tensor:
        seen.append(len(windows))
        return windows.square()

    plain, changed = run(), run(augment=augment)
    assert sum(seen) == 65 * SETTINGS.epochs
    assert plain.history[0].training_loss != changed.history[0].training_loss
    assert [record.validation_loss for record in run(augment=lambda windows: windows).history] == [
        record.validation_loss for record in plain.history
    ]


def test_a_resumed_run_draws_the_same_augmentations(tmp_path: Path) -> None:
    def augment(windows: torch.Tensor) -> torch.Tensor:
        return windows + torch.randn(len(windows), 1, 1)

    whole = run(augment=augment)

    def stop_after_two(event: TrainingEvent) -> None:
        if isinstance(event, EpochFinished) and event.record.epoch == 2:
            raise KeyboardInterrupt

    path = tmp_path / "checkpoint.pt"
    with pytest.raises(KeyboardInterrupt):
        run(augment=augment, checkpoint_path=path, listener=stop_after_two)
    events: list[TrainingEvent] = []
    resumed = run(augment=augment, checkpoint_path=path, listener=events.append)
    assert len([e for e in events if isinstance(e, EpochFinished)]) == SETTINGS.epochs - 2
    assert all(torch.equal(a, b) for a, b in zip(whole.model.parameters(), resumed.model.parameters(), strict=True))


LAST = SETTINGS.model_copy(update={"keep": "last"})


def test_the_last_epoch_is_kept_whatever_validation_says() -> None:
    best, last = run(SETTINGS.model_copy(update={"epochs": 8})), run(LAST.model_copy(update={"epochs": 8}))
    assert scores(best) == scores(last)
    assert best.best_epoch < last.best_epoch == 8, "the comparison needs an epoch that is better than the last"
    assert not torch.equal(best.model.state_dict()["layers.1.weight"], last.model.state_dict()["layers.1.weight"])


def test_without_validation_it_trains_the_same_and_has_no_validation_figures() -> None:
    finished: list[TrainingEvent] = []
    alone = run(LAST, validation=None, listener=finished.append)
    assert_equal_weights(alone, run(LAST))
    assert {(r.validation_loss, r.validation_macro_f1, r.validation_accuracy) for r in alone.history} == {(None,) * 3}
    assert finished[-1] == TrainingFinished(best_epoch=4, stopped_early=False)
    with pytest.raises(InputError, match="needs validation windows"):
        run(SETTINGS, validation=None)


def test_a_training_without_validation_resumes(tmp_path: Path) -> None:
    options: dict[str, Any] = {"validation": None, "checkpoint_path": tmp_path / "state.pt"}
    with pytest.raises(InterruptionError):
        run(LAST, **options, listener=interrupt_after(2))
    events: list[TrainingEvent] = []
    assert_equal_weights(run(LAST, **options, listener=events.append), run(LAST, validation=None))
    assert [event.record.epoch for event in events if isinstance(event, EpochFinished)] == [3, 4]


def test_accumulated_batches_make_the_step_of_one_large_batch() -> None:
    large = ONE_STEP.model_copy(update={"learning_rate": 0.5, "epochs": 2})
    small = large.model_copy(update={"batch_size": 16, "accumulate_batches": 4})
    (whole, parts) = (run(settings, model=linear_model()) for settings in (large, small))
    for ours, theirs in zip(parts.model.parameters(), whole.model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert [record.training_loss for record in parts.history] == pytest.approx(
        [record.training_loss for record in whole.history]
    )


def test_batches_left_over_make_a_step_of_their_own() -> None:
    settings = ONE_STEP.model_copy(update={"batch_size": 13, "accumulate_batches": 2, "warmup_epochs": 1.0})
    (record,) = run(settings, model=linear_model()).history  # 5 batches, 3 steps
    assert record.learning_rate == settings.learning_rate


def test_the_penalty_is_in_the_loss_and_pulls_every_weight_towards_zero() -> None:
    settings = ONE_STEP.model_copy(update={"learning_rate": 0.1})
    plain, penalised = (
        run(settings.model_copy(update={"l1_penalty": penalty}), model=linear_model()) for penalty in (0.0, 0.25)
    )
    before = linear_model().get_parameter("1.weight").detach()
    added = penalised.history[0].training_loss - plain.history[0].training_loss
    assert added == pytest.approx(0.25 * before.abs().sum().item(), rel=1e-4)
    pulled = penalised.model.get_parameter("1.weight") - plain.model.get_parameter("1.weight")
    torch.testing.assert_close(pulled, -0.1 * 0.25 * before.sign())
    assert torch.equal(penalised.model.get_parameter("1.bias"), plain.model.get_parameter("1.bias"))


def test_the_average_is_validated_and_kept_with_its_statistics() -> None:
    settings = SETTINGS.model_copy(update={"ema_decay": 0.95, "epochs": 3, "optimizer": "sgd", "learning_rate": 0.2})
    averaged, plain = run(settings), run(settings.model_copy(update={"ema_decay": None}))
    assert [r.training_loss for r in averaged.history] == [r.training_loss for r in plain.history]
    assert [r.validation_loss for r in averaged.history] != [r.validation_loss for r in plain.history]
    validation = make_windows(30, 1)
    best = averaged.history[averaged.best_epoch - 1]
    loss = nn.functional.cross_entropy(averaged.model(validation.windows), validation.labels).item()
    assert loss == pytest.approx(best.validation_loss)
    statistics = [result.model.get_buffer("layers.2.running_mean") for result in (averaged, plain)]
    assert not torch.equal(*statistics)


def test_plateau_lowers_the_learning_rate_where_validation_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    macro_f1 = iter([0.5, 0.7, 0.7, 0.6, 0.9])
    monkeypatch.setattr(loop, "f1_score", lambda *_, **__: next(macro_f1))
    settings = SETTINGS.model_copy(update={"epochs": 5, "schedule": "plateau", "plateau_patience": 2})
    assert [record.learning_rate for record in run(settings).history] == [0.01, 0.01, 0.01, 0.01, 0.005]


def test_targets_of_mixed_windows_are_shares() -> None:
    settings = SETTINGS.model_copy(update={"augmentation": AugmentationSettings(mixup=1000.0), "epochs": 1})
    (mixed,), (plain,) = (run(changed).history for changed in (settings, SETTINGS.model_copy(update={"epochs": 1})))
    assert mixed.training_loss != plain.training_loss
    # Halves of two activities in three: no network can be surer than that on average.
    many = run(settings.model_copy(update={"epochs": 30, "augmentation": AugmentationSettings(mixup=1000.0)}))
    assert min(record.training_loss for record in many.history) > 0.2


def test_macro_f1_counts_the_activities_that_train() -> None:
    def two_of_three(windows: LabelledWindows) -> LabelledWindows:
        return windows.select(torch.nonzero(windows.labels < 2)[:, 0])

    training, validation = two_of_three(make_windows(90, 0)), two_of_three(make_windows(30, 1))
    seed_everything(3)
    fitted = train(Network(), training, validation, SETTINGS, CPU, num_classes=NUM_CLASSES)
    assert max(present(record.validation_macro_f1) for record in fitted.history) > 2 / 3
