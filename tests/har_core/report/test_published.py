from __future__ import annotations

import pytest

from har_core.models import list_models
from har_core.report.published import PUBLISHED, f1_of_means


def test_published_figures_are_of_architectures_that_exist() -> None:
    assert set(PUBLISHED) <= set(list_models())


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_published_f1_is_the_harmonic_mean_of_the_means(name: str) -> None:
    published = PUBLISHED[name]
    assert f1_of_means(published.precision, published.recall) == pytest.approx(published.f1, abs=6e-4)


def test_f1_of_nothing_right_is_zero() -> None:
    assert f1_of_means(0.0, 0.0) == 0
