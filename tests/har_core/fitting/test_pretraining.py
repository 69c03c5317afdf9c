"""A pretraining within a fit: what it hands on, what stays, and what makes it another one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from data_sets import POCKET_AND_WRIST
from window_examples import write_example

from assets.machinery.code_versions import import_closure
from har_core.datasets.dsads.dataset import DSADS
from har_core.fitting import fit as fitting
from har_core.fitting.fit import fit_architecture
from har_core.fitting.recipe import code_roots, settings_read
from har_core.inference.classifier import weights_version
from har_core.settings.experiment import ModelSettings
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.training import TrainingSettings
from har_core.spec.channels import select_channels
from har_core.splits.normalization import Statistics
from har_core.training.data import LabelledWindows, SoftLabels
from har_core.training.events import EpochFinished, Fitted, Pretraining, TrainingEvent
from har_core.training.loop import train
from har_core.training.pretraining.pretrain import PretrainingWindows, pretrain

CHANNELS = select_channels(DSADS, units=["T"])
STATISTICS = Statistics(
    channels=DSADS.channel_names,
    mean=np.linspace(-9, 9, 45, dtype=np.float32),
    standard_deviation=np.linspace(0.5, 4, 45, dtype=np.float32),
)


def windows(num_windows: int, seed: int) -> LabelledWindows:
    labels = torch.arange(num_windows) % 3
    x = torch.randn(num_windows, 25, 45, generator=torch.Generator().manual_seed(seed)) + labels[:, None, None] / 2
    return LabelledWindows(x, labels)


def settings(**pretraining: Any) -> ModelSettings:
    own = {"task": "masked", "epochs": 2} | pretraining
    recipe = {"epochs": 3, "batch_size": 8, "augmentation": {"scaling": 0.1}, "pretraining": own}
    return ModelSettings(
        training=TrainingSettings.model_validate(recipe), architecture_options={"width": 4, "dropout": 0.2}
    )


WITHOUT = ModelSettings(
    training=settings().training.model_copy(update={"pretraining": None}),
    architecture_options=settings().architecture_options,
)


def fit(own: ModelSettings, **options: Any) -> Fitted:
    roles = options.pop("training", windows(24, 0)), windows(9, 1)
    given: dict[str, Any] = {"spec": DSADS, "channels": CHANNELS, "statistics": STATISTICS} | options
    return fit_architecture("compact", *roles, own, RuntimeSettings(device="cpu", num_threads=1), **given)


class Kept:
    """What the training after a pretraining is given, and the windows of the pretraining."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.first: dict[str, torch.Tensor] = {}
        self.windows: list[PretrainingWindows] = []

        def remember(model: torch.nn.Module, *args: Any, **options: Any) -> Fitted:
            whole = {name.removeprefix("network."): tensor.clone() for name, tensor in model.state_dict().items()}
            self.first = whole
            return train(model, *args, **options)

        def look(network: torch.nn.Module, own: PretrainingWindows, *args: Any, **options: Any) -> Fitted:
            self.windows.append(own)
            return pretrain(network, own, *args, **options)

        monkeypatch.setattr(fitting, "train", remember)
        monkeypatch.setattr(fitting, "pretrain", look)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    return Kept(monkeypatch)


def test_training_begins_with_the_pretrained_encoder_and_the_last_layer_that_it_would_have_had(kept: Kept) -> None:
    fit(WITHOUT)
    plain = kept.first
    fit(settings())
    assert kept.first.keys() == plain.keys()
    same = {name for name in plain if torch.equal(plain[name], kept.first[name])}
    assert same == {"head.weight", "head.bias"}


@pytest.mark.parametrize("task", ["masked", "contrastive", "multi_task"])
def test_frozen_leaves_the_encoder_bit_for_bit_and_trains_the_last_layer(task: str, kept: Kept) -> None:
    fitted = fit(settings(task=task, frozen=True))
    last = fitted.model.state_dict()
    assert {name for name in last if not torch.equal(last[name], kept.first[name])} == {"head.weight", "head.bias"}
    assert any("running_mean" in name for name in last), "a network with batch norms"
    assert all(parameter.requires_grad for parameter in fitted.model.parameters())
    assert weights_version(fitted.model) != weights_version(fit(settings(task=task)).model)


