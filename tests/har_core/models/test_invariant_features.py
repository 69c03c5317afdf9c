"""Invariant features: what they are, and that turning a unit leaves them as they were."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from har_core.datasets.dsads.dataset import DSADS
from har_core.models.features import RichFeatures
from har_core.models.invariant_features import InvariantFeatures
from har_core.spec.channels import select_channels, sensors_among

ALL = sensors_among(DSADS, range(45))


def windows(num_windows: int = 4, num_timepoints: int = 125, num_channels: int = 45) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(num_windows, num_timepoints, num_channels, generator=generator) + torch.arange(num_channels) % 5


def rotation(generator: np.random.Generator) -> np.ndarray:
    turn: np.ndarray = Rotation.random(rng=generator).as_matrix()
    return turn


@pytest.mark.parametrize("num_timepoints", [125, 64])
def test_values(num_timepoints: int) -> None:
    x = windows(num_timepoints=num_timepoints, num_channels=9)
    w = x.double().numpy()
    acceleration, turning, field = w[..., :3], w[..., 3:6], w[..., 6:]
    gravity = acceleration.mean(axis=1, keepdims=True)
    gravity = gravity / np.linalg.norm(gravity, axis=-1, keepdims=True)
    series = np.stack(
        [
            *(np.linalg.norm(sensor, axis=-1) for sensor in (acceleration, turning, field)),
            (acceleration * gravity).sum(axis=-1),
            (turning * gravity).sum(axis=-1),
        ],
        axis=1,
    )
    power = np.abs(np.fft.rfft(series, axis=-1)) ** 2 / num_timepoints**2
    power[..., 1 : (num_timepoints + 1) // 2] *= 2
    frequency = np.fft.rfftfreq(num_timepoints, d=1 / 25)
    ends = [1e-9, 0.5, 0.9, 1.3, 1.7, 2.3, 2.9, 3.7, 4.9, 6.5, 99]
    bands = [power[..., (frequency > low) & (frequency <= high)].sum(axis=-1) for low, high in pairwise(ends)]
    expected_bands = np.log(np.stack(bands, axis=-1) + 1e-10).reshape(len(w), -1)
    expected_correlations = np.stack([np.corrcoef(own)[np.triu_indices(5, k=1)] for own in series])
    features = InvariantFeatures(num_timepoints=num_timepoints, sampling_rate_hz=25.0, sensors=ALL[:3])(x).numpy()
    plain = RichFeatures(num_timepoints=num_timepoints, sampling_rate_hz=25.0, triples=())
    expected_series = plain(torch.from_numpy(np.concatenate([w, series.transpose(0, 2, 1)], axis=2))).numpy()
    num_series = 14 * (9 + 5)
    np.testing.assert_allclose(features[:, :num_series], expected_series, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(features[:, num_series + 9 : -10], expected_bands, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(features[:, -10:], expected_correlations, rtol=1e-7, atol=1e-7)
    assert np.exp(expected_bands).reshape(len(w), 5, 10).sum(axis=-1) == pytest.approx(series.var(axis=-1), rel=1e-6)


def test_turning_units_on_the_body_changes_rich_features_and_no_invariant_one() -> None:
    x = windows()
    generator = np.random.default_rng(0)
    turned = x.clone()
    for unit in range(5):
        turn = torch.from_numpy(rotation(generator).astype(np.float32))
        for sensor in ALL[3 * unit : 3 * unit + 3]:
            turned[..., list(sensor.axes)] = x[..., list(sensor.axes)] @ turn
    features = InvariantFeatures(num_timepoints=125, sampling_rate_hz=25.0, sensors=ALL)
    first, second = features(x), features(turned)
    of_channels, of_axes = slice(45 * 14), slice(70 * 14, 70 * 14 + 45)
    assert (first[:, of_channels] - second[:, of_channels]).abs().max() > 1
    assert (first[:, of_axes] - second[:, of_axes]).abs().max() > 0.01
    for invariant in (slice(45 * 14, 70 * 14), slice(70 * 14 + 45, None)):
        torch.testing.assert_close(first[:, invariant], second[:, invariant], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("chosen", "num_projections"),
    [
        (select_channels(DSADS), 10),
        (select_channels(DSADS, sensors=["acc"]), 5),
        (select_channels(DSADS, sensors=["gyro", "mag"]), 0),
        (select_channels(DSADS, units=["RA"], sensors=["acc", "gyro"]), 2),
        (select_channels(DSADS, channels=["T_xacc", "T_xgyro", "T_ygyro", "T_zgyro"]), 0),
        (select_channels(DSADS, channels=["T_xacc"]), 0),
    ],
)
def test_any_choice_of_channels_has_the_features_that_it_can_have(
    chosen: tuple[int, ...], num_projections: int
) -> None:
    own = sensors_among(DSADS, chosen)
    num_series = len(own) + num_projections
    features = InvariantFeatures(num_timepoints=125, sampling_rate_hz=25.0, sensors=own)(windows()[..., list(chosen)])
    of_series, of_axes = 14 * (len(chosen) + num_series), 3 * len(own)
    assert features.shape == (4, of_series + of_axes + 10 * num_series + num_series * (num_series - 1) // 2)
    assert features.isfinite().all()


def test_all_channels_have_as_many_as_the_docstring_says() -> None:
    assert InvariantFeatures(num_timepoints=125, sampling_rate_hz=25.0, sensors=ALL)(windows(1)).shape == (1, 1575)


def test_units_that_stand_still_or_send_zeros_have_finite_features_and_no_correlation() -> None:
    x = windows(2)
    x[0] = -9.806651
    x[1, :, :9] = 0
    features = InvariantFeatures(num_timepoints=125, sampling_rate_hz=25.0, sensors=ALL)(x)
    assert features.isfinite().all()
    assert features[0, -300:].abs().max() == 0
    assert features[1, -300:].abs().max() > 0
