"""Features of windows, as modules. Each classical model chooses the features it uses.

Everything is computed in float64 and along time only, so that, to the precision of float32, the features of a window do
not depend on its batch. Nothing is learnt here: buffers follow from the shape of a window.

Letters: N windows, T timepoints, C channels, M sensors with three axes, S series, F features, Q frequencies, W = 2·Q
cosine and sine waves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from har_core.datasets.dsads.layout import SAMPLING_RATE_HZ
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
        x_NF: Tensor = simple_features(x_NCT, x_NCT.sort(dim=-1).values).flatten(start_dim=1)
        return x_NF


class RichFeatures(nn.Module):
    """Time, spectral and magnitude features: raw windows (N, T, C) to float64 (N, 14·(C + M) + 3·M).

    First 14 features of each channel, then of each magnitude √(x² + y² + z²): :func:`simple_features`; interquartile
    range, skewness, excess kurtosis; and, of the power at all frequencies except 0, the frequency of most power (Hz),
    the mean frequency weighted by power (Hz), and the spectral entropy (0 to 1). There is a magnitude for each of the M
    sensors whose three axes are among the channels; it does not depend on how the sensor is turned on the limb. Last,
    for each of these sensors, the correlations of x with y, x with z, and y with z. All 45 channels give 885 features.
    """

    def __init__(self, *, num_timepoints: int, triples: Sequence[tuple[int, int, int]]) -> None:
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
        self.waves_TW = nn.Buffer(torch.cat([angles_TQ.cos(), angles_TQ.sin()], dim=1), persistent=False)
        self.weight_Q = nn.Buffer(weight_Q, persistent=False)
        self.frequency_Q = nn.Buffer(cycles_Q * SAMPLING_RATE_HZ / num_timepoints, persistent=False)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_NCT = x_NTC.transpose(1, 2).to(torch.float64).contiguous()
        if not self.num_triples:
            return self.series_features(x_NCT).flatten(start_dim=1)
        axes_NM3T = self.axes_of(x_NCT)
        magnitude_NMT = axes_NM3T.square().sum(dim=2).sqrt()
        series_NSF = self.series_features(torch.cat([x_NCT, magnitude_NMT], dim=1))
        return torch.cat([series_NSF.flatten(start_dim=1), axis_correlations(axes_NM3T).flatten(start_dim=1)], dim=1)

    def axes_of(self, x_NCT: Tensor) -> Tensor:
        """The axes of each sensor: (N, M, 3, T)."""
        return x_NCT.index_select(1, self.axes).reshape(x_NCT.shape[0], self.num_triples, 3, x_NCT.shape[2])

    def series_features(self, x_NST: Tensor) -> Tensor:
        """The 14 features of each series: (N, S, 14)."""
        sorted_NST = x_NST.sort(dim=-1).values
        simple_NSF = simple_features(x_NST, sorted_NST)
        centred_NST, deviation_NS, varies_NS = centred(x_NST)
        standardised_NST = centred_NST / torch.where(varies_NS, deviation_NS, 1.0).unsqueeze(-1)
        cubes_NST = standardised_NST.square() * standardised_NST
        power_NSQ = self.power(standardised_NST)
        share_NSQ = power_NSQ / torch.where(varies_NS, power_NSQ.sum(dim=-1), 1.0).unsqueeze(-1)
        further = [
            cubes_NST.mean(dim=-1),
            (cubes_NST * standardised_NST).mean(dim=-1) - 3,
            self.frequency_Q[power_NSQ.argmax(dim=-1)],
            share_NSQ @ self.frequency_Q,
            -torch.xlogy(share_NSQ, share_NSQ).sum(dim=-1) / math.log(max(2, self.frequency_Q.shape[0])),
        ]
        range_NS = quantile(sorted_NST, 0.75) - quantile(sorted_NST, 0.25)
        further_NSF = torch.where(varies_NS.unsqueeze(-1), torch.stack(further, dim=-1), 0.0)
        return torch.cat([simple_NSF, range_NS.unsqueeze(-1), further_NSF], dim=-1)

    def power(self, centred_NST: Tensor) -> Tensor:
        """Power at each frequency, up to a common factor: (N, S, Q)."""
        cosines_NSQ, sines_NSQ = (centred_NST @ self.waves_TW).square().chunk(2, dim=-1)
        return (cosines_NSQ + sines_NSQ) * self.weight_Q


def simple_features(x_NST: Tensor, sorted_NST: Tensor) -> Tensor:
    """Eight features of series (N, S, T), given also in ascending order: (N, S, 8).

    Mean, deviation (of the population), minimum, maximum, median, mean absolute difference of consecutive samples, root
    mean square, sum.
    """
    num_timepoints = x_NST.shape[-1]
    steps_NS = (x_NST[..., 1:] - x_NST[..., :-1]).abs().sum(dim=-1) / max(1, num_timepoints - 1)
    mean_NS1 = x_NST.mean(dim=-1, keepdim=True)
    features = [
        mean_NS1.squeeze(-1),
        (x_NST - mean_NS1).square().mean(dim=-1).sqrt(),  # a quarter of the time of std
        sorted_NST[..., 0],
        sorted_NST[..., -1],
        quantile(sorted_NST, 0.5),
        steps_NS,
        x_NST.square().mean(dim=-1).sqrt(),
        x_NST.sum(dim=-1),
    ]
    return torch.stack(features, dim=-1)


def features_of(module: nn.Module, windows_NTC: Tensor) -> Tensor:
    """Features of any number of windows, computed in chunks so that intermediate values take bounded memory."""
    with torch.inference_mode():
        return torch.cat([module(chunk) for chunk in torch.split(windows_NTC, _CHUNK)])


def quantile(sorted_NST: Tensor, share: float) -> Tensor:
    """Quantile by linear interpolation, like NumPy's default."""
    place = share * (sorted_NST.shape[-1] - 1)
    below, above = math.floor(place), math.ceil(place)
    return torch.lerp(sorted_NST[..., below], sorted_NST[..., above], place - below)


def centred(x_NST: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Series minus their mean (N, S, T), their deviations (N, S), and whether they vary (N, S)."""
    centred_NST = x_NST - x_NST.mean(dim=-1, keepdim=True)
    deviation_NS = centred_NST.square().mean(dim=-1).sqrt()
    return centred_NST, deviation_NS, deviation_NS > _CONSTANT_BELOW * x_NST.square().mean(dim=-1).sqrt()


def axis_correlations(axes_NM3T: Tensor) -> Tensor:
    """Correlations of x with y, x with z, y with z: (N, M, 3); 0 if one of the two does not vary."""
    centred_NM3T, deviation_NM3, varies_NM3 = centred(axes_NM3T)
    standardised_NM3T = centred_NM3T / torch.where(varies_NM3, deviation_NM3, 1.0).unsqueeze(-1)
    standardised_NM3T = torch.where(varies_NM3.unsqueeze(-1), standardised_NM3T, 0.0)
    x_NMT, y_NMT, z_NMT = standardised_NM3T.unbind(dim=2)
    pairs = [(x_NMT, y_NMT), (x_NMT, z_NMT), (y_NMT, z_NMT)]
    return torch.stack([(first * second).mean(dim=-1) for first, second in pairs], dim=-1)
