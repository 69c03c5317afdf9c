"""Verdicts about pairs of models."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from har_core.evaluation.pairwise import (
    SURE,
    Probabilities,
    compare_all,
    correlated_t,
    detectable,
    holm,
    verdict_of,
    wilcoxon,
)

SCORES = st.dictionaries(st.integers(1, 8), st.integers(0, 100).map(lambda n: n / 100), max_size=8)
MODELS = st.dictionaries(st.sampled_from("abcde"), SCORES, min_size=2, max_size=5)
HUNDREDTHS = st.lists(st.integers(-20, 20).map(lambda n: n / 100), min_size=1, max_size=9)


def shifted(by: list[float]) -> dict[str, dict[int, float]]:
    """Two models of eight subjects, the first better by these."""
    return {"a": {k: 0.5 + gain for k, gain in enumerate(by)}, "b": dict.fromkeys(range(len(by)), 0.5)}


@pytest.mark.parametrize(
    ("by", "verdict"),
    [
        ([0.05, 0.06, 0.07, 0.05, 0.06, 0.07, 0.05, 0.06], "better"),
        ([-0.05, -0.06, -0.07, -0.05, -0.06, -0.07, -0.05, -0.06], "worse"),
        ([0.001, -0.001, 0.002, -0.002, 0.0, 0.001, -0.001, 0.0], "equivalent"),
        ([0.0] * 8, "equivalent"),
        ([0.03] * 8, "better"),
        ([0.01, 0.2, 0.0, 0.03, 0.02, 0.15, -0.01, 0.0], "cannot be told"),
        ([0.5, 0.5], "cannot be told"),
    ],
)
def test_verdicts(by: list[float], verdict: str) -> None:
    [pair] = compare_all(shifted(by))
    assert pair.verdict == verdict
    assert pair.swapped().verdict == compare_all(dict(reversed(shifted(by).items())))[0].verdict


def test_without_correlation_it_is_a_t_test() -> None:
    differences = [0.02, -0.01, 0.05, 0.03, 0.0, 0.04]
    found = correlated_t(differences, test_share=0, rope=0)
    assert found.worse == pytest.approx(stats.ttest_1samp(differences, 0, alternative="greater").pvalue)
    assert found.equivalent == 0
    assert found.better + found.worse == pytest.approx(1)


@pytest.mark.parametrize(
    ("differences", "share", "variance"),
    [([1, 5, -3], 1 / 3, 16 * (1 / 3 + 1 / 2)), ([1, 5, -3, 1], 1 / 2, 32 / 3 * 1.25)],
)
def test_variances_of_baycomp(differences: list[float], share: float, variance: float) -> None:
    """Its tests have these; https://github.com/janezd/baycomp, ``tests/test_single.py``."""
    posterior = stats.t(len(differences) - 1, loc=1, scale=math.sqrt(variance))
    found = correlated_t(differences, test_share=share, rope=2)
    assert found.worse == pytest.approx(posterior.cdf(-2))
    assert found.equivalent == pytest.approx(posterior.cdf(2) - posterior.cdf(-2))
    assert found.better == pytest.approx(posterior.sf(2))


def test_the_example_of_scikit_learn() -> None:
    """t = 0.750 of 100 differences in ten times ten folds: p = 0.227 with one side, so 0.773 that it is better.

    "Statistical comparison of models using grid search", in the examples of scikit-learn.
    """
    values = np.linspace(-1, 1, 100)
    values = values / values.std(ddof=1) + 0.75 * math.sqrt(1 / 100 + 1 / 9)
    assert correlated_t(values.tolist(), test_share=0.1, rope=0).better == pytest.approx(0.773, abs=1e-3)


@given(differences=HUNDREDTHS)
def test_wilcoxon_is_exact(differences: list[float]) -> None:
    """As scipy finds it when it tries every sign, with ties and without."""
    found = np.array([value for value in differences if value])
    exact = stats.wilcoxon(found, method=stats.PermutationMethod()).pvalue if len(found) > 1 else 1
    assert wilcoxon(differences) == pytest.approx(exact)


def test_wilcoxon_of_eight_of_one_sign() -> None:
    assert wilcoxon([0.01 * k for k in range(1, 9)]) == pytest.approx(1 / 128)
    assert wilcoxon([0.01] * 8) == pytest.approx(1 / 128)
    assert wilcoxon([0.9 - 0.8, 0.8 - 0.7]) == wilcoxon([1, 1])  # floats set these apart


def test_holm() -> None:
    """The first is taken times four, the next times three, and none below the one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(p_values=st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_keeps_the_order_and_only_raises(p_values: list[float]) -> None:
    corrected = np.array(holm(p_values))
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(corrected[order]) >= 0).all()
    assert (corrected >= p_values).all()
    assert (corrected <= np.minimum(1, np.array(p_values) * len(p_values))).any()
    assert corrected.max() <= 1


@given(models=MODELS, order=st.randoms())
def test_the_order_of_models_does_not_matter(models: dict[str, dict[int, float]], order: object) -> None:
    names = sorted(models, reverse=True)
    other = {frozenset((p.first, p.second)): p for p in compare_all({name: models[name] for name in names})}
    for pair in compare_all(models):
        again = other[frozenset((pair.first, pair.second))]
        again = again if again.first == pair.first else again.swapped()
        assert (again.first, again.verdict, list(again.differences)) == (
            pair.first,
            pair.verdict,
            list(pair.differences),
        )
        assert again.mean == pytest.approx(pair.mean, nan_ok=True)
        assert again.wilcoxon_p == pytest.approx(pair.wilcoxon_p)
        assert again.holm_p == pytest.approx(pair.holm_p)
        if pair.probabilities is not None and again.probabilities is not None:
            assert again.probabilities.better == pytest.approx(pair.probabilities.better)


def test_pairs_without_a_common_subject() -> None:
    apart, _, near = compare_all({"a": {1: 0.5}, "b": {2: 0.5}, "c": {1: 0.5, 2: 0.6}})
    assert (apart.differences, apart.wilcoxon_p, apart.holm_p, apart.verdict) == ({}, None, None, "cannot be told")
    assert math.isnan(apart.mean)
    assert near.differences == {2: pytest.approx(-0.1)}


def test_a_larger_share_of_subjects_in_a_fold_is_less_sure() -> None:
    models = shifted([0.01, 0.05, 0.02, 0.07, 0.03, 0.02, 0.05, 0.02])
    [alone], [halves] = compare_all(models), compare_all(models, test_share=0.5)
    assert (alone.verdict, halves.verdict) == ("better", "cannot be told")


def test_a_verdict_needs_its_threshold() -> None:
    probabilities = Probabilities(better=0.9, equivalent=0.06, worse=0.04)
    assert (verdict_of(probabilities), verdict_of(probabilities, 0.9)) == ("cannot be told", "better")


def test_a_difference_as_large_as_the_detectable_one_is_told() -> None:
    differences = [0.03, -0.01, 0.02, 0.05, 0.0, 0.01]
    enough = detectable(differences, test_share=1 / 6)
    for more, told in ((1e-6, True), (-1e-6, False)):
        moved = [own - sum(differences) / 6 + enough + more for own in differences]
        assert (correlated_t(moved, test_share=1 / 6).better >= SURE) is told
