"""Ranks of many models."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from har_core.evaluation.critical_difference import critical_difference, nemenyi

DEMSAR = """\
0.763 0.768 0.771 0.798
0.599 0.591 0.590 0.569
0.954 0.971 0.968 0.967
0.628 0.661 0.654 0.657
0.882 0.888 0.886 0.898
0.936 0.931 0.916 0.931
0.661 0.668 0.609 0.685
0.583 0.583 0.563 0.625
0.775 0.838 0.866 0.875
1.000 1.000 1.000 1.000
0.940 0.962 0.965 0.962
0.619 0.666 0.614 0.669
0.972 0.981 0.975 0.9749
0.957 0.978 0.946 0.970
"""
"""AUC of C4.5, and with m, cf, or both tuned, on 14 data sets: table 6 of Demšar 2006. Its last but one row ranks two
that are equal to three digits; they are set apart here."""
NAMES = ("C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf")
SCORES = st.lists(st.lists(st.integers(0, 20), min_size=4, max_size=4), min_size=2, max_size=8)


def models_of(table: np.ndarray, names: tuple[str, ...] = NAMES) -> dict[str, dict[int, float]]:
    return {name: dict(enumerate(column.tolist())) for name, column in zip(names, table.T, strict=True)}


@pytest.fixture(scope="module")
def demsar() -> np.ndarray:
    return np.array([line.split() for line in DEMSAR.splitlines()], dtype=float)


def test_the_example_of_demsar(demsar: np.ndarray) -> None:
    found = critical_difference(models_of(demsar))
    assert found is not None
    assert found.mean_ranks == pytest.approx(
        {"C4.5+m+cf": 1.964, "C4.5+m": 2.0, "C4.5+cf": 2.893, "C4.5": 3.143}, abs=5e-4
    )
    assert list(found.mean_ranks) == ["C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5"]
    tied = 1 - (4**3 - 4 + 3 * (2**3 - 2)) / (14 * (4**3 - 4))
    assert found.friedman_chi2 * tied == pytest.approx(9.28, abs=0.005)  # he does not correct for ties
    assert found.friedman_p == pytest.approx(stats.chi2.sf(9.28 / tied, 3), abs=1e-3)
    assert found.critical_difference == pytest.approx(1.25, abs=0.005)
    assert found.cliques == (tuple(found.mean_ranks),)  # for Nemenyi's test nothing differs


@pytest.mark.parametrize(("num_models", "q"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (10, 3.164)])
def test_critical_values_of_demsar(num_models: int, q: float) -> None:
    """His table 5 (a)."""
    assert nemenyi(num_models, 20) == pytest.approx(q * (num_models * (num_models + 1) / 120) ** 0.5, rel=4e-4)


def test_groups_overlap_and_none_lies_within_another() -> None:
    ranks = np.array([[1, 2, 3, 4, 5, 6]] * 8)
    found = critical_difference(models_of(-ranks, tuple("abcdef")))
    assert found is not None
    assert 2 < found.critical_difference < 3
    assert found.cliques == (tuple("abc"), tuple("bcd"), tuple("cde"), tuple("def"))


def test_models_that_lack_subjects_are_named(demsar: np.ndarray) -> None:
    models = models_of(demsar)
    whole = critical_difference(models)
    lacking = critical_difference({"short": {0: 0.9, 1: 0.9}, **models})
    assert whole is not None
    assert lacking is not None
    assert lacking.mean_ranks == whole.mean_ranks
    assert lacking.left_out == {"short": tuple(range(2, 14))}
    assert critical_difference({"short": {0: 0.9}, **dict(list(models.items())[:2])}) is None
    assert critical_difference(models_of(demsar[:1])) is None
    assert critical_difference({}) is None


def test_alike_models_do_not_differ() -> None:
    found = critical_difference(models_of(np.full((8, 4), 0.5)))
    assert found is not None
    assert (found.friedman_chi2, found.friedman_p) == (0, 1)
    assert set(found.mean_ranks.values()) == {2.5}
    assert len(found.cliques) == 1


@given(table=SCORES)
def test_against_scipy_and_in_any_order(table: list[list[int]]) -> None:
    scores = np.array(table) / 20
    found, turned = critical_difference(models_of(scores)), critical_difference(models_of(scores[:, ::-1], NAMES[::-1]))
    assert found == turned
    assert found is not None
    if np.ptp(scores, axis=1).any():
        assert found.friedman_chi2 == pytest.approx(stats.friedmanchisquare(*scores.T).statistic)
    assert sum(found.mean_ranks.values()) == pytest.approx(10)
