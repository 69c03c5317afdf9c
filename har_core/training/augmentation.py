"""Changes of training windows that keep their meaning: another way of wearing the sensors.

Which channels belong together is told by the caller. Letters: N windows, T timepoints, C channels, G units, V vectors
of three axes in a unit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize

Triad = tuple[int, int, int]
"""Indices of the x, y and z channel of one sensor."""


class RandomRotation:
    """Turns each unit of each window by a random angle about a random axis, as if it had been strapped on askew.

    All sensors of a unit turn together, and all samples of a window. Angles are normally distributed. Rotation as an
    augmentation of wearable recordings is that of T. T. Um et al., "Data augmentation of wearable sensor data for
    Parkinson's disease monitoring using convolutional neural networks", 2017; small angles are ours.
    """

    def __init__(
        self, units: Sequence[Sequence[Triad]], *, mean: Tensor, standard_deviation: Tensor, degrees: float
    ) -> None:
        """Prepare for windows that were normalised by ``mean`` and ``standard_deviation``.

        Args:
            units: for each unit its sensors, all units with as many; channels in none of them stay as they are.
            mean: float32 (C,), in sensor units.
            standard_deviation: float32 (C,); windows are turned in sensor units and normalised again.
            degrees: standard deviation of the angle.
        """
        self._channels_GV3 = torch.tensor([list(unit) for unit in units], dtype=torch.int64)
        self._mean_GV3 = mean[self._channels_GV3]
        self._deviation_GV3 = standard_deviation[self._channels_GV3]
        self._radians = math.radians(degrees)

    def __call__(self, windows_NTC: Tensor) -> Tensor:
        """Turned windows (N, T, C), a new tensor; the angles come from PyTorch's global generator."""
        device = windows_NTC.device
        mean_GV3, deviation_GV3 = self._mean_GV3.to(device), self._deviation_GV3.to(device)
        vectors = windows_NTC[..., self._channels_GV3.to(device)] * deviation_GV3 + mean_GV3  # (N, T, G, V, 3)
        rotations = rotation_matrices(
            torch.randn(len(windows_NTC), len(mean_GV3), 3),
            self._radians * torch.randn(len(windows_NTC), len(mean_GV3)),
        )
        turned = torch.einsum("ngij,ntgvj->ntgvi", rotations.to(device), vectors)
        result = windows_NTC.clone()
        result[..., self._channels_GV3.to(device)] = (turned - mean_GV3) / deviation_GV3
        return result


def rotation_matrices(axes: Tensor, radians: Tensor) -> Tensor:
    """Rotations by ``radians`` (…) about ``axes`` (…, 3) of any length but 0, as (…, 3, 3): Rodrigues' formula."""
    x, y, z = normalize(axes, dim=-1).unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).reshape(*x.shape, 3, 3)
    angle = radians[..., None, None]
    rotations: Tensor = torch.eye(3) + torch.sin(angle) * cross + (1 - torch.cos(angle)) * (cross @ cross)
    return rotations
