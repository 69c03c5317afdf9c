"""The random convolutions are those of the paper, here computed sample by sample."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from har_core.base.errors import InputError
from har_core.models import fit_model
from har_core.models.layers.random_convolutions import (
    MAX_CHANNELS,
    NUM_KERNELS,
    RandomConvolutions,
    _random_channels,
    dilations_of,
    kernel_weights,
    with_thresholds,
)


@pytest.fixture(scope="module")
def windows() -> torch.Tensor:
    x = np.random.default_rng(0).normal(size=(12, 40, 5)).cumsum(axis=1) * [1, 2, 3, 4, 5] + 7
    return torch.from_numpy(x.astype(np.float32))


@pytest.fixture(scope="module")
def transform(windows: torch.Tensor) -> RandomConvolutions:
    return with_thresholds(windows, np.random.default_rng(1), 12)


def test_kernels() -> None:
    weights = kernel_weights()
    assert weights.shape == (NUM_KERNELS, 9) == (84, 9)
    assert set(weights.flatten().tolist()) == {-1.0, 2.0}
    assert (weights.sum(dim=1) == 0).all()
    assert len({tuple(row) for row in weights.tolist()}) == 84


def test_features_are_shares_of_output_above_thresholds(transform: RandomConvolutions, windows: torch.Tensor) -> None:
    x = ((windows.double() - windows.double().mean((0, 1))) / windows.double().std((0, 1), correction=0)).numpy()
    expected = []
    for index, dilation in enumerate(transform.dilations):
        channels = transform.get_buffer(f"channels_{index}").numpy()
        thresholds = transform.get_buffer(f"thresholds_{index}").numpy()
        for half in (0, 1):
            for kernel in range((index + half) % 2, 84, 2):
                summed = np.pad(x[3] @ channels[kernel], 4 * dilation)
                weights = kernel_weights()[kernel].numpy()
                output = np.array([weights @ summed[t : t + 9 * dilation : dilation] for t in range(40)])
                seen = output if half == 0 else output[4 * dilation : 40 - 4 * dilation]
                expected += [(seen > threshold).mean() for threshold in thresholds[kernel]]
    assert np.std(expected) > 0.1
    np.testing.assert_allclose(transform(windows)[3].numpy(), expected, atol=1e-6)


@pytest.mark.parametrize(("num_timepoints", "num_per_kernel"), [(125, 30), (125, 119), (64, 30), (9, 5), (10, 1)])
def test_dilations_reach_over_the_window_and_share_all_thresholds(num_timepoints: int, num_per_kernel: int) -> None:
    dilations = dilations_of(num_timepoints, num_per_kernel)
    assert sum(dilations.values()) == num_per_kernel
    assert min(dilations.values()) >= 1
    assert min(dilations) == 1
    assert 8 * max(dilations) < num_timepoints
    if num_per_kernel >= 30:
        assert max(dilations) == (num_timepoints - 1) // 8


def test_a_kernel_sees_one_to_nine_channels() -> None:
    counts = np.concatenate([_random_channels(np.random.default_rng(seed), 45).sum(axis=1) for seed in range(20)])
    assert (counts.min(), counts.max()) == (1, MAX_CHANNELS)
    assert (counts == 1).mean() > 2 * (counts == 4).mean()
    assert _random_channels(np.random.default_rng(0), 2).sum(axis=1).max() == 2
    assert (_random_channels(np.random.default_rng(0), 1) == 1).all()


def test_thresholds_cut_the_training_windows_at_all_shares(windows: torch.Tensor) -> None:
    shares = with_thresholds(windows, np.random.default_rng(0), 30)(windows).mean(dim=0)
    assert shares.min() < 0.2
    assert shares.max() > 0.8
    assert shares.mean() == pytest.approx(0.5, abs=0.05)


def test_the_seed_draws_channels_and_thresholds(windows: torch.Tensor) -> None:
    first, other = (with_thresholds(windows, np.random.default_rng(seed), 12) for seed in (1, 2))
    assert not torch.equal(first.get_buffer("channels_0"), other.get_buffer("channels_0"))
    assert not torch.equal(first.get_buffer("thresholds_0"), other.get_buffer("thresholds_0"))


def test_the_number_of_features_is_rounded_down_to_84(windows: torch.Tensor) -> None:
    labels = torch.arange(12) % 2
    model = fit_model("rocket", windows, labels, num_classes=2, seed=0, sampling_rate_hz=25.0, num_features=300)
    assert model.get_buffer("weight_FK").shape == (252, 2)


@pytest.mark.parametrize(
    ("length", "options", "expected"), [(8, {}, "at least 9 samples"), (40, {"num_features": 83}, "at least 84")]
)
def test_what_cannot_be_convolved_is_refused(
    windows: torch.Tensor, length: int, options: dict[str, Any], expected: str
) -> None:
    with pytest.raises(InputError, match=expected):
        fit_model(
            "rocket", windows[:, :length], torch.arange(12) % 2, num_classes=2, seed=0, sampling_rate_hz=25.0, **options
        )


def test_a_channel_that_never_varies_is_no_trouble(windows: torch.Tensor) -> None:
    still = torch.cat([windows, torch.full((12, 40, 1), 3.0)], dim=2)
    model = fit_model(
        "rocket", still, torch.arange(12) % 2, num_classes=2, seed=0, sampling_rate_hz=25.0, num_features=252
    )
    with torch.inference_mode():
        assert model(still).isfinite().all()


def test_rounding_decides_nothing_where_a_signal_stands_still() -> None:
    """Inside such a window a kernel puts out 0 but for rounding, whatever the level: all windows look alike."""
    still = torch.rand(12, 1, 5, generator=torch.Generator().manual_seed(0)).expand(12, 40, 5) * 9.81
    transform = with_thresholds(still, np.random.default_rng(0), 12)
    features, first = transform(still), 0
    for index in range(len(transform.dilations)):
        num_of_half = transform.get_buffer(f"thresholds_{index}").numel() // 2
        inside = features[:, first + num_of_half : first + 2 * num_of_half]
        assert (inside == inside[0]).all()
        first += 2 * num_of_half
    assert first == features.shape[1]
