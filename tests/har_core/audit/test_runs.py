"""Zero runs, constant runs and saturation are found where they are, whatever their size and channels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from har_core.audit.findings import name_channels
from har_core.datasets.dsads.dataset import DSADS

if TYPE_CHECKING:
    from tests.har_core.audit.conftest import Lab

UNIT_SETS = st.sets(st.integers(0, 4), min_size=1, max_size=5)
KINDS = ("zero_run", "constant_run", "saturation")


def channels_of(units: Iterable[int]) -> list[int]:
    return [9 * unit + channel for unit in sorted(units) for channel in range(9)]


@settings(max_examples=40)
@given(data=st.data(), units=UNIT_SETS, length=st.integers(1, 300))
def test_zero_runs_of_units(lab: Lab, data: st.DataObject, units: set[int], length: int) -> None:
    samples = lab.sound()
    key = data.draw(st.sampled_from(lab.keys))
    first = data.draw(st.integers(0, lab.num_rows - length))
    lab.rows(samples[key])[first : first + length, channels_of(units)] = 0.0
    found = lab.audit(samples, *KINDS)
    assert [lab.place(row) for row in found] == [(key, first, length, name_channels(channels_of(units), DSADS))]
    assert (found[0]["kind"], found[0]["severity"]) == ("zero_run", "error")


@settings(max_examples=40)
@given(data=st.data(), units=UNIT_SETS, length=st.integers(3, 300))
def test_held_rows_of_units(lab: Lab, data: st.DataObject, units: set[int], length: int) -> None:
    samples = lab.sound()
    key = data.draw(st.sampled_from(lab.keys))
    first = data.draw(st.integers(0, lab.num_rows - length))
    rows = lab.rows(samples[key])
    rows[first : first + length, channels_of(units)] = rows[first, channels_of(units)]
    found = lab.audit(samples, *KINDS)
    assert [lab.place(row) for row in found] == [(key, first, length, name_channels(channels_of(units), DSADS))]
    assert (found[0]["kind"], found[0]["severity"]) == ("constant_run", "error")


@settings(max_examples=40)
@given(data=st.data())
def test_one_repeated_row_is_enough_on_all_channels(lab: Lab, data: st.DataObject) -> None:
    samples = lab.sound()
    first = data.draw(st.integers(0, lab.num_rows - 2))
    rows = lab.rows(samples[lab.keys[0]])
    rows[first + 1] = rows[first]
    assert [lab.place(row) for row in lab.audit(samples, *KINDS)] == [(lab.keys[0], first, 2, "all")]


@settings(max_examples=40)
@given(data=st.data(), channel=st.integers(0, DSADS.num_channels - 1), length=st.integers(12, 200), zero=st.booleans())
def test_runs_of_a_channel(lab: Lab, data: st.DataObject, channel: int, length: int, zero: bool) -> None:
    samples = lab.sound()
    key = data.draw(st.sampled_from(lab.keys))
    first = data.draw(st.integers(0, lab.num_rows - length))
    values = lab.rows(samples[key])[:, channel]
    values[first : first + length] = 0.0 if zero else (values.max() + values.min()) / 2 + 0.01
    found = lab.audit(samples, *KINDS)
    assert [lab.place(row) for row in found] == [(key, first, length, DSADS.channel_names[channel])]
    assert (found[0]["kind"], found[0]["severity"]) == ("zero_run" if zero else "constant_run", "warning")


@settings(max_examples=40)
@given(data=st.data(), channel=st.integers(0, DSADS.num_channels - 1), sign=st.sampled_from([1, -1]))
def test_saturation(lab: Lab, data: st.DataObject, channel: int, sign: int) -> None:
    samples = lab.sound()
    key = data.draw(st.sampled_from(lab.keys))
    length = data.draw(st.integers(3, 30))
    first = data.draw(st.integers(0, lab.num_rows - length))
    values = lab.rows(samples[key])[:, channel]
    values[first : first + length] = sign * (abs(values).max() + 1.0)
    found = lab.audit(samples, *KINDS)
    assert [lab.place(row) for row in found] == [(key, first, length, DSADS.channel_names[channel])]
    assert (found[0]["kind"], found[0]["severity"]) == ("saturation", "warning")


def test_a_run_that_goes_on_in_later_segments_is_one(lab: Lab) -> None:
    samples = lab.sound()
    lab.rows(samples[lab.keys[0]])[120:380] = 0.0
    (found,) = lab.audit(samples, *KINDS)
    assert (found["segment"], found["first_row"], found["last_row"], found["num_rows"]) == (1, 120, 379, 260)


def test_what_is_found_on_all_channels_is_not_told_again_of_a_unit(lab: Lab) -> None:
    samples = lab.sound()
    rows = lab.rows(samples[lab.keys[0]])
    rows[200:300, 9:18] = rows[200, 9:18]
    rows[230:250] = 0.0
    told = [(row["kind"], *lab.place(row)[1:]) for row in lab.audit(samples, *KINDS)]
    assert told == [("constant_run", 200, 30, "RA"), ("zero_run", 230, 20, "all"), ("constant_run", 250, 50, "RA")]


def test_a_negative_zero_is_zero(lab: Lab) -> None:
    samples = lab.sound()
    lab.rows(samples[lab.keys[0]])[10:20] = -0.0
    assert [row["kind"] for row in lab.audit(samples, *KINDS)] == ["zero_run"]
