"""Smooth random courses that can be evaluated piece by piece; no piece depends on what comes after it.

Uniform cubic B-splines (de Boor, "A Practical Guide to Splines", 1978) over normal knots: twice differentiable, so that
angle, angular velocity and angular acceleration agree, and local, so that a longer recording begins with a shorter one.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from har_core.datasets.dsads.dataset import DSADS

Array = NDArray[np.float64]

BLOCK_LENGTH = 500
"""Samples that are computed at once. Every array operation has this shape, so that a block's bytes depend on nothing
but its index: vectorised arithmetic may round the end of an array differently when the length changes."""


class Course(NamedTuple):
    """A smooth course over one block, with its time derivatives; each (BLOCK_LENGTH, D)."""

    value: Array
    rate: Array
    """Per second."""
    curvature: Array
    """Per second squared."""


def num_knots(num_blocks: int, spacing: int) -> int:
    """Knots that ``num_blocks`` blocks need, one every ``spacing`` samples."""
    return num_blocks * (BLOCK_LENGTH // spacing) + 3


def evaluate(knots: Array, *, spacing: int, block: int) -> Course:
    """Evaluate the spline with ``knots`` (num_knots, D) over the samples of one block.

    ``spacing`` is in samples and divides :data:`BLOCK_LENGTH`.
    """
    num_pieces = BLOCK_LENGTH // spacing
    first = block * num_pieces
    pieces = np.stack([knots[first + shift : first + shift + num_pieces] for shift in range(4)])  # (4, pieces, D)
    value, rate, curvature = (
        np.einsum("js,jpd->psd", weights, pieces).reshape(BLOCK_LENGTH, -1) for weights in _basis(spacing)
    )
    return Course(value, rate, curvature)


@cache
def _basis(spacing: int) -> tuple[Array, Array, Array]:
    """Weights (4, spacing) of four knots for value, rate and curvature, at unit variance of the value on average."""
    u = np.arange(spacing) / spacing
    value = np.stack([(1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3]) / 6
    rate = np.stack([-((1 - u) ** 2), 3 * u**2 - 4 * u, -3 * u**2 + 2 * u + 1, u**2]) / 2
    curvature = np.stack([1 - u, 3 * u - 2, 1 - 3 * u, u])
    scale = 1 / np.sqrt((value**2).sum(axis=0).mean())
    pieces_per_second = DSADS.sampling_rate_hz / spacing
    return value * scale, rate * scale * pieces_per_second, curvature * scale * pieces_per_second**2
