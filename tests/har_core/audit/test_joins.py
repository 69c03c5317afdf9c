"""Joins that do not join, segments in the wrong order, segments that are missing."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from har_core.audit.defects import find_defects
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.recordings import RecordingKey

if TYPE_CHECKING:
    from tests.har_core.audit.conftest import Lab

# On a stepper: arms and legs move all the time, and no moment is like another.
ACTIVITY = 13
LONG = 24
LOST = st.integers(6, 1000).filter(lambda lost: 5 <= lost % 30 <= 25)
"""Rows; a cycle of the stepper has some 30 of them, and losing whole cycles may leave no trace. One in some 1,500 of
the others leaves none either: by chance the ends fit."""


@pytest.fixture(scope="module")
def long(lab: Lab) -> np.ndarray:
    """24 segments without a break, (3000, 45)."""
    return lab.made(3, RecordingKey(1, ACTIVITY), LONG)


def found_in(lab: Lab, rows: np.ndarray, *kinds: str, key: tuple[int, int] = (1, ACTIVITY)) -> list[dict[str, Any]]:
    return lab.audit({RecordingKey(*key): rows.T}, *kinds)


def joins(found: list[dict[str, Any]]) -> list[tuple[int, int, int, int | None]]:
    return [(row["segment"], row["first_row"], row["last_row"], row["other_segment"]) for row in found]


@settings(max_examples=40, derandomize=True)  # always the same 40
@given(segment=st.integers(1, 9), lost=LOST, start=st.integers(0, 700))
def test_rows_lost_between_two_segments(lab: Lab, long: np.ndarray, segment: int, lost: int, start: int) -> None:
    end = start + 125 * segment
    rows = np.concatenate([long[start:end], long[end + lost : start + lost + 1250]])
    found = found_in(lab, rows)
    assert [(row["kind"], row["severity"], row["channels"]) for row in found] == [("discontinuous_join", "info", "all")]
    assert joins(found) == [(segment, 124, 125, None)]


def test_a_recording_of_pieces_is_broken_at_every_join(lab: Lab, long: np.ndarray) -> None:
    rows = np.concatenate([long[160 * piece : 160 * piece + 125] for piece in range(18)])
    assert [row["segment"] for row in found_in(lab, rows, "discontinuous_join")] == list(range(1, 18))


@settings(max_examples=40)
@given(data=st.data())
def test_a_segment_out_of_its_place(lab: Lab, long: np.ndarray, data: st.DataObject) -> None:
    order = list(range(10))
    taken = data.draw(st.integers(0, 9))
    order.pop(taken)
    order.insert(data.draw(st.integers(0, 9).filter(lambda place: place != taken)), taken)
    rows = np.concatenate([long[125 * index : 125 * index + 125] for index in order])
    expected = sorted(
        (order.index(index) + 1, order.index(index + 1) + 1)
        for index in range(9)
        if order.index(index + 1) != order.index(index) + 1
    )
    found = found_in(lab, rows, "wrong_order")
    assert [(row["segment"], row["other_segment"]) for row in found] == expected
    assert {(row["other_subject"], row["other_session"], row["severity"]) for row in found} == {(1, ACTIVITY, "error")}


def test_a_gap_is_no_wrong_order(lab: Lab, long: np.ndarray) -> None:
    rows = np.concatenate([long[:625], long[1000:1625]])
    assert found_in(lab, rows, "wrong_order") == []


@settings(max_examples=40)
@given(numbers=st.sets(st.integers(1, 12), min_size=1, max_size=11))
def test_missing_segments(lab: Lab, long: np.ndarray, numbers: set[int]) -> None:
    present = sorted(numbers)
    whole = lab.recording((1, 2), long[:1500].T)
    rows = np.concatenate([long[125 * (number + 11) : 125 * (number + 12)] for number in present])
    holed = lab.recording((1, ACTIVITY), rows.T, present)
    found = find_defects([whole, holed], DSADS).to_pylist()
    missing = [row for row in found if row["kind"] == "missing_segment"]
    told = [row["segment"] + i for row in missing for i in range(row["num_rows"] // 125)]
    assert told == [number for number in range(1, 13) if number not in numbers]
    assert {(row["subject"], row["session"], row["severity"]) for row in missing} <= {(1, ACTIVITY, "warning")}
    assert all(one["segment"] + one["num_rows"] // 125 < two["segment"] for one, two in pairwise(missing))
    # Whether the segments on either side of a gap join is no question.
    assert not [row for row in found if row["kind"] == "discontinuous_join"]


def test_a_whole_recording_that_is_missing(lab: Lab) -> None:
    samples = lab.sound()
    del samples[lab.keys[2]]
    (found,) = lab.audit(samples)
    assert (found["kind"], *lab.place(found)) == ("missing_segment", lab.keys[2], 0, 1000, "all")
