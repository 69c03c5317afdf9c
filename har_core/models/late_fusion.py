"""Late fusion: each sensor is encoded by convolutions of its own; only their summaries meet.

Origin: S. Münzner, P. Schmidt, A. Reiss, M. Hanselmann, R. Stiefelhagen and R. Dürichen, "CNN-based sensor fusion
techniques for multimodal human activity recognition", ISWC 2017, who find late fusion better than early fusion. Taken
is where the sensors meet. The encoders are ours: strided convolutions with batch norm, then mean and maximum over time,
which leave far fewer numbers to the last layers than a flattened window. All encoders run at once as one grouped
convolution.

Cost of a window of 125 x 45, 19 activities: 246,659 parameters, 2,809,712 multiply-accumulates.

Letters: N windows, T timepoints, C channels, S sensors, D channels of a sensor, U timepoints after the strides, F
features of a sensor, K activities.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from har_core.models.layers.options import require_option
from har_core.models.layers.sensors import filled_up, sensors_of
from har_core.models.registry import register_model


@register_model("late_fusion")
class LateFusion(nn.Module):
    """Three convolutions a sensor, each halving time; their means and maxima, side by side, to two linear layers."""

    def __init__(
        self,
        *,
        num_channels: int,
        num_timepoints: int,
        num_classes: int,
        channels_per_sensor: int = 3,
        base_width: int = 16,
        kernel_size: int = 5,
        hidden_size: int = 128,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        for option, value in (
            ("channels_per_sensor", channels_per_sensor),
            ("base_width", base_width),
            ("hidden_size", hidden_size),
        ):
            require_option(value >= 1, option, value, "a whole number of at least 1")
        require_option(kernel_size >= 1 and kernel_size % 2 == 1, "kernel_size", kernel_size, "an odd number")
        require_option(0 <= dropout < 1, "dropout", dropout, "a share from 0 to below 1")
        self.num_sensors, self.sensor_channels = sensors_of(num_channels, channels_per_sensor)
        widths = [self.sensor_channels, base_width, 2 * base_width, 2 * base_width]
        self.encoders = nn.Sequential(*(self._convolution(*pair, kernel_size) for pair in pairwise(widths)))
        self.dropout = nn.Dropout(dropout)
        self.fusion = nn.Linear(2 * self.num_sensors * widths[-1], hidden_size)
        self.head = nn.Linear(hidden_size, num_classes)

    def forward(self, x_NTC: Tensor) -> Tensor:
        x_NTC = filled_up(x_NTC, self.num_sensors, self.sensor_channels)
        x_NFU = self.encoders(x_NTC.transpose(1, 2))  # the S·F features of all sensors
        x_NF = torch.cat([x_NFU.mean(dim=-1), x_NFU.amax(dim=-1)], dim=-1)
        x_NF = self.fusion(self.dropout(x_NF)).relu()
        logits_NK: Tensor = self.head(self.dropout(x_NF))
        return logits_NK

    def _convolution(self, in_features: int, out_features: int, kernel_size: int) -> nn.Module:
        """A convolution for each sensor, which halves time, with batch norm and ReLU."""
        return nn.Sequential(
            nn.Conv1d(
                self.num_sensors * in_features,
                self.num_sensors * out_features,
                kernel_size,
                stride=2,
                padding=kernel_size // 2,
                groups=self.num_sensors,
                bias=False,
            ),
            nn.BatchNorm1d(self.num_sensors * out_features),
            nn.ReLU(),
        )
