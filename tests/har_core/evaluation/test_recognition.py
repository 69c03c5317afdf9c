from __future__ import annotations

import numpy as np
import pytest

from har_core.evaluation.recognition import recognition_of
from har_core.evaluation.scores import Scores, score

NAMES = ["sitting", "standing", "walking", "rowing"]


def scores_of(labels: list[int], predicted: list[int]) -> Scores:
    return score(labels, np.eye(len(NAMES))[predicted], names=NAMES)


def test_an_activity_that_is_always_taken_for_another_is_named() -> None:
    found = recognition_of([scores_of([0, 0, 1, 1, 2], [0, 0, 0, 1, 1])], [0, 1, 2])
    assert found.never == ("walking",)
    assert (found.lowest, found.lowest_f1, found.num_activities) == ("walking", 0, 3)


def test_one_window_is_enough_and_one_seed_is_too() -> None:
    never, once = [scores_of([0, 1, 1], predicted) for predicted in ([0, 0, 0], [0, 1, 0])]
    assert recognition_of([never], [0, 1]).never == ("standing",)
    found = recognition_of([never, once], [0, 1])
    assert found.never == ()
    assert found.lowest == "standing"
    assert found.lowest_f1 == pytest.approx((0 + 2 / 3) / 2)


def test_what_has_no_windows_or_was_never_learnt_is_not_asked_for() -> None:
    found = recognition_of([scores_of([0, 3], [0, 0])], [0, 1, 2])
    assert (found.never, found.num_activities) == ((), 1)
