"""Recordings that contradict themselves, or their description, are refused before anything is written."""

from __future__ import annotations

import numpy as np
import pytest
from data_sets import POCKET_AND_WRIST

from har_core.base.errors import InputError
from har_core.datasets.recordings import LabelRun, Outline, Recording


def recording(outline: Outline, num_rows: int = 4, times: np.ndarray | None = None) -> Recording:
    samples = np.zeros((POCKET_AND_WRIST.num_channels, num_rows), dtype=np.float32)
    return Recording(subject=1, session=1, outline=outline, samples=samples, times=times)


WHOLE = Outline(segments=(1,), lengths=(4,), labels=(LabelRun(1, 4),))


@pytest.mark.parametrize("times", [[0.0, 1.0, 0.5, 2.0], [0.0, np.nan, 1.0, 2.0], [0.0, 1.0]])
def test_times_must_be_ascending_numbers_for_every_row(times: list[float]) -> None:
    with pytest.raises(InputError, match="another shape than its segments"):
        recording(WHOLE, times=np.array(times))


def test_every_problem_is_told() -> None:
    outline = Outline(segments=(1,), lengths=(4,), labels=(LabelRun(1, 3),))
    with pytest.raises(InputError) as caught:
        recording(outline, num_rows=5, times=np.zeros(3))
    assert len(caught.value.problems) == 3


def test_places_of_rows_and_back() -> None:
    outline = Outline(segments=(2, 7), lengths=(3, 5), labels=(LabelRun(0, 8),))
    assert [outline.place_of(row) for row in (0, 2, 3, 7)] == [(2, 0), (2, 2), (7, 0), (7, 4)]
    assert [outline.row_of(*place) for place in ((2, 2), (7, 4), (3, 0))] == [2, 7, None]
    assert not outline.is_joinable.any()


def test_only_parts_with_consecutive_numbers_may_be_joined() -> None:
    assert Outline.of_parts((1, 2, 4), 125, 3).is_joinable.tolist() == [True, False]