def test_it_sees_the_training_windows_of_the_channels_that_the_model_sees_and_no_others(kept: Kept) -> None:
    training = windows(24, 0)
    soft = SoftLabels(shares=torch.full((24, 19), 1 / 19), temperature=1.0, weight=0.5)
    fit(settings(), training=replace(training, soft=soft))
    [own] = kept.windows
    assert torch.equal(own.data.windows, training.windows[:, :, list(CHANNELS)])
    assert own.data.soft is None


def test_its_epochs_are_told_apart_and_are_not_in_the_history() -> None:
    told: list[TrainingEvent] = []
    fitted = fit(settings(), listener=told.append)
    before = [event.event for event in told if isinstance(event, Pretraining)]
    assert [event.record.epoch for event in before if isinstance(event, EpochFinished)] == [1, 2]
    assert [event.record.epoch for event in told if isinstance(event, EpochFinished)] == [1, 2, 3]
    assert [record.epoch for record in fitted.history] == [1, 2, 3]
    seconds = [event.record.seconds for event in [*before, *told] if isinstance(event, EpochFinished)]
    assert fitted.seconds == pytest.approx(sum(seconds))


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("stage", ["pretraining", "training"])
def test_an_interruption_changes_no_weight_and_repeats_no_epoch(frozen: bool, stage: str, tmp_path: Path) -> None:
    whole = weights_version(fit(settings(frozen=frozen)).model)
    path, told = tmp_path / "cnn.pt", list[TrainingEvent]()

    def stop(event: TrainingEvent) -> None:
        own = event.event if isinstance(event, Pretraining) and stage == "pretraining" else event
        if isinstance(own, EpochFinished) and own.record.epoch == 1:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fit(settings(frozen=frozen), checkpoint_path=path, checkpoint_key="a", listener=stop)
    names = {"cnn.pretraining.pt", *(["cnn.pt"] if stage == "training" else [])}
    assert {file.name for file in tmp_path.iterdir()} == names
    resumed = fit(settings(frozen=frozen), checkpoint_path=path, checkpoint_key="a", listener=told.append)
    assert weights_version(resumed.model) == whole
    of_pretraining = [event.event for event in told if isinstance(event, Pretraining)]
    epochs = [event.record.epoch for event in of_pretraining if isinstance(event, EpochFinished)]
    assert epochs == ([2] if stage == "pretraining" else [])


def test_two_fits_agree_and_another_seed_is_another_pretraining(kept: Kept) -> None:
    first = []
    for seed in (1, 1, 2):
        fit(settings(), seed=seed)
        first.append(kept.first["stem.0.weight"])
    assert torch.equal(first[0], first[1])
    assert not torch.equal(first[0], first[2])


def test_windows_of_others_are_read_and_count_by_their_content_wherever_they_lie(tmp_path: Path, kept: Kept) -> None:
    rng, spec = np.random.default_rng(0), POCKET_AND_WRIST
    samples, labels = rng.normal(size=(12, 50, spec.num_channels)).astype(np.float32), np.arange(12) % 4
    versions, paths = [], [tmp_path / "a.parquet", tmp_path / "b.parquet", tmp_path / "c.parquet"]
    for path, scale in zip(paths, (1, 1, 2), strict=True):
        versions.append(write_example(path, spec, samples * np.float32(scale), labels))
    read = [settings_read("compact", settings(task="activities", windows=str(path))) for path in paths]
    assert [own["pretraining"]["windows"] for own in read] == versions
    assert read[0] == read[1] != read[2]
    assert settings_read("random_forest", settings(windows="missing.parquet")).keys() >= {"seed"}

    target = DSADS.replaced(
        channels=tuple(
            channel.model_copy(update={"place": "wrist"}) if channel.place == "T" else channel
            for channel in DSADS.channels
        ),
        place_names={},
    )
    fitted = fit(settings(task="activities", windows=str(paths[0])), spec=target)
    [own] = kept.windows
    assert (own.num_classes, own.version, own.at) == (4, versions[0], [0, 1, 2])
    assert own.data.windows.shape == (12, 25, 3)
    with torch.inference_mode():
        assert fitted.model(torch.zeros(2, 25, 9)).shape == (2, 19)


def test_what_pretrains_is_in_the_version_of_networks_and_the_audit_is_not() -> None:
    closure = import_closure(code_roots("compact"))
    tasks = {f"har_core.training.pretraining.{name}" for name in ("heads", "masked", "contrastive", "multi_task")}
    assert tasks | {"har_core.fitting.layout", "har_core.windows.resampling"} <= closure
    assert not {name for name in closure if name.startswith("har_core.audit")}
    assert not any("pretraining" in name for name in import_closure(code_roots("random_forest")))
