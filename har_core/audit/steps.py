"""How far a recording steps from one row to the next, against the steps usual within its segments.

Letters: C channels, n rows, S segments of any length. Step t lies between rows t and t + 1. Its size is what the steps
on either side do not explain, ``x[t+1] - x[t]`` less their mean, so that a fast but smooth movement makes no large
step. ``z`` is that size in units of what is usual for the channel (the median within segments) and at that moment (the
mean of three steps before and three after, which shaking and impacts raise). The score of a step is the mean of
``log(1 + z²)`` over the channels that move, the log-likelihood of a Cauchy distribution, so that neither one channel
nor one outlier decides. It is scaled: 0 is the median of the scores within segments, 1 their 95 % quantile.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from har_core.audit.needs import moving_channels
from har_core.audit.signals import Mask, Signals, Values, columns

StepScores = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

_MEAN_OF = 3
"""Steps on either side that show what is usual at a moment, without the nearest one, which holds part of a break."""
_REACH = _MEAN_OF + 1
_LEAST_STEP = np.float32(1e-4)
"""Smaller steps, of less than ten units of a recording's last decimal, mean nothing."""
_LEAST_SPREAD = 1e-3
_FEWEST_STEPS = 50
_USUAL = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """The steps of one recording, and what is usual among them."""

    moving: slice | list[int]
    """The channels with an axis, which alone have a say in scores; the others may jump at any time."""
    usual: Values
    """(C, 1) median size of a step within segments."""
    within: StepScores
    """Scores of the steps within segments, ascending."""
    median: float
    spread: float
    """Median score within segments, and how far above it the 95 % quantile is."""
    before: Values
    """(C, S) each channel half a step after the last row of a segment, as its end predicts it."""
    after: Values
    """(C, S) each channel half a step before the first row of a segment, as its beginning predicts it."""
    shake_before: Values
    """(C, S) mean size of the steps at the end of a segment."""
    shake_after: Values
    """(C, S) the same at its beginning."""

    def z_squared(self, from_segments: list[int] | slice, to_segments: list[int] | slice) -> Values:
        """Squared steps (C, J) in usual units, from the ends of segments to the beginnings of others."""
        size = self.after[:, to_segments] - self.before[:, from_segments]
        shake = np.maximum(self.shake_before[:, from_segments], self.shake_after[:, to_segments])
        return np.asarray(size**2 / (self.usual**2 + shake**2), dtype=np.float32)

    def scores(self, from_segments: list[int] | slice, to_segments: list[int] | slice) -> StepScores:
        """(J,) scores of the steps from the ends of segments to the beginnings of others."""
        squared = self.z_squared(from_segments, to_segments)
        return self.standardised(np.log1p(squared[self.moving]).mean(axis=0, dtype=np.float64))

    def standardised(self, mean_log: StepScores) -> StepScores:
        """The scores of means of ``log(1 + z²)`` over any channels."""
        return (mean_log - self.median) / self.spread


def measure_steps(signals: Signals, damaged: Mask) -> Steps | None:
    """The steps of a recording; None if too few rows (n,) are not damaged to know what is usual, or nothing moves."""
    values, moving = signals.channels, moving_channels(signals.spec)
    rise = np.diff(values, axis=1)
    size = rise.copy()  # (C, n - 1), not explained by the steps on either side
    size[:, 1:-1] -= (rise[:, :-2] + rise[:, 2:]) / 2
    np.abs(size, out=size)

    starts = signals.outline.starts
    firsts, lasts = starts[:-1], starts[1:] - 1  # rows of each segment
    is_within = np.ones(size.shape[1], dtype=np.bool_)  # such a step and its two neighbours are in one segment
    is_within[np.clip(firsts[1:, None] - np.arange(3), 0, len(is_within) - 1)] = False
    sound = ~damaged
    is_sound = sound[:-1] & sound[1:]
    is_sound[1:] &= sound[:-2]
    is_sound[:-1] &= sound[2:]
    counts = is_within & is_sound
    counts[:_REACH] = counts[-_REACH:] = False
    if counts.sum() < _FEWEST_STEPS or not moving:
        return None
    usual = np.maximum(np.median(size[:, counts], axis=1, keepdims=True), _LEAST_STEP)

    mean = (size[:, :-2] + size[:, 1:-1] + size[:, 2:]) / _MEAN_OF  # mean[t] of the steps t, t + 1, t + 2
    middle = slice(_REACH, -_REACH)
    shake = np.maximum(mean[:, : -2 * _REACH + 2], mean[:, 2 * _REACH - 2 :])
    z_squared = size[:, middle] ** 2 / (usual**2 + shake**2)
    scores = np.log1p(z_squared[columns(moving)]).mean(axis=0)[counts[middle]]
    median, high = np.quantile(scores, [0.5, _USUAL])
    spread = max(float(high - median), _LEAST_SPREAD)

    def ends(rows: Rows, inner: Rows) -> Values:
        """(C, S) half a step beyond rows, as they and the inner ones predict it."""
        return np.asarray(values[:, rows] + (values[:, rows] - values[:, inner]) / 2, dtype=np.float32)

    def shakes(nearest: Rows, inwards: int) -> Values:
        """(C, S) the mean of the step nearest to an end and those next inwards."""
        own = np.clip(nearest[:, None] + inwards * np.arange(_MEAN_OF), firsts[:, None], lasts[:, None] - 1)
        return np.asarray(size[:, np.sort(own).clip(0, size.shape[1] - 1)].mean(axis=2))

    return Steps(
        moving=columns(moving),
        usual=usual,
        within=np.sort((scores - median) / spread),
        median=float(median),
        spread=spread,
        before=ends(lasts, np.maximum(lasts - 1, firsts)),
        after=ends(firsts, np.minimum(firsts + 1, lasts)),
        shake_before=shakes(lasts - 2, -1),
        shake_after=shakes(firsts + 1, 1),
    )
