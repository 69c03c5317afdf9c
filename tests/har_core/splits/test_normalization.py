"""Statistics of normalisation, and what is done with them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from har_core.base.errors import InputError
from har_core.datasets.dsads.dataset import DSADS
from har_core.inference.classifier import RawWindowClassifier
from har_core.splits.normalization import Moments, Statistics, apply, measure

CHANNELS = ("a", "b", "c")


def samples_like(values: st.SearchStrategy[float]) -> st.SearchStrategy[np.ndarray]:
    return st.integers(2, 40).flatmap(lambda num: arrays.arrays(np.float32, (3, num), elements=values))


ordinary = samples_like(st.floats(-1000, 1000, width=32))


@given(samples=ordinary, cut=st.integers(0, 40))
def test_statistics_do_not_depend_on_how_samples_are_cut_into_blocks(samples: np.ndarray, cut: int) -> None:
    statistics = measure([samples[:, :cut], samples[:, cut:]], CHANNELS)
    whole = measure([samples], CHANNELS)
    np.testing.assert_allclose(statistics.mean, whole.mean, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(statistics.standard_deviation, whole.standard_deviation, rtol=1e-5, atol=1e-6)


@given(samples=ordinary)
def test_statistics_are_those_of_numpy(samples: np.ndarray) -> None:
    statistics = measure([samples], CHANNELS)
    varies = ~np.isin(CHANNELS, statistics.constant)
    np.testing.assert_allclose(statistics.mean, samples.mean(axis=1, dtype=np.float64), rtol=1e-6, atol=1e-6)
    deviation = samples.std(axis=1, dtype=np.float64)
    np.testing.assert_allclose(statistics.standard_deviation[varies], deviation[varies], rtol=1e-5)
    assert (statistics.standard_deviation[~varies] == 1).all()


@given(samples=ordinary)
def test_normalised_training_samples_have_mean_0_and_deviation_1(samples: np.ndarray) -> None:
    statistics = measure([samples], CHANNELS)
    normalised = apply(statistics, samples)
    assert normalised.dtype == np.float32
    moments = Moments(3)
    moments.update(normalised)
    varies = ~np.isin(CHANNELS, statistics.constant)
    assert (np.abs(moments.mean) <= 1e-3).all()
    assert (np.abs(moments.standard_deviation[varies] - 1) <= 1e-3).all()


@given(samples=ordinary)
def test_json_gives_the_same_float32_values_back(samples: np.ndarray) -> None:
    statistics = measure([samples], CHANNELS)
    restored = Statistics.from_json(statistics.to_json())
    assert restored.channels == statistics.channels
    assert restored.constant == statistics.constant
    assert restored.mean.tobytes() == statistics.mean.tobytes()
    assert restored.standard_deviation.tobytes() == statistics.standard_deviation.tobytes()


def test_many_samples_far_from_zero_lose_no_digits() -> None:
    rng = np.random.default_rng(0)
    blocks = [(1000 + rng.normal(size=(1, 10_000))).astype(np.float32) for _ in range(100)]
    whole = np.concatenate(blocks, axis=1).astype(np.float64)
    statistics = measure(blocks, ["a"])
    assert statistics.mean[0] == np.float32(whole.mean())
    assert statistics.standard_deviation[0] == pytest.approx(whole.std(), rel=1e-7)


def test_constant_channels_become_zero() -> None:
    samples = np.array([[4, 4, 4, 4], [0, 0, 0, 0], [1, 2, 3, 4]], dtype=np.float32)
    statistics = measure([samples], CHANNELS)
    assert statistics.constant == ("a", "b")
    assert statistics.standard_deviation.tolist()[:2] == [1, 1]
    assert not apply(statistics, samples)[:2].any()


def test_a_channel_that_float32_can_hardly_tell_from_constant_counts_as_constant() -> None:
    hardly = 1e6 + np.array([[0, 0.0625, 0, 0.0625]], dtype=np.float32)
    visibly = 1e6 + np.array([[0, 500, 0, 500]], dtype=np.float32)
    tiny = np.array([[0, 1e-20, 0, 1e-20]], dtype=np.float32)
    statistics = measure([np.concatenate([hardly, visibly, tiny]).astype(np.float32)], CHANNELS)
    assert statistics.constant == ("a",)


def test_apply_equals_the_registered_model_to_the_bit() -> None:
    rng = np.random.default_rng(1)
    windows = rng.normal(3, 2, size=(5, 7, 3)).astype(np.float32)
    statistics = measure([windows.reshape(-1, 3).T], CHANNELS)

    class Tap(torch.nn.Module):
        def forward(self, windows: torch.Tensor) -> torch.Tensor:
            self.seen = windows
            return windows[:, 0]

    tap = Tap()
    mean, deviation = torch.from_numpy(statistics.mean), torch.from_numpy(statistics.standard_deviation)
    spec = DSADS.replaced(channels=DSADS.channels[:3], place_names={})
    RawWindowClassifier(tap, spec, mean=mean, standard_deviation=deviation)(torch.from_numpy(windows))
    np.testing.assert_array_equal(tap.seen.numpy(), apply(statistics, windows.transpose(2, 0, 1)).transpose(1, 2, 0))


def test_not_a_number_is_not_hidden() -> None:
    statistics = measure([np.array([[1, np.nan], [np.inf, 1], [1, 2]], dtype=np.float32)], CHANNELS)
    assert np.isnan(statistics.mean[0])
    assert not np.isfinite(statistics.standard_deviation[1])
    assert np.isfinite([statistics.mean[2], statistics.standard_deviation[2]]).all()


def test_no_samples_are_refused() -> None:
    with pytest.raises(InputError, match="no samples"):
        measure([np.empty((3, 0), np.float32)], CHANNELS)


def test_windows_of_other_channels_are_a_mistake() -> None:
    statistics = measure([np.array([[1, 2], [1, 2], [1, 2]], dtype=np.float32)], CHANNELS)
    with pytest.raises(ValueError, match="broadcast"):
        apply(statistics, np.zeros((2, 4), np.float32))


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"channels": {"a": {"mean": 1}}, "constant": []}), "1"])
def test_text_that_is_no_statistics_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        Statistics.from_json(text)
