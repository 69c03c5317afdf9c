"""What differs between subjects and between seeds."""

from __future__ import annotations

import statistics

import pytest
from scipy import stats

from har_core.evaluation.intervals import interval_of_mean, spread_of


def test_subjects_and_seeds_are_told_apart() -> None:
    found = spread_of({1: {3: 0.5, 2: 0.9, 1: 0.7}, 0: {1: 0.9, 2: 0.9, 3: 0.7}})
    assert list(found.per_subject) == [1, 2, 3]
    assert found.per_subject == pytest.approx({1: 0.8, 2: 0.9, 3: 0.6})
    assert found.mean == pytest.approx(2.3 / 3)
    assert found.over_subjects == pytest.approx(statistics.stdev([0.8, 0.9, 0.6]))
    assert found.over_seeds == pytest.approx(statistics.stdev([2.1 / 3, 2.5 / 3]))
    assert found.worst_subject == 3
    assert found.worst == pytest.approx(0.6)
    assert found.seeds == (0, 1)
    assert found.interval == interval_of_mean([0.8, 0.9, 0.6])


def test_what_cannot_be_told_is_none() -> None:
    found = spread_of({0: {4: 0.5}})
    assert (found.over_subjects, found.over_seeds, found.interval) == (None, None, None)
    assert spread_of({0: {1: 0.5, 2: 0.6, 3: 0.7}}).over_seeds is None
    assert spread_of({0: {1: 0.5, 2: 0.6}}).interval is None
    alike = spread_of({0: {1: 0.5, 2: 0.5, 3: 0.5}})
    assert (alike.over_subjects, alike.interval) == (0, None)


def test_a_seed_that_lacks_a_subject_is_in_no_deviation_over_seeds() -> None:
    scores = {0: {1: 0.5, 2: 0.7}, 1: {1: 0.6, 2: 0.8}}
    assert spread_of({**scores, 2: {1: 0.1}}).over_seeds == spread_of(scores).over_seeds == pytest.approx(0.1 / 2**0.5)
    assert spread_of({0: scores[0], 1: {1: 0.6}}).over_seeds is None


def test_of_many_normal_values_it_is_near_that_of_student() -> None:
    values = stats.norm.ppf([(k + 0.5) / 200 for k in range(200)])
    student = stats.t.interval(0.95, 199, loc=values.mean(), scale=stats.sem(values))
    assert interval_of_mean(values.tolist()) == pytest.approx(student, abs=0.01)
