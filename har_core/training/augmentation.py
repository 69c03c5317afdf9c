"""Changes training windows without changing their activity: as if the sensors were worn differently.

The caller says which channels belong together. Letters: N windows, T timepoints, C channels, G units, V sensors with
three axes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize

Triad = tuple[int, int, int]
"""Indices of the x, y and z channel of one sensor."""


def random_rotation(
    triads: Sequence[Triad],
    units: Sequence[int],
    *,
    mean: Tensor,
    standard_deviation: Tensor,
    degrees: float,
) -> Callable[[Tensor], Tensor]:
    """Turns each unit of each window by a random angle about a random axis, as if it had been strapped on askew.

    All sensors of a unit turn together, as do all samples of a window. Angles are normally distributed. The method is
    from T. T. Um et al., "Data augmentation of wearable sensor data for Parkinson's disease monitoring using
    convolutional neural networks", 2017; small angles are our choice.

    Args:
        triads: the sensors (V); other channels are not changed.
        units: the unit of each sensor (V), numbered from 0.
        mean: float32 (C,), in sensor units, of what the windows were normalised by.
        standard_deviation: float32 (C,); windows are turned in sensor units and normalised again.
        degrees: standard deviation of the angle.

    Returns:
        What makes turned windows (N, T, C) of windows (N, T, C), as a new tensor; the angles come from PyTorch's global
        generator.
    """
    channels_V3 = torch.tensor(triads, dtype=torch.int64).reshape(-1, 3)
    units_V = torch.tensor(units, dtype=torch.int64)
    num_units, radians = max(units, default=-1) + 1, math.radians(degrees)

    def rotate(windows_NTC: Tensor) -> Tensor:
        device = windows_NTC.device
        mean_V3, deviation_V3 = mean[channels_V3].to(device), standard_deviation[channels_V3].to(device)
        shape_NG = (len(windows_NTC), num_units)
        rotations_NG33 = rotation_matrices(torch.randn(*shape_NG, 3), radians * torch.randn(shape_NG))
        rotations_NV33 = rotations_NG33[:, units_V].to(device)
        own_V3 = channels_V3.to(device)
        vectors_NTV3 = windows_NTC[..., own_V3] * deviation_V3 + mean_V3
        turned_NTV3 = torch.einsum("nvij,ntvj->ntvi", rotations_NV33, vectors_NTV3)
        result_NTC = windows_NTC.clone()
        result_NTC[..., own_V3] = (turned_NTV3 - mean_V3) / deviation_V3
        return result_NTC

    return rotate


def rotation_matrices(axes: Tensor, radians: Tensor) -> Tensor:
    """Rotations by ``radians`` (…) about ``axes`` (…, 3) of any length except 0: (…, 3, 3), by Rodrigues' formula."""
    x, y, z = normalize(axes, dim=-1).unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).reshape(*x.shape, 3, 3)
    angle = radians[..., None, None]
    rotations: Tensor = torch.eye(3) + torch.sin(angle) * cross + (1 - torch.cos(angle)) * (cross @ cross)
    return rotations
