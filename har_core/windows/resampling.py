"""Puts samples at a regular rate on another one."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt


def resample(samples: npt.NDArray[np.float32], rate: float, new_rate: float) -> npt.NDArray[np.float32]:
    """Samples (…, P) at another rate, by :func:`scipy.signal.resample_poly` along lines that go on at the ends.

    There are as many as begin within the time of the old ones.
    """
    from scipy.signal import resample_poly  # noqa: PLC0415 - heavy, and only needed for another rate

    up, down = up_and_down(rate, new_rate)
    resampled: npt.NDArray[np.float32] = resample_poly(samples, up, down, axis=-1, padtype="line").astype(np.float32)
    return resampled


def up_and_down(rate: float, new_rate: float) -> tuple[int, int]:
    """The factors, of whole numbers, by which the rate rises and falls.

    >>> up_and_down(50.0, 20.0)
    (2, 5)
    """
    return (Fraction(new_rate) / Fraction(rate)).limit_denominator(10_000).as_integer_ratio()
