"""Networks and classical models go one way: same windows in, a classifier of raw windows out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from data_sets import POCKET_AND_WRIST
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from har_core.base.errors import InputError, UnknownNameError
from har_core.datasets.dsads.dataset import DSADS
from har_core.fitting import fit as fitting
from har_core.fitting.fit import classifier_of, fit_architecture
from har_core.fitting.recipe import channels_seen, code_roots, settings_read, takes_raw_windows
from har_core.inference.classifier import predict_probabilities, weights_version
from har_core.settings.augmentation import AugmentationSettings
from har_core.settings.experiment import ModelSettings
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.training import TrainingSettings
from har_core.spec.channels import select_channels
from har_core.splits.normalization import Statistics
from har_core.training.data import LabelledWindows
from har_core.training.events import EpochFinished, Fitted, TrainingEvent
from har_core.windows.store import SampleStore

RUNTIME = RuntimeSettings(device="cpu", num_threads=1)
ALL = tuple(range(45))
OPTIONS: dict[str, dict[str, Any]] = {
    "cnn": {"base_width": 2},
    "random_forest": {"num_trees": 5},
    "extra_trees": {"num_trees": 5},
    "logistic_regression": {},
    "rocket": {"num_features": 84},
}
CLASSICAL = [name for name in OPTIONS if name != "cnn"]
STATISTICS = Statistics(
    channels=DSADS.channel_names,
    mean=np.linspace(-9, 9, 45, dtype=np.float32),
    standard_deviation=np.linspace(0.5, 4, 45, dtype=np.float32),
)

EVERYTHING = AugmentationSettings(
    rotation_degrees=10.0,
    scaling=0.1,
    magnitude_warp=0.1,
    time_warp=0.1,
    crop=0.2,
    time_shift=0.2,
    jitter=0.05,
    channel_dropout=0.1,
    unit_dropout=0.1,
    blanking=0.2,
    holding=0.2,
    mixup=0.2,
    cutmix=0.2,
)


def normalised(num_windows: int = 24, seed: int = 0) -> LabelledWindows:
    labels = torch.arange(num_windows) % 3
    x = torch.randn(num_windows, 25, 45, generator=torch.Generator().manual_seed(seed)) + labels[:, None, None] / 2
    return LabelledWindows(x, labels)


def raw(x: torch.Tensor) -> torch.Tensor:
    return x * torch.from_numpy(STATISTICS.standard_deviation) + torch.from_numpy(STATISTICS.mean)


def fit(name: str, *, channels: tuple[int, ...] = ALL, seed: int | None = None, **changes: Any) -> Fitted:
    recipe = TrainingSettings(epochs=2, batch_size=8, keep=changes.pop("keep", "best"))
    settings = ModelSettings(training=recipe, architecture_options=OPTIONS[name])
    arguments: dict[str, Any] = {"training": normalised(), "validation": normalised(9, seed=1)} | changes
    statistics = None if takes_raw_windows(name) else STATISTICS
    return fit_architecture(
        name,
        arguments["training"],
        arguments["validation"],
        settings,
        RUNTIME,
        spec=DSADS,
        channels=channels,
        statistics=statistics,
        seed=seed,
    )


@pytest.mark.parametrize("channels", [ALL, select_channels(DSADS, sensors=["acc"], units=["RA", "LL"]), (44, 3)])
def test_the_classifier_of_a_network_takes_all_channels_raw(channels: tuple[int, ...]) -> None:
    fitted = fit("cnn", channels=channels)
    x = normalised(7, seed=2).windows
    before = x.clone()
    of_split = predict_probabilities(classifier_of(fitted, None, DSADS, channels), x)
    with torch.inference_mode():
        of_raw = classifier_of(fitted, STATISTICS, DSADS, channels)(raw(x)).numpy()
    assert of_split.shape == (7, 19)
    np.testing.assert_allclose(of_raw, of_split, atol=1e-5)
    assert of_split.std() > 0.001  # of 19 activities after two epochs, and a hundred times the tolerance
    assert torch.equal(x, before)


@pytest.mark.parametrize("name", CLASSICAL)
def test_the_classifier_of_a_classical_model_leaves_windows_as_they_are(name: str) -> None:
    classifier = classifier_of(fit(name), None, DSADS, ALL)
    assert not {"mean", "standard_deviation"} & set(classifier.state_dict())
    assert classifier.state_dict().keys() == {f"network.{key}" for key in fit(name).model.state_dict()}


@pytest.mark.parametrize("name", OPTIONS)
def test_channels_that_are_not_chosen_change_nothing(name: str) -> None:
    channels = select_channels(DSADS, units=["LA"])
    statistics = None if takes_raw_windows(name) else STATISTICS
    classifier = classifier_of(fit(name, channels=channels), statistics, DSADS, channels)
    x = raw(normalised(7, seed=2).windows)
    others = [channel for channel in ALL if channel not in channels]
    changed, seen = x.clone(), x.clone()
    changed[:, :, others] = -5
    seen[:, :, list(channels)] += 2
    with torch.inference_mode():
        assert torch.equal(classifier(changed), classifier(x))
        assert not torch.equal(classifier(seen), classifier(x))


@pytest.mark.parametrize("name", OPTIONS)
def test_exports_with_chosen_channels(name: str) -> None:
    channels = select_channels(DSADS, sensors=["gyro"])
    statistics = None if takes_raw_windows(name) else STATISTICS
    classifier = classifier_of(fit(name, channels=channels), statistics, DSADS, channels)
    x = raw(normalised(7, seed=2).windows)
    program = torch.export.export(classifier, (x[:2],), dynamic_shapes=({0: torch.export.Dim("num_windows")},))
    for num_windows in (1, 7):
        with torch.inference_mode():
            expected = classifier(x[:num_windows])
        torch.testing.assert_close(program.module()(x[:num_windows]), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("augmentation", [AugmentationSettings(), EVERYTHING], ids=["plain", "augmented"])
@pytest.mark.parametrize("name", [*OPTIONS, "invariant_lda"])
def test_other_data_sets_have_other_channels_places_rates_and_activities(
    name: str, augmentation: AugmentationSettings
) -> None:
    spec, num_channels = POCKET_AND_WRIST, POCKET_AND_WRIST.num_channels
    x = torch.randn(24, 50, num_channels, generator=torch.Generator().manual_seed(0)) * 2 + 5
    data = LabelledWindows(x, torch.arange(24) % 3)  # nobody cycles
    statistics = None
    if not takes_raw_windows(name):
        mean, deviation = (np.full(num_channels, value, dtype=np.float32) for value in (5, 2))
        statistics = Statistics(channels=spec.channel_names, mean=mean, standard_deviation=deviation)
        data = LabelledWindows((x - 5) / 2, data.labels)
    recipe = TrainingSettings(epochs=1, batch_size=8, augmentation=augmentation)
    settings = ModelSettings(training=recipe, architecture_options=OPTIONS.get(name, {}))
    channels = channels_seen(spec, TrainingSettings(sensors=("acc", "heart_rate")))
    assert channels == (0, 1, 2, 6, 7, 8, 9)
    fitted = fit_architecture(name, data, data, settings, RUNTIME, spec=spec, channels=channels, statistics=statistics)
    classifier = classifier_of(fitted, statistics, spec, channels, fills_gaps=True)
    program = torch.export.export(classifier, (x[:2],), dynamic_shapes=({0: torch.export.Dim("num_windows")},))
    with torch.inference_mode():
        answers = classifier(x)
    assert answers.shape == (24, 4)
    torch.testing.assert_close(program.module()(x), answers, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CLASSICAL)
def test_a_classical_model_has_no_epochs_and_looks_at_no_validation(name: str) -> None:
    fitted = fit(name)
    assert (fitted.history, fitted.best_epoch) == ((), 0)
    assert (fitted.device, fitted.precision) == ("cpu", "fp32")
    assert fitted.seconds > 0
    assert weights_version(fit(name, validation=None).model) == weights_version(fitted.model)


def test_a_network_has_epochs_and_needs_validation() -> None:
    fitted = fit("cnn")
    assert len(fitted.history) == 2
    assert fitted.best_epoch in {1, 2}
    assert fitted.seconds == pytest.approx(sum(record.seconds for record in fitted.history))
    with pytest.raises(InputError, match="needs validation windows"):
        fit("cnn", validation=None)
    fixed = fit("cnn", validation=None, keep="last")
    assert weights_version(fixed.model) == weights_version(fit("cnn", keep="last").model)


@pytest.mark.parametrize("name", ["cnn", "random_forest", "rocket"])
def test_the_seed_given_takes_the_place_of_the_settings(name: str) -> None:
    of_settings, same, other = fit(name), fit(name, seed=0), fit(name, seed=1)
    assert weights_version(of_settings.model) == weights_version(same.model) != weights_version(other.model)


@pytest.mark.parametrize("name", OPTIONS)
def test_training_windows_that_cannot_be_used_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="training windows"):
        fit(name, training=LabelledWindows(normalised().windows, normalised().labels + 17))


def test_an_unknown_architecture_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="'rocket'"):
        fit_architecture(
            "roket", normalised(), None, ModelSettings(), RUNTIME, spec=DSADS, channels=ALL, statistics=STATISTICS
        )


def test_channels_seen_are_those_of_the_settings() -> None:
    assert channels_seen(DSADS, TrainingSettings()) == ALL
    assert channels_seen(DSADS, TrainingSettings(units=("RA",), sensors=("acc",))) == (9, 10, 11)


def test_a_classical_model_reads_no_recipe() -> None:
    short, long = (ModelSettings(training=TrainingSettings(epochs=epochs)) for epochs in (1, 9))
    seeded = ModelSettings(training=TrainingSettings(seed=1))
    options = ModelSettings(architecture_options={"num_trees": 5})
    chosen = ModelSettings(training=TrainingSettings(units=("T",)))
    assert settings_read("random_forest", short) == settings_read("random_forest", long)
    assert settings_read("cnn", short) != settings_read("cnn", long)
    versions = [str(settings_read("random_forest", settings)) for settings in (short, seeded, options, chosen)]
    assert len(set(versions)) == 4
    assert settings_read("random_forest", short)["max_depth"] == 8


def test_code_of_a_classical_model_is_its_file_and_no_training_loop() -> None:
    assert {"har_core.training.loop", "har_core.training.initialisation"} < set(code_roots("cnn"))
    assert "har_core.models.rocket" in code_roots("rocket")
    assert not any(module.startswith("har_core.training") for module in code_roots("rocket"))


@given(
    num_training=st.integers(8, 40),
    batch_size=st.integers(2, 16),
    seed=st.integers(0, 2**32 - 1),
    augmentation=st.sampled_from([AugmentationSettings(), EVERYTHING]),
)
@settings(max_examples=10)
def test_training_from_mapped_windows_is_training_from_memory(
    tmp_path_factory: pytest.TempPathFactory,
    num_training: int,
    batch_size: int,
    seed: int,
    augmentation: AugmentationSettings,
) -> None:
    scratch = tmp_path_factory.mktemp("scratch")
    recipe = TrainingSettings(epochs=2, batch_size=batch_size, seed=seed, augmentation=augmentation)

    def outcome(roles: list[LabelledWindows]) -> tuple[Any, ...]:
        training, validation = roles
        options = ModelSettings(training=recipe, architecture_options={"width": 4})
        fitted = fit_architecture(
            "compact", training, validation, options, RUNTIME, spec=DSADS, channels=ALL, statistics=STATISTICS
        )
        probabilities = predict_probabilities(classifier_of(fitted, None, DSADS, ALL), validation.windows)
        history = [replace(record, seconds=0.0) for record in fitted.history]
        return history, fitted.best_epoch, weights_version(fitted.model), probabilities.tolist()

    in_memory = [normalised(num_training), normalised(9, seed=1)]
    mapped = [on_disk(role, scratch) for role in in_memory]
    assert len([line for line in Path("/proc/self/maps").read_text().splitlines() if str(scratch) in line]) == 2
    assert outcome(mapped) == outcome(in_memory)


def test_a_network_that_sees_all_channels_copies_no_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    training, seen = normalised(), []

    def train(model: nn.Module, windows: LabelledWindows, *_: object, **__: object) -> None:
        seen.append(windows.near(torch.device("cpu")).windows.data_ptr())
        raise InterruptedError

    monkeypatch.setattr(fitting, "train", train)
    with pytest.raises(InterruptedError):
        fit("cnn", training=training)
    assert seen == [training.windows.data_ptr()]


def on_disk(data: LabelledWindows, folder: Path) -> LabelledWindows:
    windows = SampleStore(folder, max_mib=0).empty(*data.windows.shape)
    windows.copy_(data.windows)
    return LabelledWindows(windows, data.labels)


def compact(augmentation: AugmentationSettings, **options: Any) -> Fitted:
    """Three epochs of a small network that sees one unit and two channels of another."""
    channels = select_channels(DSADS, channels=[*DSADS.channel_names[:9], "RA_xacc", "RA_ymag"])
    recipe = TrainingSettings(epochs=3, batch_size=8, augmentation=augmentation)
    settings = ModelSettings(training=recipe, architecture_options={"width": 4, "dropout": 0.0})
    roles = normalised(), normalised(9, seed=1)
    given: dict[str, Any] = {"spec": DSADS, "channels": channels, "statistics": STATISTICS} | options
    return fit_architecture("compact", *roles, settings, RUNTIME, **given)


def test_an_augmented_training_that_was_interrupted_ends_with_the_same_weights(tmp_path: Path) -> None:
    def stop(event: TrainingEvent) -> None:
        if isinstance(event, EpochFinished) and event.record.epoch == 2:
            raise InterruptedError

    path, told = tmp_path / "checkpoint.pt", list[TrainingEvent]()
    with pytest.raises(InterruptedError):
        compact(EVERYTHING, checkpoint_path=path, listener=stop)
    resumed = compact(EVERYTHING, checkpoint_path=path, listener=told.append)
    assert [event.record.epoch for event in told if isinstance(event, EpochFinished)] == [3]
    assert [replace(record, seconds=0.0) for record in resumed.history] == [
        replace(record, seconds=0.0) for record in compact(EVERYTHING).history
    ]
    assert weights_version(resumed.model) == weights_version(compact(EVERYTHING).model)
    assert weights_version(resumed.model) != weights_version(compact(AugmentationSettings()).model)


@pytest.mark.parametrize("name", sorted(set(AugmentationSettings.model_fields) - {"longest_gap"}))
def test_each_change_of_batches_reaches_the_training(name: str) -> None:
    change = AugmentationSettings.model_validate({name: getattr(EVERYTHING, name)})
    losses = [compact(augmentation).history[0].training_loss for augmentation in (change, AugmentationSettings())]
    assert losses[0] != losses[1]


def test_augmentation_needs_the_statistics_of_the_windows() -> None:
    with pytest.raises(InputError, match="needs normalised windows"):
        compact(EVERYTHING, statistics=None)


@pytest.mark.parametrize("fields", [{"initialisation": "he"}, {"recurrent_initialisation": "orthogonal"}])
def test_first_weights_are_those_of_the_settings(fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def first_weights(recipe: TrainingSettings) -> str:
        seen: list[str] = []

        def train(model: nn.Module, *_: object, **__: object) -> None:
            seen.append(weights_version(model))
            raise InterruptedError

        monkeypatch.setattr(fitting, "train", train)
        settings = ModelSettings(training=recipe, architecture_options={"hidden_size": 4})
        with pytest.raises(InterruptedError):
            fit_architecture(
                "lstm", normalised(), normalised(9), settings, RUNTIME, spec=DSADS, channels=ALL, statistics=None
            )
        return seen[0]

    assert first_weights(TrainingSettings(**fields)) != first_weights(TrainingSettings())
    assert first_weights(TrainingSettings(**fields)) == first_weights(TrainingSettings(**fields))
