"""Features of what does not depend on how a unit is turned on the body, beside the rich ones.

People wear a unit turned a little differently, and turn it while they move. The length of a sensor's vector stays the
same, and so does its part along gravity, which the mean acceleration of a window shows.

Letters: N windows, T timepoints, C channels, M sensors with three axes, P projections, I = M + P invariant series,
R pairs of them, B bands of frequency, Q frequencies, F features.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from har_core.models.features import RichFeatures, SeriesFeatures
from har_core.spec.dataset import Sensor

_ENDS_OF_BANDS_HZ = (0.5, 0.9, 1.3, 1.7, 2.3, 2.9, 3.7, 4.9, 6.5)
"""Below 2 Hz, where steps are, bands are narrow; the last one goes on to the highest frequency."""
_SMALLEST_POWER = 1e-10
"""Added before the logarithm: the power of a sensor that lies still is far above it."""
_ACCELEROMETER, _GYROSCOPE = "acc", "gyro"


class InvariantFeatures(nn.Module):
    """Rich and invariant features: raw windows (N, T, C) to float64 (N, 14·(C + M + P) + 3·M + 10·I + I·(I - 1)/2).

    First the 14 features that :class:`RichFeatures` has of a series, of each channel, each magnitude, and each
    projection: acceleration along gravity, and turning rate about it, of each unit that has the sensors. Then the
    correlations of the axes of a sensor. Then of each invariant series, which are the magnitudes and projections, the
    logarithm of the power in ten bands (squares of units of measure). Last, the correlation of each invariant series
    with each, between the units too: they tell how limbs move together. The 45 channels of DSADS give 1,575 features.
    """

    def __init__(self, *, num_timepoints: int, sampling_rate_hz: float, sensors: Sequence[Sensor]) -> None:
        super().__init__()
        self.rich = RichFeatures(
            num_timepoints=num_timepoints,
            sampling_rate_hz=sampling_rate_hz,
            triples=[sensor.axes for sensor in sensors],
        )
        gravity = {sensor.place: index for index, sensor in enumerate(sensors) if sensor.kind == _ACCELEROMETER}
        projected = [
            (index, gravity[sensor.place])
            for kind in (_ACCELEROMETER, _GYROSCOPE)
            for index, sensor in enumerate(sensors)
            if sensor.kind == kind and sensor.place in gravity
        ]
        places_P2 = torch.tensor(projected, dtype=torch.int64).reshape(-1, 2)
        self.projected_P = nn.Buffer(places_P2[:, 0].clone(memory_format=torch.contiguous_format), persistent=False)
        self.gravity_P = nn.Buffer(places_P2[:, 1].clone(memory_format=torch.contiguous_format), persistent=False)
        ends = torch.tensor(_ENDS_OF_BANDS_HZ, dtype=torch.float64)
        band_Q = torch.bucketize(self.rich.frequency_Q, ends)
        bands_QB = nn.functional.one_hot(band_Q, len(ends) + 1).to(torch.float64)
        self.bands_QB = nn.Buffer(bands_QB / num_timepoints**2, persistent=False)
        self.num_invariant = len(sensors) + len(projected)
        first_R, second_R = torch.triu_indices(self.num_invariant, self.num_invariant, offset=1)
        self.pairs_R = nn.Buffer(first_R * self.num_invariant + second_R, persistent=False)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_NCT = x_NTC.transpose(1, 2).to(torch.float64).contiguous()
        if not self.rich.num_triples:
            return self.rich.of_series(x_NCT).values_NSF.flatten(start_dim=1)
        axes_NM3T = self.rich.axes_of(x_NCT)
        magnitude_NMT = axes_NM3T.square().sum(dim=2).sqrt()
        series = self.rich.of_series(torch.cat([x_NCT, magnitude_NMT, self._along_gravity(axes_NM3T)], dim=1))
        features = [
            series.values_NSF,
            self.rich.axis_correlations(series.standardised_NST),
            *self._of_invariant(series),
        ]
        return torch.cat([part.flatten(start_dim=1) for part in features], dim=1)

    def _along_gravity(self, axes_NM3T: Tensor) -> Tensor:
        """Each projected sensor along its unit's mean acceleration: (N, P, T); 0 where that is 0."""
        gravity_NP3 = axes_NM3T.index_select(1, self.gravity_P).mean(dim=3)
        length_NP1 = gravity_NP3.norm(dim=2, keepdim=True)
        direction_NP3 = gravity_NP3 / torch.where(length_NP1 > 0, length_NP1, 1.0)
        along_NPT: Tensor = (axes_NM3T.index_select(1, self.projected_P) * direction_NP3.unsqueeze(3)).sum(dim=2)
        return along_NPT

    def _of_invariant(self, series: SeriesFeatures) -> tuple[Tensor, Tensor]:
        """Logarithms of the power in each band (N, I, B), and the correlation of each series with each that follows.

        These are (N, I·(I - 1)/2), 0 where one of the two does not vary. Invariant are the last series.
        """
        first = series.power_NSQ.shape[1] - self.num_invariant
        share_NIB = series.power_NSQ.narrow(1, first, self.num_invariant) @ self.bands_QB
        variance_NI = series.deviation_NS.narrow(1, first, self.num_invariant).square()
        bands_NIB = (share_NIB * variance_NI.unsqueeze(2) + _SMALLEST_POWER).log()
        x_NIT = series.standardised_NST.narrow(1, first, self.num_invariant)
        correlations_NII = x_NIT @ x_NIT.transpose(1, 2) / x_NIT.shape[2]
        return bands_NIB, correlations_NII.flatten(start_dim=1).index_select(1, self.pairs_R)
