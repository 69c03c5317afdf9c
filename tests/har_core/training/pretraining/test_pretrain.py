"""Each task lowers its loss, moves the encoder, and leaves the last layer; and every network can do it, or says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from trainings import CPU, InterruptionError, Network, interrupt_after

from har_core.base.errors import InputError
from har_core.models.catalogue import WITHOUT_LAST_LAYER, describe, is_network, list_models
from har_core.models.registry import create_model
from har_core.settings.augmentation import AugmentationSettings
from har_core.settings.pretraining import PretrainingSettings
from har_core.settings.training import TrainingSettings
from har_core.training.augmentation import Layout
from har_core.training.data import LabelledWindows
from har_core.training.events import EpochFinished, Fitted, Pretraining, TrainingEvent, ignore
from har_core.training.last_layer import last_linear
from har_core.training.pretraining.heads import LastLayerAlone
from har_core.training.pretraining.pretrain import PretrainingWindows, pretrain
from har_core.training.seeding import seed_everything

RECIPE = TrainingSettings(batch_size=16, seed=3, schedule="constant")
TASKS = ("masked", "contrastive", "multi_task", "activities")


def windows(num_windows: int = 96, num_timepoints: int = 5, num_channels: int = 2, **fields: Any) -> PretrainingWindows:
    """Windows whose channels swing together: what is hidden follows from what is not, and they differ in rhythm."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(num_windows) % 3
    phases = 6 * torch.rand(num_windows, 1, generator=generator)
    swing = torch.sin(phases + (labels[:, None] + 1) * torch.arange(num_timepoints) / 2)
    x = torch.stack([swing * (channel + 1) / num_channels for channel in range(num_channels)], dim=-1)
    ones = torch.ones(num_channels)
    layout = Layout(triads=[], units=[0] * num_channels, mean=0 * ones, standard_deviation=ones)
    return PretrainingWindows(data=LabelledWindows(x, labels), num_classes=3, **{"layout": layout, **fields})


def settings(task: str, **fields: Any) -> PretrainingSettings:
    given = {"task": task, "epochs": 15, "learning_rate": 0.01, "windows": "other.parquet"}
    return PretrainingSettings.model_validate(given | fields)


def run(task: str, network: nn.Module | None = None, **options: Any) -> Fitted:
    seed_everything(3)
    given: dict[str, Any] = {"checkpoint_path": None, "checkpoint_key": "", "listener": ignore} | options
    recipe, own, data = (given.pop(name, default) for name, default in (
        ("recipe", RECIPE), ("settings", settings(task)), ("windows", windows())
    ))  # fmt: skip
    made = Network() if network is None else network
    return pretrain(made, data, own, recipe, CPU, num_channels=2, **given)


def weights(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


@pytest.mark.parametrize("task", TASKS)
def test_a_task_lowers_its_loss_moves_the_encoder_and_leaves_the_last_layer(task: str) -> None:
    seed_everything(3)
    first = weights(Network())
    fitted = run(task)
    losses = [record.training_loss for record in fitted.history]
    assert len(losses) == 15
    assert sum(losses[-3:]) < 0.93 * sum(losses[:3])
    assert {record.validation_macro_f1 for record in fitted.history} == {None}
    last = weights(fitted.model)
    assert last.keys() == first.keys()
    moved = {name for name in first if not torch.equal(first[name], last[name])}
    assert moved == {name for name in first if not name.startswith("layers.5.")}


@pytest.mark.parametrize("task", TASKS)
def test_a_seed_fixes_the_weights_with_and_without_an_interruption(task: str, tmp_path: Path) -> None:
    whole = weights(run(task).model)
    path, told = tmp_path / "state.pt", list[TrainingEvent]()

    def stop(event: TrainingEvent) -> None:
        assert isinstance(event, Pretraining)
        interrupt_after(4)(event.event)

    with pytest.raises(InterruptionError):
        run(task, checkpoint_path=path, listener=stop)
    network = Network()
    assert all(
        torch.equal(whole[name], tensor) for name, tensor in run(task, checkpoint_path=path).model.state_dict().items()
    )
    again = run(task, network, checkpoint_path=path, listener=told.append)
    assert all(
        torch.equal(whole[name], tensor) for name, tensor in again.model.state_dict().items() if "layers.5" not in name
    )
    assert not any(isinstance(event, Pretraining) and isinstance(event.event, EpochFinished) for event in told)


def test_an_interrupted_pretraining_leaves_the_network_whole() -> None:
    network = Network()
    with pytest.raises(InterruptionError):
        run("masked", network, listener=lambda event: interrupt_after(1)(event.event))
    assert network(torch.zeros(2, 5, 2)).shape == (2, 3)


def test_other_windows_are_another_pretraining(tmp_path: Path) -> None:
    path, told = tmp_path / "state.pt", list[TrainingEvent]()
    run("masked", checkpoint_path=path)
    run("masked", checkpoint_path=path, windows=windows(version="2"), listener=told.append)
    assert sum(isinstance(event, Pretraining) and isinstance(event.event, EpochFinished) for event in told) == 15


def test_a_recipe_that_validation_steers_pretrains_without() -> None:
    steered = TrainingSettings(batch_size=16, schedule="plateau", early_stopping_patience=1, ema_decay=0.9)
    assert len(run("masked", recipe=steered).history) == 15


@pytest.mark.parametrize(("task", "is_changed"), [("masked", False), ("activities", True)])
def test_the_batches_of_activities_alone_are_augmented(task: str, is_changed: bool) -> None:
    plain, augmented = (
        run(task, recipe=RECIPE.model_copy(update={"augmentation": own})).history[0].training_loss
        for own in (AugmentationSettings(), AugmentationSettings(jitter=0.5, mixup=0.5))
    )
    assert (plain != augmented) == is_changed


@pytest.mark.parametrize("task", ["contrastive", "multi_task"])
def test_a_task_that_changes_windows_asks_what_normalised_them(task: str) -> None:
    with pytest.raises(InputError, match=f"{task} needs normalised windows"):
        run(task, windows=windows(layout=None))


@pytest.mark.parametrize("name", [name for name in list_models() if is_network(name)])
def test_every_network_can_be_pretrained_or_is_known_not_to(name: str) -> None:
    torch.manual_seed(0)
    options = {"base_width": 8} if "base_width" in describe(name).options else {}
    network = create_model(name, num_channels=6, num_timepoints=32, num_classes=3, **options)
    own, data, first = settings("masked", epochs=1), windows(4, 32, 6), weights(network)
    given: dict[str, Any] = {"checkpoint_path": None, "checkpoint_key": "", "listener": ignore}
    if name in WITHOUT_LAST_LAYER:
        with pytest.raises(InputError, match="(?i)" + name):
            pretrain(network, data, own, RECIPE, CPU, num_channels=6, **given)
        return
    pretrain(network, data, own, RECIPE, CPU, num_channels=6, **given)
    last = weights(network)
    moved = [key for key in first if not torch.equal(first[key], last[key])]
    assert len(moved) > len(first) // 2
    assert network(torch.zeros(2, 32, 6)).shape == (2, 3)

    network.zero_grad()
    torch.autograd.backward(LastLayerAlone(network, (32, 6)).train()(data.data.windows).sum())
    learnt = {key for key, parameter in network.named_parameters() if parameter.grad is not None}
    assert learnt == {f"{last_linear(network, (32, 6))}.{part}" for part in ("weight", "bias")}
