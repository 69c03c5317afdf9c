"""Whether a model recognises every activity at all: a good macro-F1 can hide one that it never does."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from har_core.evaluation.scores import Scores, f1_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognition:
    """How the activities fare that there are windows of."""

    num_activities: int
    never: tuple[str, ...]
    """Names of those of which not one window is recognised."""
    lowest: str
    """The name of the one with the lowest F1."""
    lowest_f1: float


def recognition_of(scores: Sequence[Scores], learnt: Collection[int]) -> Recognition:
    """How the activities ``learnt`` (class ids) fare that there are windows of, at least one.

    ``scores`` are of the same windows, one for each seed: an activity is recognised where any of them does so once, and
    its F1 is the mean.
    """
    names = [own.activity for own in scores[0].per_class]
    there = [k for k in sorted(learnt) if scores[0].per_class[k].support]
    hits_K = np.sum([np.diag(own.confusion) for own in scores], axis=0)
    f1_K = np.mean([f1_of(own.confusion) for own in scores], axis=0)
    lowest = min(there, key=lambda k: f1_K[k])
    return Recognition(
        num_activities=len(there),
        never=tuple(names[k] for k in there if not hits_K[k]),
        lowest=names[lowest],
        lowest_f1=float(f1_K[lowest]),
    )
