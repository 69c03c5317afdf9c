"""What each setting of a recipe does to a training."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from narrowing import as_type, present
from torch import nn
from trainings import (
    CPU,
    NUM_CLASSES,
    SETTINGS,
    InterruptionError,
    Network,
    assert_equal_weights,
    interrupt_after,
    make_windows,
    run,
    scores,
)

from har_core.base.errors import InputError
from har_core.settings.augmentation import AugmentationSettings
from har_core.settings.training import TrainingSettings
from har_core.training import loop
from har_core.training.data import LabelledWindows
from har_core.training.events import (
    EpochFinished,
    TrainingEvent,
    TrainingFinished,
)
from har_core.training.loop import train
from har_core.training.seeding import seed_everything


def linear_model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(10, NUM_CLASSES))


ONE_STEP = TrainingSettings(epochs=1, batch_size=65, optimizer="sgd", momentum=0.0, weight_decay=0.0)


def test_a_long_gradient_is_clipped() -> None:
    before = linear_model()
    result = run(ONE_STEP.model_copy(update={"learning_rate": 2.0, "clip_norm": 0.01}), model=linear_model())
    change = [new - old for new, old in zip(result.model.parameters(), before.parameters(), strict=True)]
    assert torch.cat([c.flatten() for c in change]).norm().item() == pytest.approx(2.0 * 0.01, rel=1e-3)


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_a_gradient_that_overflows_moves_no_weight_of_any_optimizer(value: float) -> None:
    """Muon and AdamW share the weights; fp16 skips a step of which one gradient is not finite."""
    model, weights = linear_model(), list[list[torch.Tensor]]()

    def overflow(gradient: torch.Tensor) -> torch.Tensor:
        weights.append([parameter.detach().clone() for parameter in model.parameters()])
        return torch.full_like(gradient, value) if len(weights) == 6 else gradient  # the first scales are too large

    as_type(nn.Linear, model[1]).weight.register_hook(overflow)  # type: ignore[no-untyped-call]
    settings = ONE_STEP.model_copy(
        update={"epochs": 7, "optimizer": "muon", "mixed_precision": "fp16", "clip_norm": 1.0, "learning_rate": 0.01}
    )
    run(settings, model=model)
    moved = [
        [not torch.equal(old, new) for old, new in zip(before, after, strict=True)]
        for before, after in itertools.pairwise(weights)
    ]
    assert moved[4:] == [[True, True], [False, False]]


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
