"""Windows of another data set come as a network of this one takes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from data_sets import POCKET_AND_WRIST
from hypothesis import given
from hypothesis import strategies as st
from window_examples import write_example

from har_core.base.errors import InputError
from har_core.datasets.dsads.dataset import DSADS
from har_core.fitting.other_windows import read_other_windows, with_length
from har_core.spec.channels import match_other
from har_core.spec.dataset import Channel, DatasetSpec
from har_core.training.pretraining.pretrain import PretrainingWindows

PLACES, KINDS, AXES = ("wrist", "chest"), ("acc", "gyro", "pulse"), ("x", "y", "z", "")


def spec_of(channels: Sequence[tuple[str, str, str]], name: str, *, rate: float = 50.0) -> DatasetSpec:
    return DatasetSpec(
        name=name,
        title=name,
        sampling_rate_hz=rate,
        channels=tuple(
            Channel(name=f"{name}_{number}", place=place, sensor=kind, axis=axis)
            for number, (place, kind, axis) in enumerate(channels)
        ),
        activities=("sitting", "walking"),
    )


MEASURED = st.tuples(st.sampled_from(PLACES), st.sampled_from(KINDS), st.sampled_from(AXES))
CHANNELS = st.lists(MEASURED, min_size=1, max_size=12, unique=True)


@given(CHANNELS, CHANNELS, st.data())
def test_channels_are_matched_by_what_they_measure_and_where(
    target: list[tuple[str, str, str]], source: list[tuple[str, str, str]], data: st.DataObject
) -> None:
    seen = data.draw(st.lists(st.sampled_from(range(len(target))), min_size=1, unique=True).map(sorted))
    both = (spec_of(target, "ours"), seen, spec_of(source, "theirs"))
    shared = [target[index] for index in seen if target[index] in source]
    if not shared:
        with pytest.raises(InputError, match="No channel of theirs"):
            match_other(*both)
        return
    matched = match_other(*both)
    assert [target[seen[place]] for place, _ in matched] == shared == [source[index] for _, index in matched]


def test_channels_that_measure_the_same_are_matched_in_their_order() -> None:
    twice = [("wrist", "light", ""), ("wrist", "light", "")]
    assert match_other(spec_of([*twice, *twice], "ours"), range(4), spec_of(twice, "theirs")) == ((0, 0), (1, 1))


TARGET = spec_of([("wrist", kind, axis) for kind in ("gyro", "acc") for axis in "xyz"], "ours", rate=20.0)
SOURCE = spec_of([("chest", "acc", "x"), *(("wrist", "acc", axis) for axis in "zyx")], "theirs", rate=20.0)
SEEN = (0, 3, 4, 5)


def written(
    path: Path, spec: DatasetSpec = SOURCE, length: int = 30, **options: npt.ArrayLike
) -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(0)
    samples = (rng.normal(size=(10, length, spec.num_channels)) * [1, 2, 3, 4] + [10, 20, 30, 40]).astype(np.float32)
    write_example(path, spec, samples, np.arange(10) % 2, **options)
    return samples


def test_each_channel_is_normalised_and_stands_where_it_belongs(tmp_path: Path) -> None:
    samples = written(path := tmp_path / "windows.parquet")
    read = read_other_windows(path, TARGET, SEEN, num_timepoints=30)
    assert read.at == [1, 2, 3], "the x, y and z of the accelerometer; the gyroscope's x is nowhere"
    ours = samples[:, :, [3, 2, 1]]
    expected = (ours - ours.mean(axis=(0, 1))) / ours.std(axis=(0, 1))
    torch.testing.assert_close(read.data.windows, torch.from_numpy(expected), rtol=1e-4, atol=1e-4)
    assert read.data.labels.tolist() == [0, 1] * 5
    assert read.num_classes == 2
    assert read.layout is not None
    assert list(read.layout.triads) == [(0, 1, 2)]
    torch.testing.assert_close(
        read.layout.to_sensor_units(read.data.windows), torch.from_numpy(ours), rtol=1e-4, atol=1e-3
    )


def test_damaged_windows_are_left_out(tmp_path: Path) -> None:
    samples = written(path := tmp_path / "windows.parquet", damaged=np.arange(10) > 5)
    read = read_other_windows(path, TARGET, SEEN, num_timepoints=30)
    assert len(read.data) == 6
    assert read.layout is not None
    np.testing.assert_allclose(read.layout.mean, samples[:6, :, [3, 2, 1]].mean(axis=(0, 1)), rtol=1e-4)


def test_another_rate_is_brought_to_that_of_the_network(tmp_path: Path) -> None:
    source = SOURCE.replaced(sampling_rate_hz=50.0)
    times = np.arange(100) / 50
    samples = np.broadcast_to(np.sin(2 * np.pi * 1.5 * times)[None, :, None], (4, 100, 4)).astype(np.float32)
    write_example(path := tmp_path / "windows.parquet", source, samples, np.zeros(4, dtype=np.int64))
    read = read_other_windows(path, TARGET, SEEN, num_timepoints=40)
    expected = torch.from_numpy(np.sin(2 * np.pi * 1.5 * np.arange(40) / 20)).float() * 2**0.5
    assert read.data.windows.shape == (4, 40, 3)
    torch.testing.assert_close(read.data.windows[0, 5:-5, 0], expected[5:-5], rtol=0, atol=0.05)


@given(length=st.integers(1, 50), num_timepoints=st.integers(1, 50))
def test_windows_are_cut_or_repeated_and_nothing_else_is_put_in(length: int, num_timepoints: int) -> None:
    windows = np.arange(2 * 3 * length, dtype=np.float32).reshape(2, 3, length)
    made = with_length(windows, num_timepoints)
    num_pieces = max(1, length // num_timepoints)
    assert made.shape == (2, 3 * num_pieces, num_timepoints)
    whole = made.reshape(2, 3, -1)
    assert np.array_equal(whole, windows[:, :, np.arange(whole.shape[2]) % length])


def test_the_pieces_of_a_window_have_its_activity(tmp_path: Path) -> None:
    written(path := tmp_path / "windows.parquet")
    read = read_other_windows(path, TARGET, SEEN, num_timepoints=10)
    assert read.data.labels.tolist() == [0, 0, 0, 1, 1, 1] * 5
    whole = read_other_windows(path, TARGET, SEEN, num_timepoints=30)
    assert torch.equal(read.data.windows.view(10, 30, 3), whole.data.windows)


def test_what_cannot_be_used_is_refused(tmp_path: Path) -> None:
    def read(spec: DatasetSpec, path: Path) -> PretrainingWindows:
        return read_other_windows(path, spec, range(spec.num_channels), num_timepoints=30)

    written(path := tmp_path / "windows.parquet")
    with pytest.raises(InputError, match=r"theirs_0, theirs_1.*pocket_and_wrist.*pocket_acc_x"):
        read(POCKET_AND_WRIST.replaced(channels=POCKET_AND_WRIST.channels[:6]), path)
    with pytest.raises(InputError, match="they are of subjects who test"):
        read(SOURCE, path)
    with pytest.raises(InputError, match="cannot be read"):
        read(DSADS, tmp_path / "missing.parquet")
