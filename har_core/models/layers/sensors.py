"""Channels in sensors: every ``channels_per_sensor`` channels in a row are one.

3 of the 45 channels of DSADS are a sensor with three axes, 9 are a whole unit. Where the channels do not divide, the
last sensor has fewer; a window with fewer channels than that is one sensor.

Letters: N windows, T timepoints, C channels, S sensors, D channels of a sensor.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def sensors_of(num_channels: int, channels_per_sensor: int) -> tuple[int, int]:
    """S and D of ``num_channels`` channels.

    >>> sensors_of(45, 9), sensors_of(45, 3), sensors_of(7, 3), sensors_of(6, 9)
    ((5, 9), (15, 3), (3, 3), (1, 6))
    """
    width = min(num_channels, channels_per_sensor)
    return -(-num_channels // width), width


def filled_up(x_NTC: Tensor, num_sensors: int, num_channels: int) -> Tensor:
    """Windows (N, T, C) with channels of zeros at the end, so that all sensors have as many: (N, T, S·D)."""
    return functional.pad(x_NTC, (0, num_sensors * num_channels - x_NTC.shape[-1]))
