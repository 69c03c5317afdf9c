"""Each feature is what NumPy and SciPy make of one series at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy import stats

from har_core.base.errors import InputError
from har_core.models.features import RichFeatures, SimpleFeatures, features_of, quantiles

Series = npt.NDArray[np.float64]
TRIPLES = tuple((i, i + 1, i + 2) for i in range(0, 45, 3))


def windows(num_timepoints: int = 125, num_channels: int = 45, num_windows: int = 5) -> torch.Tensor:
    rng = np.random.default_rng(num_timepoints)
    x = rng.normal(size=(num_windows, num_timepoints, num_channels)).cumsum(axis=1) + 9.81
    return torch.from_numpy(x.astype(np.float32))


def simple(x: Series) -> list[float]:
    return [
        x.mean(),
        x.std(),
        x.min(),
        x.max(),
        float(np.median(x)),
        np.abs(np.diff(x)).mean(),
        float(np.sqrt((x**2).mean())),
        x.sum(),
    ]


def further(x: Series) -> list[float]:
    power = np.abs(np.fft.fft(x - x.mean())) ** 2
    hz = np.abs(np.fft.fftfreq(len(x), d=1 / 25))
    at = np.unique(hz)[1:]
    share = np.array([power[np.isclose(hz, frequency)].sum() for frequency in at])
    share /= share.sum()
    return [
        float(stats.iqr(x)),
        float(stats.skew(x)),
        float(stats.kurtosis(x)),
        at[share.argmax()],
        share @ at,
        float(stats.entropy(share)) / np.log(len(at)),
    ]


@pytest.mark.parametrize("num_timepoints", [125, 64, 3, 2, 1])
def test_simple_features(num_timepoints: int) -> None:
    x = windows(num_timepoints, 4)
    if num_timepoints == 1:
        x[:] = x.abs()  # NumPy has no difference of one sample to take the mean of
    expected = [
        [value for c in range(4) for value in (simple(w[:, c]) if num_timepoints > 1 else of_one_sample(w[0, c]))]
        for w in x.double().numpy()
    ]
    np.testing.assert_allclose(SimpleFeatures()(x).numpy(), expected, rtol=1e-9, atol=1e-9)


def of_one_sample(value: float) -> list[float]:
    return [value, 0, value, value, value, 0, abs(value), value]


@pytest.mark.parametrize("num_timepoints", [1, 2, 3, 4, 125, 126])
@pytest.mark.parametrize("shares", [(0.25, 0.5, 0.75), (0.75, 0.3, 0.31), (0.0, 1.0)])
def test_quantiles_equal_numpy_with_and_without_ties(num_timepoints: int, shares: tuple[float, ...]) -> None:
    for x in (windows(num_timepoints, 3).transpose(1, 2), windows(num_timepoints, 3).transpose(1, 2).round()):
        found = torch.stack(quantiles(x, shares))
        np.testing.assert_allclose(found.numpy(), np.quantile(x.numpy(), shares, axis=-1), rtol=1e-5)


@pytest.mark.parametrize("num_timepoints", [125, 64])
def test_rich_features(num_timepoints: int) -> None:
    x = windows(num_timepoints, 7)
    triples = ((0, 1, 2), (6, 4, 5))
    expected = []
    for w in x.double().numpy():
        series = [w[:, c] for c in range(7)] + [np.sqrt((w[:, list(triple)] ** 2).sum(axis=1)) for triple in triples]
        values = [value for s in series for value in (*simple(s), *further(s))]
        for i, j, k in triples:
            values += [np.corrcoef(w[:, a], w[:, b])[0, 1] for a, b in ((i, j), (i, k), (j, k))]
        expected.append(values)
    features = RichFeatures(num_timepoints=num_timepoints, sampling_rate_hz=25.0, triples=triples)(x).numpy()
    np.testing.assert_allclose(features, expected, rtol=1e-7, atol=1e-7)


def test_numbers_of_features_are_those_of_the_published_baselines() -> None:
    x = windows()
    assert SimpleFeatures()(x).shape == (5, 360)
    assert RichFeatures(num_timepoints=125, sampling_rate_hz=25.0, triples=TRIPLES)(x).shape == (5, 885)
    assert RichFeatures(num_timepoints=125, sampling_rate_hz=25.0, triples=())(x).shape == (5, 45 * 14)


def test_a_magnitude_does_not_depend_on_how_the_sensor_is_turned() -> None:
    x = windows(num_channels=3)
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    features = RichFeatures(num_timepoints=125, sampling_rate_hz=25.0, triples=((0, 1, 2),))
    first, second = features(x), features(x @ torch.from_numpy(turn.astype(np.float32)))
    magnitude = slice(3 * 14, 4 * 14)
    torch.testing.assert_close(first[:, magnitude], second[:, magnitude], rtol=1e-4, atol=1e-4)
    assert (first[:, :14] - second[:, :14]).abs().max() > 0.1


def test_a_signal_that_stands_still_has_neither_shape_nor_spectrum() -> None:
    x = torch.full((2, 125, 3), -9.806651)
    x[1] = 0
    features = RichFeatures(num_timepoints=125, sampling_rate_hz=25.0, triples=((0, 1, 2),))(x)
    assert features.isfinite().all()
    of_series = features[:, : 4 * 14].unflatten(1, (4, 14))
    assert of_series[:, :, 9:].abs().max() == 0
    assert features[:, 4 * 14 :].abs().max() == 0  # correlations


@pytest.mark.parametrize("sampling_rate_hz", [25.0, 62.5])
def test_a_pure_tone_has_its_frequency_and_no_entropy(sampling_rate_hz: float) -> None:
    tone = torch.sin(2 * torch.pi * 2.0 * torch.arange(125) / sampling_rate_hz).reshape(1, 125, 1) + 5
    features = RichFeatures(num_timepoints=125, sampling_rate_hz=sampling_rate_hz, triples=())(tone)[0]
    peak, mean, entropy = features[-3:].tolist()
    assert (peak, mean) == (pytest.approx(2.0), pytest.approx(2.0, abs=1e-6))
    assert entropy == pytest.approx(0, abs=1e-6)


def test_features_in_float32_do_not_depend_on_the_batch() -> None:
    x = windows(num_windows=300)
    module = RichFeatures(num_timepoints=125, sampling_rate_hz=25.0, triples=TRIPLES)
    alone = torch.cat([module(x[i : i + 1]) for i in range(0, 300, 30)]).float()
    assert torch.equal(features_of(module, x)[::30].float(), alone)


def test_a_window_too_short_for_a_spectrum_is_refused() -> None:
    with pytest.raises(InputError, match="at least 2 samples"):
        RichFeatures(num_timepoints=1, sampling_rate_hz=25.0, triples=())
