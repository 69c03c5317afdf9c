"""Rows that occur twice are found as maximal ranges: at any offset, in any two places, on all channels or a unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from har_core.audit.defects import find_defects
from har_core.audit.findings import name_channels
from har_core.audit.ranges import duplicate_groups
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.recordings import RecordingKey

if TYPE_CHECKING:
    from tests.har_core.audit.conftest import Lab


def draw_places(
    data: st.DataObject, lab: Lab, least: int
) -> tuple[tuple[RecordingKey, int], tuple[RecordingKey, int], int]:
    """Two places that do not overlap: key, first row, key, first row, length; the one that the table names first."""
    one, other = data.draw(st.sampled_from(lab.keys)), data.draw(st.sampled_from(lab.keys))
    length = data.draw(st.integers(least, 400))
    first = data.draw(st.integers(0, lab.num_rows - length))
    other_first = data.draw(st.integers(0, lab.num_rows - length))
    assume(one != other or abs(first - other_first) > length)
    first_place, other_place = sorted([(one, first), (other, other_first)])
    return first_place, other_place, length


@settings(max_examples=40)
@given(data=st.data())
def test_a_copy_on_all_channels(lab: Lab, data: st.DataObject) -> None:
    samples = lab.sound()
    (one, first), (other, other_first), length = draw_places(data, lab, 1)
    lab.rows(samples[other])[other_first : other_first + length] = lab.rows(samples[one])[first : first + length]
    found = lab.audit(samples, "duplicate_rows")
    assert [(lab.place(row), lab.other(row)) for row in found] == [((one, first, length, "all"), (other, other_first))]
    assert found[0]["severity"] == ("warning" if one == other else "error")


@settings(max_examples=40)
@given(data=st.data(), units=st.sets(st.integers(0, 4), min_size=1, max_size=4))
def test_a_copy_on_some_units(lab: Lab, data: st.DataObject, units: set[int]) -> None:
    samples = lab.sound()
    (one, first), (other, other_first), length = draw_places(data, lab, 5)
    channels = [9 * unit + channel for unit in sorted(units) for channel in range(9)]
    source = lab.rows(samples[one])[first : first + length, channels]
    lab.rows(samples[other])[other_first : other_first + length, channels] = source
    found = lab.audit(samples, "duplicate_rows")
    expected = ((one, first, length, name_channels(channels, DSADS)), (other, other_first))
    assert [(lab.place(row), lab.other(row)) for row in found] == [expected]


@pytest.mark.parametrize(
    ("taken", "put"),
    [(slice(None, None, -1), slice(None)), (slice(None, None, 2), slice(None)), (slice(0, -1, 2), slice(1, None, 2))],
    ids=["reversed", "every second row", "every second row in every second place"],
)
@settings(max_examples=10)
@given(data=st.data())
def test_no_row_of_a_copy_that_is_no_range_is_without_its_group(
    lab: Lab, data: st.DataObject, taken: slice, put: slice
) -> None:
    samples = lab.sound()
    (one, first), (other, other_first), length = draw_places(data, lab, 2)
    source = np.arange(first, first + length)[taken]
    target = np.arange(other_first, other_first + length)[put][: len(source)]
    lab.rows(samples[other])[target] = lab.rows(samples[one])[source]
    recordings = [lab.recording(key, values) for key, values in samples.items()]
    groups = duplicate_groups(find_defects(recordings, DSADS), {made.key: made.outline for made in recordings})
    assert groups[one][source].tolist() == groups[other][target].tolist()
    assert sorted(groups[one][source]) == list(range(len(source)))


@settings(max_examples=40)
@given(data=st.data())
def test_zeros_and_held_rows_do_not_divide_a_copy(lab: Lab, data: st.DataObject) -> None:
    samples = lab.sound()
    one, other = lab.keys[0], lab.keys[3]
    rows = lab.rows(samples[one])
    offset = data.draw(st.integers(0, 60))
    first = data.draw(st.integers(70, 300))
    rows[first : first + 25] = 0.0
    rows[first + 100 : first + 130] = rows[first + 100]
    lab.rows(samples[other])[offset : offset + 700] = rows[10:710]
    found = lab.audit(samples, "duplicate_rows")
    assert [(lab.place(row), lab.other(row)) for row in found] == [((one, 10, 700, "all"), (other, offset))]


def test_zeros_alone_are_no_copies(lab: Lab) -> None:
    samples = lab.sound()
    for key in lab.keys:
        lab.rows(samples[key])[100:125] = 0.0
        lab.rows(samples[key])[300:420, :9] = 0.0
    assert lab.audit(samples, "duplicate_rows") == []


def test_zeros_at_the_ends_of_a_copy_are_no_part_of_it(lab: Lab) -> None:
    samples = lab.sound()
    one, other = lab.keys[0], lab.keys[1]
    lab.rows(samples[other])[200:300] = lab.rows(samples[one])[400:500]
    for key, first in ((one, 400), (other, 200)):
        lab.rows(samples[key])[first : first + 10] = 0.0
        lab.rows(samples[key])[first + 80 : first + 100] = 0.0
    found = lab.audit(samples, "duplicate_rows")
    assert [(lab.place(row), lab.other(row)) for row in found] == [((one, 410, 70, "all"), (other, 210))]


def test_a_copy_of_all_channels_is_not_told_again_of_a_unit_but_what_is_beside_it_is(lab: Lab) -> None:
    samples = lab.sound()
    one, other = lab.keys[0], lab.keys[1]
    source, target = lab.rows(samples[one]), lab.rows(samples[other])
    target[200:300, 9:18] = source[400:500, 9:18]
    target[230:250] = source[430:450]
    told = [lab.place(row)[1:] for row in lab.audit(samples, "duplicate_rows")]
    assert told == [(400, 30, "RA"), (430, 20, "all"), (450, 50, "RA")]


@settings(max_examples=40)
@given(times=st.integers(3, 12))
def test_a_block_that_occurs_many_times_is_one_group(lab: Lab, times: int) -> None:
    samples = lab.sound()
    block = lab.rows(samples[lab.keys[0]])[:20].copy()
    for index in range(times):
        key, slot = lab.keys[index % 3], index // 3
        lab.rows(samples[key])[200 * slot : 200 * slot + 20] = block
    found = lab.audit(samples, "duplicate_rows")
    assert {row["num_rows"] for row in found} == {20}
    places = {lab.place(row)[:2] for row in found} | {lab.other(row) for row in found}
    assert places == {(lab.keys[index % 3], 200 * (index // 3)) for index in range(times)}
    assert len(found) == (times * (times - 1) // 2 if times <= 8 else times - 1)


def test_rows_that_alternate_are_a_copy_of_themselves(lab: Lab) -> None:
    samples = lab.sound()
    rows = lab.rows(samples[lab.keys[0]])
    rows[100:400] = np.tile(rows[100:102], (150, 1))
    found = lab.audit(samples, "duplicate_rows")
    assert [(lab.place(row), lab.other(row)) for row in found] == [((lab.keys[0], 100, 298, "all"), (lab.keys[0], 102))]


def test_a_range_ends_with_its_recording(lab: Lab) -> None:
    # The last rows of one recording and the first of the next stand side by side where all rows are numbered through.
    samples = lab.sound()
    first, second, third = lab.keys[:3]
    target = lab.rows(samples[third])
    target[300:350] = lab.rows(samples[first])[-50:]
    target[350:400] = lab.rows(samples[second])[:50]
    found = lab.audit(samples, "duplicate_rows")
    assert [(lab.place(row), lab.other(row)) for row in found] == [
        ((first, lab.num_rows - 50, 50, "all"), (third, 300)),
        ((second, 0, 50, "all"), (third, 350)),
    ]
