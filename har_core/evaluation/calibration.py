"""How far the probabilities of a model can be trusted: is it right as often as it says, and when it is sure?

Method: the expected calibration error over 15 bins and temperature scaling (C. Guo, G. Pleiss, Y. Sun and
K. Weinberger, "On calibration of modern neural networks", ICML 2017, sections 2 and 4.2), the score of G. Brier
("Verification of forecasts expressed in terms of probability", 1950) over all activities, and accuracy on the windows
that a model is most sure of (R. El-Yaniv and Y. Wiener, "On the foundations of noise-free selective classification",
JMLR 11, 2010).

Windows are counted by confidence, which is the probability of the activity that was chosen, so that folds, seeds and
subjects can be added up. Letters: N windows, K activities, B bins.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

NUM_BINS = 15
"""Equally wide, of the expected calibration error."""
_PARTS = 10
"""Of each of them, for accuracy by coverage; the last one is divided more finely towards 1, where most windows are."""
_EDGES = np.array([*np.arange(1, NUM_BINS * _PARTS) / (NUM_BINS * _PARTS), *(1 - 10.0 ** -np.arange(2.25, 7.1, 0.125))])
_BIN_OF_PART = np.minimum(np.arange(len(_EDGES) + 1) // _PARTS, NUM_BINS - 1)
_LOWEST, _HIGHEST = -3.0, 3.0
"""Temperatures are looked for between the powers of e with these exponents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidence:
    """Windows by how sure a model was of them; two can be added."""

    windows: tuple[int, ...]
    """In each part of a bin, from the least confidence to the most."""
    right: tuple[int, ...]
    """Of these, how many were taken for what they are."""
    confidence: tuple[float, ...]
    """The sum of their confidences."""
    squares: float
    """The sum of Brier's score over all windows."""

    @classmethod
    def of(cls, labels_N: npt.NDArray[np.integer], probabilities_NK: npt.NDArray[np.floating]) -> Confidence:
        """That of windows with these class ids and probabilities."""
        predicted_N = probabilities_NK.argmax(axis=1)
        sure_N = probabilities_NK[np.arange(len(labels_N)), predicted_N].astype(np.float64)
        part_N, num_parts = np.digitize(sure_N, _EDGES), len(_EDGES) + 1
        own_N = probabilities_NK[np.arange(len(labels_N)), labels_N].astype(np.float64)
        squares = float((np.square(probabilities_NK, dtype=np.float64).sum(axis=1) - 2 * own_N + 1).sum())
        return cls(
            windows=tuple(np.bincount(part_N, minlength=num_parts).tolist()),
            right=tuple(np.bincount(part_N[predicted_N == labels_N], minlength=num_parts).tolist()),
            confidence=tuple(np.bincount(part_N, weights=sure_N, minlength=num_parts).tolist()),
            squares=squares,
        )

    @classmethod
    def sum(cls, others: Iterable[Confidence]) -> Confidence:
        """That of the windows of all ``others``, at least one, together."""
        every = list(others)
        windows, right, confidence = (
            np.sum([getattr(own, name) for own in every], axis=0).tolist()
            for name in ("windows", "right", "confidence")
        )
        squares = sum(own.squares for own in every)
        return cls(windows=tuple(windows), right=tuple(right), confidence=tuple(confidence), squares=squares)

    @property
    def num_windows(self) -> int:
        """Of all bins."""
        return sum(self.windows)

    @property
    def brier(self) -> float:
        """Mean over windows of the squared differences, summed over activities: 0 at best, 2 at worst."""
        return self.squares / self.num_windows

    @property
    def calibration_error(self) -> float:
        """The mean over windows of how far accuracy and mean confidence lie apart in their bin: 0 at best."""
        gaps = np.bincount(_BIN_OF_PART, np.array(self.right) - np.array(self.confidence))
        return float(np.abs(gaps).sum() / self.num_windows)

    def accuracy_at(self, coverage: float) -> float:
        """The accuracy on that share of the windows, above 0, that the model is most sure of.

        Of a part that is only partly in the share, windows count as if they were drawn at random.
        """
        left, right = coverage * self.num_windows, 0.0
        wanted = left
        for windows, own in zip(reversed(self.windows), reversed(self.right), strict=True):
            taken = min(windows, left)
            right += own * (taken / windows) if windows else 0.0
            left -= taken
        return right / wanted

    @property
    def reliability(self) -> list[tuple[float, float, int]]:
        """Mean confidence, accuracy and windows of each bin that has any."""
        rows = []
        for first, last in pairwise([*np.searchsorted(_BIN_OF_PART, np.arange(NUM_BINS)), len(_BIN_OF_PART)]):
            windows = sum(self.windows[first:last])
            if windows:
                sure, right = sum(self.confidence[first:last]), sum(self.right[first:last])
                rows.append((sure / windows, right / windows, windows))
        return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Of test windows, before and after temperature scaling."""

    before: Confidence
    after: Confidence | None = None
    """None where nobody validates, whom a temperature could be fitted to."""
    temperature: float | None = None
    """What divides logits; above 1 where a model is too sure."""


def fit_temperature(labels_N: npt.NDArray[np.integer], probabilities_NK: npt.NDArray[np.floating]) -> float:
    """The temperature with the least cross entropy on windows that nothing was trained on, at least one."""
    logs_NK = _logs(probabilities_NK)

    def cross_entropy(exponent: float) -> float:
        scaled_NK = logs_NK / np.exp(exponent)
        highest_N = scaled_NK.max(axis=1)
        total_N = highest_N + np.log(np.exp(scaled_NK - highest_N[:, None]).sum(axis=1))
        return float((total_N - scaled_NK[np.arange(len(labels_N)), labels_N]).mean())

    return float(np.exp(minimize_scalar(cross_entropy, bounds=(_LOWEST, _HIGHEST), method="bounded").x))


def scale(probabilities_NK: npt.NDArray[np.floating], temperature: float) -> npt.NDArray[np.float64]:
    """Probabilities (N, K) of logits that are divided by ``temperature``; their order stays."""
    scaled_NK = _logs(probabilities_NK) / temperature
    powers_NK = np.exp(scaled_NK - scaled_NK.max(axis=1, keepdims=True))
    shares_NK: npt.NDArray[np.float64] = powers_NK / powers_NK.sum(axis=1, keepdims=True)
    return shares_NK


def _logs(probabilities_NK: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """What was rounded to 0 counts as the least that float32 has."""
    tiny = np.finfo(np.float32).tiny
    logs_NK: npt.NDArray[np.float64] = np.log(np.maximum(probabilities_NK.astype(np.float64), tiny))
    return logs_NK
