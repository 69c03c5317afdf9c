"""How well the probability of each activity tells its windows from all others, whatever threshold one takes.

Method: the receiver operating characteristic and the area under it (T. Fawcett, "An introduction to ROC analysis",
Pattern Recognition Letters 27, 2006), and precision by recall with the average precision (J. Davis and M. Goadrich,
"The relationship between precision-recall and ROC curves", ICML 2006, on why the sum has no interpolation).

Windows are counted by the log odds of their probability, in steps of 1/64, so that folds, seeds and subjects can be
added up; within a step they count as tied. Letters: N windows, K activities, B steps.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

_PER_UNIT, _LEAST, _MOST = 64, -104, 17
"""Steps in a unit of log odds, and the log odds beyond which float32 has no numbers."""
_NUM_STEPS = (_MOST - _LEAST) * _PER_UNIT + 1

Curve = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
"""x and y of its corners."""


@dataclass(frozen=True, kw_only=True)  # without slots: what is cached needs a place
class Separation:
    """Windows by the probability that each activity got; two can be added."""

    num_activities: int
    places: npt.NDArray[np.int32] = field(compare=False)
    """Of (K, 2, B) those that have any windows: of other activities and of this one, from the highest probability."""
    windows: npt.NDArray[np.int64] = field(compare=False)
    """How many, in each of them."""

    @classmethod
    def of(cls, labels_N: npt.NDArray[np.integer], probabilities_NK: npt.NDArray[np.floating]) -> Separation:
        """That of windows with these class ids and probabilities."""
        activities_K = np.arange(probabilities_NK.shape[1])
        exact_NK = probabilities_NK.astype(np.float64)
        with np.errstate(divide="ignore"):  # 0 and 1 are at the ends
            odds_NK = np.log(exact_NK) - np.log1p(-exact_NK)
        step_NK = np.rint((_MOST - np.clip(odds_NK, _LEAST, _MOST)) * _PER_UNIT).astype(np.int64)
        place_NK = (activities_K * 2 + (labels_N[:, None] == activities_K)) * _NUM_STEPS + step_NK
        places, windows = np.unique(place_NK.astype(np.int32), return_counts=True)
        return cls(num_activities=len(activities_K), places=places, windows=windows)

    @classmethod
    def sum(cls, others: Iterable[Separation]) -> Separation:
        """That of the windows of all ``others``, at least one, together."""
        every = list(others)
        places, inverse = np.unique(np.concatenate([own.places for own in every]), return_inverse=True)
        windows = np.bincount(inverse, np.concatenate([own.windows for own in every])).astype(np.int64)
        return cls(num_activities=every[0].num_activities, places=places, windows=windows)

    @cached_property
    def roc(self) -> list[Curve | None]:
        """Of each activity the share of other windows taken for it, and of its own, from (0, 0) to (1, 1).

        None where either has no windows.
        """
        return [
            (np.insert(others / others[-1], 0, 0.0), np.insert(own / own[-1], 0, 0.0)) if others[-1] * own[-1] else None
            for others, own in self._taken
        ]

    @cached_property
    def precision_by_recall(self) -> list[Curve | None]:
        """Of each activity the share of its windows that are found, ascending, and how many of what was found they are.

        None where it or the others have no windows.
        """
        return [(own / own[-1], own / (others + own)) if others[-1] * own[-1] else None for others, own in self._taken]

    @cached_property
    def roc_auc(self) -> list[float | None]:
        """Of each activity the area under its ROC: how often a window of its own gets more than one of another.

        0.5 is chance, 1 at best; None where either has no windows.
        """
        return [float(np.trapezoid(curve[1], curve[0])) if curve else None for curve in self.roc]

    @cached_property
    def average_precision(self) -> list[float | None]:
        """Of each activity the mean precision over its windows: its share of all windows is chance, 1 at best.

        None where it or the others have no windows.
        """
        curves = self.precision_by_recall
        return [float(np.sum(np.diff(curve[0], prepend=0.0) * curve[1])) if curve else None for curve in curves]

    @cached_property
    def _taken(self) -> list[npt.NDArray[np.int64]]:
        """For each activity the windows of others, and of its own, from the highest probability down to each step.

        Steps without windows are left out.
        """
        counts = np.zeros((self.num_activities, 2, _NUM_STEPS), np.int64)
        counts.flat[self.places] = self.windows
        return [np.cumsum(own[:, own.any(axis=0)], axis=1) for own in counts]
