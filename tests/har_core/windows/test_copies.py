"""Windows linked through rows that occur more than once, held against the plainest way of linking them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from har_core.datasets.recordings import RecordingKey
from har_core.windows.copies import link_windows
from har_core.windows.schema import NO_GROUP

NUM_ROWS = 40

Rows = dict[RecordingKey, np.ndarray]
"""Integers by recording."""


@st.composite
def recordings(draw: st.DrawFn) -> tuple[Rows, Rows, int]:
    """Groups of rows and begins of windows, of up to three recordings; and a length."""
    length = draw(st.integers(1, 15))
    keys = [RecordingKey(subject, 1) for subject in range(1, draw(st.integers(1, 3)) + 1)]
    a_row = st.one_of(st.just(-1), st.just(-1), st.integers(0, 8))
    groups = {
        key: np.array(draw(st.lists(a_row, min_size=NUM_ROWS, max_size=NUM_ROWS)), dtype=np.int32) for key in keys
    }
    places = st.lists(st.integers(0, NUM_ROWS - length), unique=True, max_size=8).map(sorted)
    begins = {key: np.array(draw(places), dtype=np.int64) for key in keys}
    return groups, begins, length


def link_plainly(groups: Rows, begins: Rows, length: int) -> Rows:
    """Merge sets of windows until nothing changes."""
    held = [
        ({(key, place)}, {int(group) for group in groups[key][begin : begin + length]} - {-1})
        for key, own in begins.items()
        for place, begin in enumerate(own)
    ]
    sets = [(windows, rows) for windows, rows in held if rows]
    merged = True
    while merged:
        merged = False
        for i in range(len(sets)):
            for j in range(i + 1, len(sets)):
                if sets[i][1] & sets[j][1]:
                    sets[i] = (sets[i][0] | sets[j][0], sets[i][1] | sets[j][1])
                    del sets[j]
                    merged = True
                    break
            if merged:
                break
    linked = {key: np.full(len(own), NO_GROUP) for key, own in begins.items()}
    for number, (windows, _) in enumerate(sets):
        for key, place in windows:
            linked[key][place] = number
    return linked


@given(recordings())
def test_windows_are_linked_as_by_hand(made: tuple[Rows, Rows, int]) -> None:
    groups, begins, length = made
    linked, expected = link_windows(groups, begins, length), link_plainly(groups, begins, length)
    assert list(linked) == list(begins)
    for key in begins:
        assert linked[key].dtype == np.int32
        assert linked[key].tolist() == expected[key].tolist()  # sets are kept in the order of appearance


def test_recordings_without_rows_that_occur_twice_have_no_groups() -> None:
    key = RecordingKey(1, 1)
    assert link_windows({}, {key: np.array([0, 5])}, 3)[key].tolist() == [NO_GROUP, NO_GROUP]


def test_a_copy_at_an_offset_links_whole_recordings() -> None:
    one, other = RecordingKey(4, 17), RecordingKey(8, 17)
    rows = np.full(1250, -1, dtype=np.int32)
    shifted = rows.copy()
    rows[:1240] = shifted[10:] = np.arange(1240)
    begins = np.arange(0, 1250, 125)
    linked = link_windows({one: rows, other: shifted}, {one: begins, other: begins}, 125)
    assert set(linked[one]) == set(linked[other]) == {0}
