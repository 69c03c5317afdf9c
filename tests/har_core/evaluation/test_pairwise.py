"""Comparisons of two models by subject: against scipy, a published example, and what must hold for all scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from narrowing import present
from scipy import stats

from har_core.evaluation.pairwise import EQUIVALENT, SURE, compare, compare_all, holm, over_seeds, turned

SCORES = st.lists(st.tuples(*[st.floats(0, 1, width=32)] * 2), min_size=3, max_size=12)


def by_subject(values: list[float] | np.ndarray) -> dict[int, float]:
    return {subject: float(value) for subject, value in enumerate(values, start=1)}


@given(SCORES)
def test_the_other_way_round_it_says_the_opposite(pairs: list[tuple[float, float]]) -> None:
    first, second = (by_subject([pair[place] for pair in pairs]) for place in (0, 1))
    one, other = present(compare(first, second)), present(compare(second, first))
    assert one.verdict == turned(other.verdict) == turned(one.turned().verdict)
    assert (one.better, one.difference) == pytest.approx((other.worse, -other.difference))
    assert one.p_value == pytest.approx(other.p_value)
    assert one.better + one.equivalent + one.worse == pytest.approx(1)


def test_probabilities_are_those_of_a_correlated_t_distribution() -> None:
    rng = np.random.default_rng(1)
    second = rng.uniform(0.8, 0.9, 8)
    first = second + rng.normal(0.02, 0.02, 8)
    found, differences = present(compare(by_subject(first), by_subject(second))), first - second
    correlation = 1 / 8
    scale = np.sqrt((1 / 8 + correlation / (1 - correlation)) * differences.var(ddof=1))
    draws = differences.mean() + scale * rng.standard_t(7, 400_000)
    assert found.better == pytest.approx((draws > EQUIVALENT).mean(), abs=4e-3)
    assert found.worse == pytest.approx((draws < -EQUIVALENT).mean(), abs=4e-3)
    assert found.p_value == stats.wilcoxon(first, second).pvalue


def test_verdicts_in_words() -> None:
    rng = np.random.default_rng(0)
    base, noise = rng.uniform(0.8, 0.9, 8), rng.normal(0, 0.002, 8)
    verdicts = {
        shift: present(compare(by_subject(base + shift + noise), by_subject(base))).verdict
        for shift in (0.05, -0.05, 0.0)
    }
    assert verdicts == {0.05: "better", -0.05: "worse", 0.0: "equivalent"}
    unsure = present(compare(by_subject(base + rng.normal(0.01, 0.05, 8)), by_subject(base)))
    assert unsure.verdict == "cannot be told"
    assert max(unsure.better, unsure.equivalent, unsure.worse) < SURE


def test_equal_scores_are_equivalent_and_a_constant_difference_is_sure() -> None:
    base = by_subject([0.8, 0.85, 0.9])
    same = present(compare(base, base))
    assert (same.verdict, same.p_value) == ("equivalent", 1.0)
    assert present(compare({s: value + 0.05 for s, value in base.items()}, base)).verdict == "better"


@given(SCORES)
def test_a_difference_as_large_as_the_detectable_one_is_told(pairs: list[tuple[float, float]]) -> None:
    first, second = (by_subject([pair[place] for pair in pairs]) for place in (0, 1))
    found = present(compare(first, second))
    for more, verdict in ((1e-6, "better"), (-1e-6, found.verdict)):
        moved = {s: value + found.detectable - found.difference + more for s, value in first.items()}
        assert (present(compare(moved, second)).verdict == "better") is (more > 0), verdict


def test_only_subjects_in_common_count() -> None:
    first, second = by_subject([0.9, 0.8, 0.7, 0.1]), by_subject([0.8, 0.7, 0.6])
    assert present(compare(first, second)).num_subjects == 3
    assert compare(first, {1: 0.5, 2: 0.5}) is None


def test_all_pairs_are_there_in_both_orders() -> None:
    rng = np.random.default_rng(0)
    scores = {name: by_subject(rng.uniform(0.7, 0.9, 8)) for name in "abc"}
    found = compare_all({**scores, "few": {1: 0.5}})
    assert set(found) == {(one, other) for one in "abc" for other in "abc" if one != other}
    assert found["a", "b"] == found["b", "a"].turned()


def test_holm_is_the_published_example_and_keeps_the_order() -> None:
    # J. Demšar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7, 2006, section 3.2.2
    p_values = [0.016, 0.019, 0.607]
    assert holm(p_values) == pytest.approx([0.048, 0.048, 0.607])
    assert [p <= 0.05 for p in holm(p_values)] == [True, True, False]


@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm_is_between_the_p_value_and_bonferroni(p_values: list[float]) -> None:
    for own, corrected in zip(p_values, holm(p_values), strict=True):
        assert own <= corrected <= min(1.0, len(p_values) * own) + 1e-12


def test_seeds_are_told_apart_from_subjects() -> None:
    assert over_seeds([by_subject([0.9, 0.5])]) is None
    assert over_seeds([by_subject([0.9, 0.5]), by_subject([0.8, 0.6])]) == pytest.approx(0)
    assert over_seeds([by_subject([0.9, 0.7]), by_subject([0.8, 0.6])]) == pytest.approx(0.1 / 2**0.5)
