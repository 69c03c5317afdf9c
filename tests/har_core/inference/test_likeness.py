"""Which windows are called unlike those of the training, and why."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from data_sets import POCKET_AND_WRIST

from har_core.base.errors import InputError
from har_core.datasets.dsads.dataset import DSADS
from har_core.inference.likeness import TrainingWindows, compare, describe_training
from har_core.spec.channels import select_channels

Windows = npt.NDArray[np.float32]
EVERY = range(DSADS.num_channels)


def walk(seed: int, num_windows: int = 200) -> Windows:
    """Slow movement of any strength around a level, gravity on x of every accelerometer, and a little sensor noise."""
    generator = np.random.default_rng(seed)
    phase = generator.uniform(0, 2 * np.pi, (num_windows, 1, DSADS.num_channels))
    strength = generator.uniform(0.1, 3, (num_windows, 1, DSADS.num_channels))
    times = np.arange(125)[None, :, None] / 25
    windows = strength * np.sin(2 * np.pi * 1.5 * times + phase)
    windows += generator.normal(scale=0.01, size=windows.shape)
    windows[:, :, list(select_channels(DSADS, sensors=["acc"]))[::3]] += 9.8
    return windows.astype(np.float32)


@pytest.fixture(scope="module")
def training() -> TrainingWindows:
    return describe_training(np.array_split(walk(0), 3), DSADS, EVERY)


def only(names: str, change: Callable[[Windows], npt.NDArray[np.floating]]) -> Windows:
    """Windows like those of the training, with the channels of ``names`` (unit or unit and sensor) changed."""
    unit, _, sensor = names.partition("_")
    channels = list(select_channels(DSADS, units=[unit], sensors=[sensor] if sensor else None))
    windows = walk(1, 20)
    windows[:, :, channels] = change(windows[:, :, channels])
    return windows


def test_windows_like_those_of_the_training(training: TrainingWindows) -> None:
    assert (compare(walk(1), training).num_channels == 0).mean() > 0.9
    own = compare(walk(0), training)
    assert (own.num_channels == 0).all()
    assert set(own.because) == {None}


@pytest.mark.parametrize(
    ("windows", "because"),
    [
        (only("RA", np.zeros_like), "constant: RA"),
        (only("T_gyro", lambda own: np.broadcast_to(own[:, :1], own.shape)), "constant: T_gyro"),
        (only("LA_mag", lambda own: np.random.default_rng(2).normal(size=own.shape)), "noise: LA_mag"),
        (only("LL_acc", lambda own: own / 9.81), "size: LL_acc"),
        (only("RL_gyro", lambda own: own * 57.3), "noise: RL_gyro"),
        (only("T_mag", lambda own: own + np.array([0, 7, 0])), "size: T_mag"),
        (only("T_acc", lambda own: own[:, :, [1, 0, 2]]), "level: T_xacc T_yacc"),
        (only("T_acc", lambda own: own * [-1, -1, 1]), "level: T_xacc"),
    ],
)
def test_what_is_unlike_is_told_with_the_reason(training: TrainingWindows, windows: Windows, because: str) -> None:
    found = compare(windows, training)
    told = [text for text in found.because if text is not None and because in text]
    assert len(told) >= 18, found.because
    assert (found.num_channels > 0).sum() >= 18


def test_what_samples_held_is_in_sensor_units(training: TrainingWindows) -> None:
    samples = walk(0).astype(np.float64).reshape(-1, DSADS.num_channels)
    for channel, name in enumerate(DSADS.channel_names):
        of = training.channels[name]
        assert of["minimum"] == pytest.approx(samples[:, channel].min(), rel=1e-5)
        assert of["maximum"] == pytest.approx(samples[:, channel].max(), rel=1e-5)
        assert of["mean"] == pytest.approx(samples[:, channel].mean(), abs=1e-4)
        assert of["standard_deviation"] == pytest.approx(samples[:, channel].std(), rel=1e-4)
    assert training.num_windows == 200


def test_gaps_that_the_model_fills_are_filled_before_anything_is_compared() -> None:
    windows = walk(0, 20)
    windows[:, 100:, 9:18] = 0  # of the right arm
    keeping, filling = (describe_training([walk(0)], DSADS, EVERY, fills_gaps=fills) for fills in (False, True))
    assert (compare(windows, keeping).num_channels >= 3).all()
    assert compare(windows, filling).num_channels.mean() < 1
    windows[:, :, 9:18] = 0
    assert all("constant: RA" in (text or "") for text in compare(windows, filling).because), "nothing to fill it from"
    again = TrainingWindows.from_metadata(json.loads(json.dumps(filling.to_metadata())), DSADS)
    assert again.fills_gaps
    earlier = {key: value for key, value in keeping.to_metadata().items() if key != "fills_gaps"}
    assert not TrainingWindows.from_metadata(earlier, DSADS).fills_gaps


def test_channels_that_the_model_does_not_see_do_not_count() -> None:
    training = describe_training([walk(0)], DSADS, select_channels(DSADS, units=["T"], channels=["T_xacc", "T_yacc"]))
    assert list(training.channels) == ["T_xacc", "T_yacc"]
    assert "size" not in training.channels["T_xacc"]  # of a vector whose z axis is not seen
    assert (compare(only("RA", np.zeros_like), training).num_channels == 0).all()
    assert compare(only("T", np.zeros_like), training).because == ["constant: T_xacc T_yacc"] * 20


@pytest.mark.parametrize("length", [1, 2])
def test_windows_of_few_samples(length: int) -> None:
    windows = walk(0)[:, :length]
    assert (compare(windows, describe_training([windows], DSADS, EVERY)).num_channels == 0).all()


def test_channels_that_were_constant_in_training() -> None:
    windows = walk(0)
    windows[:, :, 0] = 3
    training = describe_training([windows], DSADS, EVERY)
    assert (compare(windows, training).num_channels == 0).all()
    windows[:, :, 0] += np.random.default_rng(0).normal(size=125)
    assert "T_xacc" in str(compare(windows, training).because[0])


def test_metadata_keeps_it(training: TrainingWindows) -> None:
    metadata = json.loads(json.dumps(training.to_metadata()))
    assert TrainingWindows.from_metadata(metadata, DSADS) == training


@pytest.mark.parametrize(
    "change",
    [
        lambda metadata: metadata.pop("channels"),
        lambda metadata: metadata.pop("num_windows"),
        lambda metadata: metadata.update(channels=[1]),
        lambda metadata: metadata["channels"].update(T_wacc={}),
        lambda metadata: metadata["channels"]["T_xacc"].pop("mean"),
        lambda metadata: metadata["channels"]["T_xacc"].update(level=[1]),
        lambda metadata: metadata["channels"]["T_xacc"].update(size=["a", 1]),
        lambda metadata: metadata["channels"]["T_xacc"].update(movement=[0, float("nan")]),
        lambda metadata: metadata["channels"]["T_xacc"].update(maximum=10**400),
    ],
)
def test_other_metadata_is_refused(training: TrainingWindows, change: Callable[[Any], object]) -> None:
    metadata = json.loads(json.dumps(training.to_metadata()))
    change(metadata)
    with pytest.raises(InputError, match="cannot be read"):
        TrainingWindows.from_metadata(metadata, DSADS)


def test_no_windows() -> None:
    with pytest.raises(InputError, match="no training windows"):
        describe_training([np.empty((0, 125, DSADS.num_channels), dtype=np.float32)], DSADS, EVERY)


def test_places_and_sensors_of_any_data_set_are_named() -> None:
    generator, spec = np.random.default_rng(0), POCKET_AND_WRIST
    windows = generator.normal(size=(30, 50, spec.num_channels)).astype(np.float32)
    training = describe_training([windows], spec, range(spec.num_channels))
    assert "size" not in training.channels["wrist_heart_rate"]
    still = windows.copy()
    still[:, :, [0, 1, 2, 4, 6]] = 0
    first = "constant: pocket_acc pocket_gyro_y wrist_heart_rate; size: pocket_gyro_x pocket_gyro_z"
    assert compare(still, training).because[0] == first
    still[:, :, 6:] = 0
    assert str(compare(still, training).because[0]).startswith("constant: pocket_acc pocket_gyro_y wrist; ")
    assert TrainingWindows.from_metadata(json.loads(json.dumps(training.to_metadata())), spec) == training
