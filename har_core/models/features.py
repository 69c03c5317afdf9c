"""Features of windows, as modules. Each classical model chooses the features it uses.

Everything is computed in float64 and along time only, so that, to the precision of float32, the features of a window do
not depend on its batch; only between frequencies of the same power rounding chooses. Nothing is learnt here: buffers
follow from the shape of a window.

Letters: N windows, T timepoints, C channels, M sensors with three axes, S series, F features, Q frequencies, W = 2·Q
cosine and sine waves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from har_core.models.layers.options import require_option

_CONSTANT_BELOW = 1e-6
"""If the deviation of a series is at most this share of its root mean square, its shape and spectrum are mere rounding.

Samples are float32, exact to 6e-8 of their size.
"""
_CHUNK = 256


class SimpleFeatures(nn.Module):
    """:func:`simple_features` of every channel: raw windows (N, T, C) to float64 (N, 8·C), channel by channel."""

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_NCT = x_NTC.transpose(1, 2).to(torch.float64).contiguous()
        x_NF: Tensor = torch.stack(simple_features(x_NCT, moments_of(x_NCT)), dim=-1).flatten(start_dim=1)
        return x_NF


@dataclass(frozen=True)
class Moments:
    """What most features of series (N, S, T) start from."""

    mean_NS: Tensor
    centred_NST: Tensor
    deviation_NS: Tensor
    """Of the population."""
    root_mean_square_NS: Tensor


@dataclass(frozen=True)
class SeriesFeatures:
    """The 14 features of series (N, S, T), and what other features may take from their making."""

    values_NSF: Tensor
    deviation_NS: Tensor
    standardised_NST: Tensor
    """With mean 0 and deviation 1; 0 where no more than rounding makes a series vary."""
    power_NSQ: Tensor
    """Of the standardised series at each frequency, up to a common factor."""


class RichFeatures(nn.Module):
    """Time, spectral and magnitude features: raw windows (N, T, C) to float64 (N, 14·(C + M) + 3·M).

    First 14 features of each channel, then of each magnitude √(x² + y² + z²): :func:`simple_features`; interquartile
    range, skewness, excess kurtosis; and, of the power at all frequencies except 0, the frequency of most power (Hz),
    the mean frequency weighted by power (Hz), and the spectral entropy (0 to 1). There is a magnitude for each of the M
    sensors whose three axes are among the channels; it does not depend on how the sensor is turned on the limb. Last,
    for each of these sensors, the correlations of x with y, x with z, and y with z. The 45 channels of DSADS give 885
    features.
    """

    def __init__(
        self, *, num_timepoints: int, sampling_rate_hz: float, triples: Sequence[tuple[int, int, int]]
    ) -> None:
        """``triples`` are the channels of the x, y and z axis of each sensor; there may be none."""
        super().__init__()
        require_option(num_timepoints > 1, "windows.length", num_timepoints, "at least 2 samples for a spectrum")
        self.num_triples = len(triples)
        time_T = torch.arange(num_timepoints, dtype=torch.float64)
        cycles_Q = torch.arange(1, num_timepoints // 2 + 1, dtype=torch.float64)
        angles_TQ = 2 * math.pi / num_timepoints * time_T[:, None] * cycles_Q
        # Every frequency stands for itself and its negative, but the highest of an even number of samples.
        weight_Q = torch.where(2 * cycles_Q == num_timepoints, 1.0, 2.0).to(torch.float64)
        self.axes = nn.Buffer(torch.tensor(list(triples), dtype=torch.int64).reshape(-1), persistent=False)
        self.axis_pairs = nn.Buffer(torch.tensor([1, 2, 5]), persistent=False)  # of 3 x 3: xy, xz, yz
        self.waves_TW = nn.Buffer(torch.cat([angles_TQ.cos(), angles_TQ.sin()], dim=1), persistent=False)
        self.weight_Q = nn.Buffer(weight_Q, persistent=False)
        self.frequency_Q = nn.Buffer(cycles_Q * sampling_rate_hz / num_timepoints, persistent=False)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_NCT = x_NTC.transpose(1, 2).to(torch.float64).contiguous()
        if not self.num_triples:
            return self.of_series(x_NCT).values_NSF.flatten(start_dim=1)
        magnitude_NMT = self.axes_of(x_NCT).square().sum(dim=2).sqrt()
        series = self.of_series(torch.cat([x_NCT, magnitude_NMT], dim=1))
        correlations_NM3 = self.axis_correlations(series.standardised_NST)
        return torch.cat([series.values_NSF.flatten(start_dim=1), correlations_NM3.flatten(start_dim=1)], dim=1)

    def axes_of(self, x_NST: Tensor) -> Tensor:
        """The axes of each sensor, where the channels are the first of the series: (N, M, 3, T)."""
        return x_NST.index_select(1, self.axes).reshape(x_NST.shape[0], self.num_triples, 3, x_NST.shape[2])

    def axis_correlations(self, standardised_NST: Tensor) -> Tensor:
        """Correlations of x with y, x with z, y with z: (N, M, 3); 0 if one of the two does not vary."""
        axes_NM3T = self.axes_of(standardised_NST)
        products_NM9 = (axes_NM3T @ axes_NM3T.transpose(2, 3)).flatten(start_dim=2)
        return products_NM9.index_select(2, self.axis_pairs) / axes_NM3T.shape[3]

    def of_series(self, x_NST: Tensor) -> SeriesFeatures:
        """The 14 features of each series."""
        moments = moments_of(x_NST)
        varies_NS = moments.deviation_NS > _CONSTANT_BELOW * moments.root_mean_square_NS
        scale_NS = torch.where(varies_NS, moments.deviation_NS.reciprocal(), 0.0)
        x1_NST = moments.centred_NST * scale_NS.unsqueeze(-1)
        x3_NST = x1_NST.square() * x1_NST
        cosines_NSQ, sines_NSQ = (x1_NST @ self.waves_TW).square().chunk(2, dim=-1)
        power_NSQ = (cosines_NSQ + sines_NSQ) * self.weight_Q
        share_NSQ = power_NSQ / torch.where(varies_NS, power_NSQ.sum(dim=-1), 1.0).unsqueeze(-1)
        low_NS, median_NS, high_NS = quantiles(x_NST, (0.25, 0.5, 0.75))
        values = [
            *simple_features(x_NST, moments, median_NS),
            high_NS - low_NS,
            x3_NST.mean(dim=-1),
            torch.where(varies_NS, (x3_NST * x1_NST).mean(dim=-1) - 3, 0.0),
            torch.where(varies_NS, self.frequency_Q[power_NSQ.argmax(dim=-1)], 0.0),
            share_NSQ @ self.frequency_Q,
            -torch.xlogy(share_NSQ, share_NSQ).sum(dim=-1) / math.log(max(2, self.frequency_Q.shape[0])),
        ]
        return SeriesFeatures(torch.stack(values, dim=-1), moments.deviation_NS, x1_NST, power_NSQ)


def moments_of(x_NST: Tensor) -> Moments:
    """The moments of series (N, S, T)."""
    mean_NS1 = x_NST.mean(dim=-1, keepdim=True)
    centred_NST = x_NST - mean_NS1
    deviation_NS = centred_NST.square().mean(dim=-1).sqrt()  # a quarter of the time of std
    root_mean_square_NS = x_NST.square().mean(dim=-1).sqrt()
    return Moments(mean_NS1.squeeze(-1), centred_NST, deviation_NS, root_mean_square_NS)


def simple_features(x_NST: Tensor, moments: Moments, median_NS: Tensor | None = None) -> list[Tensor]:
    """Eight features of series (N, S, T), (N, S) each.

    Mean, deviation (of the population), minimum, maximum, median, mean absolute difference of consecutive samples, root
    mean square, sum.
    """
    return [
        moments.mean_NS,
        moments.deviation_NS,
        x_NST.amin(dim=-1),
        x_NST.amax(dim=-1),
        quantiles(x_NST, (0.5,))[0] if median_NS is None else median_NS,
        (x_NST[..., 1:] - x_NST[..., :-1]).abs().sum(dim=-1) / max(1, x_NST.shape[-1] - 1),
        moments.root_mean_square_NS,
        x_NST.sum(dim=-1),
    ]


def features_of(module: nn.Module, windows_NTC: Tensor) -> Tensor:
    """Features of any number of windows, computed in chunks so that intermediate values take bounded memory."""
    with torch.inference_mode():
        return torch.cat([module(chunk) for chunk in torch.split(windows_NTC, _CHUNK)])


def quantiles(x_NST: Tensor, shares: Sequence[float]) -> list[Tensor]:
    """Quantiles of series (N, S, T) by linear interpolation, like NumPy's default: (N, S) for each of ``shares``.

    From the highest rank down, the sample of a rank is the largest of what is left when all above it is dropped, which
    takes less time than to sort.
    """
    places = [share * (x_NST.shape[-1] - 1) for share in shares]
    samples_NS = {}
    for rank in sorted({whole for place in places for whole in (math.floor(place), math.ceil(place))}, reverse=True):
        if rank + 1 < x_NST.shape[-1]:
            x_NST = x_NST.topk(rank + 1, largest=False, sorted=False).values
        samples_NS[rank] = x_NST.amax(dim=-1)
    return [torch.lerp(samples_NS[math.floor(place)], samples_NS[math.ceil(place)], place % 1) for place in places]
