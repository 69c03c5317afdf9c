"""Each training sees its channels alone; a missing unit is missing where a model predicts, not where it learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import torch
from data_sets import PILOT, POCKET_AND_WRIST
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from window_examples import named_windows

from har_core.evaluation.sensors import score_sensors
from har_core.fitting.trained import train_and_predict
from har_core.inference.classifier import predict_probabilities
from har_core.inference.predictions import learnt_of, probabilities_of, read_predictions, write_predictions
from har_core.sensors.measure import lose_unit, measure_sensors
from har_core.sensors.subsets import subsets_of
from har_core.sensors.table import sensors_schema, sensors_version
from har_core.settings.experiment import ModelSettings
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.training import TrainingSettings
from har_core.spec.dataset import DatasetSpec
from har_core.splits.build import SplitWindows
from har_core.splits.normalization import Statistics
from har_core.training.events import EpochFinished, TrainingEvent, TrainingStarted
from har_core.windows.tensors import WindowTensors

SPEC, T = POCKET_AND_WRIST, 25
RUNTIME = RuntimeSettings(device="cpu", num_threads=1)
NETWORK = ModelSettings(
    training=TrainingSettings(epochs=1, batch_size=8, learning_rate=0.01), architecture_options={"base_width": 2}
)
POCKET = [index for index, channel in enumerate(SPEC.channels) if channel.place == "pocket"]


def role(subjects: list[int], seed: int, spec: DatasetSpec) -> WindowTensors:
    """Four windows of each activity and subject; the level of each channel tells the activity."""
    labels = np.tile(np.repeat(np.arange(spec.num_activities), 4), len(subjects))
    named = named_windows(labels, np.repeat(subjects, 4 * spec.num_activities), spec=spec)
    noise = torch.randn(len(labels), T, spec.num_channels, generator=torch.Generator().manual_seed(seed))
    return replace(named, windows=noise + 3 + named.labels[:, None, None])


def windows(spec: DatasetSpec = SPEC, *, normalised: bool = False) -> SplitWindows:
    roles = {"training": role([1, 2], 0, spec), "validation": role([3], 1, spec), "test": role([4, 5], 2, spec)}
    statistics = None
    if normalised:
        mean, deviation = np.full((2, spec.num_channels), [[4.0], [2.0]], dtype=np.float32)
        statistics = Statistics(channels=spec.channel_names, mean=mean, standard_deviation=deviation)
        roles = {name: replace(own, windows=(own.windows - 4) / 2) for name, own in roles.items()}
    return SplitWindows(spec=spec, roles=roles, statistics=statistics, num_dropped={})


def part(table: pa.Table, way: str, name: str = "") -> pa.Table:
    return table.filter(pc.and_(pc.equal(table["way"], way), pc.equal(table["name"], name)))


@pytest.mark.parametrize("architecture", ["lda", "cnn"])
def test_every_way_tells_every_test_window_once(architecture: str, tmp_path: Path) -> None:
    given_windows = windows(normalised=architecture == "cnn")
    settings = NETWORK if architecture == "cnn" else ModelSettings()
    table = measure_sensors(architecture, settings, RUNTIME, given_windows, seed=3)
    asked = [(own.way, own.part, own.name) for own in subsets_of(SPEC, settings.training)]
    asked[1:1] = [("missing", "unit", "pocket"), ("missing", "unit", "wrist")]
    assert [(own.way, own.part, own.name) for own in score_sensors(table)] == asked
    for way, _, name in asked:
        own, of_all = (found.select(["subject", "label"]) for found in (part(table, way, name), part(table, "all")))
        assert own.to_pylist() == of_all.to_pylist()
        assert own.num_rows == 2 * 4 * SPEC.num_activities
    assert set(table["seed"].to_pylist()) == {3}
    assert set(table["role"].to_pylist()) == {"test"}
    assert learnt_of(table) == (0, 1, 2, 3)
    write_predictions(tmp_path / "made.parquet", table)
    assert read_predictions(tmp_path / "made.parquet", sensors_schema).equals(table)


def test_one_unit_has_nothing_missing() -> None:
    table = measure_sensors("lda", ModelSettings(), RUNTIME, windows(PILOT), seed=0)
    assert set(table["way"].to_pylist()) == {"all", "alone"}  # of two kinds of sensor


@pytest.mark.parametrize("architecture", ["lda", "cnn"])
def test_a_training_sees_its_channels_and_no_others(architecture: str) -> None:
    settings = NETWORK if architecture == "cnn" else ModelSettings()
    before = windows(normalised=architecture == "cnn")
    changed = {name: own.windows.clone() for name, own in before.roles.items()}
    for own in changed.values():
        own[:, :, POCKET] = own[:, :, POCKET].flip(0)
    after = replace(before, roles={name: replace(own, windows=changed[name]) for name, own in before.roles.items()})
    one, other = (measure_sensors(architecture, settings, RUNTIME, own, seed=0) for own in (before, after))
    alike = {
        (way, name): np.array_equal(probabilities_of(part(one, way, name)), probabilities_of(part(other, way, name)))
        for way, name in (("all", ""), ("alone", "wrist"), ("alone", "pocket"), ("alone", "gyro"), ("left_out", "acc"))
    }
    assert [key for key, is_alike in alike.items() if is_alike] == [("alone", "wrist")]


@pytest.mark.parametrize("architecture", ["lda", "cnn"])
def test_a_missing_unit_is_zero_in_sensor_units_for_the_model_of_all_channels(architecture: str) -> None:
    settings = NETWORK if architecture == "cnn" else ModelSettings()
    raw, given_windows = windows(), windows(normalised=architecture == "cnn")
    table = measure_sensors(architecture, settings, RUNTIME, given_windows, seed=0)
    trained = train_and_predict(architecture, settings, RUNTIME, given_windows, seed=0)
    test = raw.roles["test"].windows.clone()
    test[:, :, POCKET] = 0
    expected = predict_probabilities(trained.classifier, test)
    np.testing.assert_allclose(probabilities_of(part(table, "missing", "pocket")), expected, rtol=1e-4, atol=1e-5)
    assert not np.allclose(expected, probabilities_of(part(table, "all")), atol=1e-3)


@given(
    samples=arrays.arrays(np.float32, st.tuples(st.integers(0, 3), st.integers(1, 4), st.just(SPEC.num_channels))),
    unit=st.sampled_from(SPEC.places),
)
def test_a_lost_unit_holds_zeros_and_nothing_else_changes(samples: npt.NDArray[np.float32], unit: str) -> None:
    before = samples.copy()
    lost = lose_unit(samples, SPEC, unit)
    own = [channel.place == unit for channel in SPEC.channels]
    assert lost.dtype == np.float32
    assert not lost[..., own].any()
    kept = [not is_own for is_own in own]
    np.testing.assert_array_equal(lost[..., kept], before[..., kept])
    np.testing.assert_array_equal(samples, before)
    np.testing.assert_array_equal(lose_unit(lost, SPEC, unit), lost)


def test_the_version_follows_what_is_said() -> None:
    table = measure_sensors("lda", ModelSettings(), RUNTIME, windows(), seed=0)
    again = measure_sensors("lda", ModelSettings(), RUNTIME, windows(), seed=0)
    assert sensors_version(table) == sensors_version(again)
    changes = {"damaged": pc.invert(table["damaged"]), "name": pc.utf8_upper(table["name"])}
    others = [pa.table({**{n: table[n] for n in table.schema.names}, name: changes[name]}) for name in changes]
    others = [other.cast(table.schema) for other in others]
    assert len({sensors_version(own) for own in (table, *others)}) == 3


def test_finished_trainings_are_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class PulledPlugError(Exception):
        pass

    def measured(listener: object = None) -> tuple[pa.Table, list[int], int]:
        started, finished = list[int](), list[int]()

        def listen(event: TrainingEvent) -> None:
            if isinstance(event, TrainingStarted):
                started.append(len(event.resumed))
            elif isinstance(event, EpochFinished):
                finished.append(event.record.epoch)
                if listener is not None and len(finished) == 3:
                    raise PulledPlugError

        table = measure_sensors(
            "cnn", NETWORK, RUNTIME, windows(normalised=True),
            seed=0, checkpoints=tmp_path, checkpoint_key="mine", listener=listen,
        )  # fmt: skip
        return table, started, len(finished)

    with pytest.raises(PulledPlugError):
        measured("pulls the plug")
    table, started, num_finished = measured()
    num_trainings = len(subsets_of(SPEC, NETWORK.training))
    assert started == [1, 1, 1, *([0] * (num_trainings - 3))]
    assert num_finished == num_trainings - 3
    whole = measure_sensors("cnn", NETWORK, RUNTIME, windows(normalised=True), seed=0)
    assert sensors_version(table) == sensors_version(whole)
