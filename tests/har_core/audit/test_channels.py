"""Channels that are equal, and sensors that are exchanged throughout a recording."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from har_core.audit.findings import name_channels

if TYPE_CHECKING:
    from tests.har_core.audit.conftest import Lab

PAIRS = st.sets(st.integers(0, 44), min_size=2, max_size=2).map(sorted)


@settings(max_examples=40)
@given(data=st.data(), pair=PAIRS, length=st.integers(50, 700))
def test_equal_channels(lab: Lab, data: st.DataObject, pair: list[int], length: int) -> None:
    samples = lab.sound()
    key = data.draw(st.sampled_from(lab.keys))
    first = data.draw(st.integers(0, lab.num_rows - length))
    rows = lab.rows(samples[key])
    rows[first : first + length, pair[1]] = rows[first : first + length, pair[0]]
    found = lab.audit(samples, "duplicated_channels")
    assert [lab.place(row) for row in found] == [(key, first, length, name_channels(pair))]
    assert found[0]["severity"] == "error"


def test_channels_that_stand_still_are_not_equal(lab: Lab) -> None:
    samples = lab.sound()
    lab.rows(samples[lab.keys[0]])[100:300] = 0.0
    lab.rows(samples[lab.keys[1]])[100:300, :20] = 0.0
    assert lab.audit(samples, "duplicated_channels") == []


def test_three_equal_channels_are_three_pairs(lab: Lab) -> None:
    samples = lab.sound()
    rows = lab.rows(samples[lab.keys[0]])
    rows[:, [12, 30]] = rows[:, [3]]
    told = [row["channels"] for row in lab.audit(samples, "duplicated_channels")]
    assert told == ["RA_xgyro RL_xgyro", "T_xgyro RA_xgyro", "T_xgyro RL_xgyro"]


@pytest.mark.parametrize("sensors", [("acc", "gyro"), ("acc", "mag"), ("gyro", "mag")])
@settings(max_examples=40)
@given(data=st.data(), unit=st.integers(0, 4))
def test_two_sensors_exchanged_throughout(lab: Lab, sensors: tuple[str, str], data: st.DataObject, unit: int) -> None:
    samples = lab.sound()
    key = data.draw(st.sampled_from(lab.keys))
    first, second = (
        [9 * unit + 3 * ("acc", "gyro", "mag").index(name) + axis for axis in range(3)] for name in sensors
    )
    rows = lab.rows(samples[key])
    rows[:, first + second] = rows[:, second + first]
    (found,) = lab.audit(samples, "swapped_channels")
    assert lab.place(found) == (key, 0, lab.num_rows, name_channels(first + second))
    assert found["severity"] == "error"


@settings(max_examples=40)
@given(data=st.data(), unit=st.integers(0, 4), other=st.integers(0, 5), axis=st.integers(0, 2))
def test_a_magnetometer_channel_exchanged_throughout(
    lab: Lab, data: st.DataObject, unit: int, other: int, axis: int
) -> None:
    samples = lab.sound()
    key = data.draw(st.sampled_from(lab.keys))
    pair = [9 * unit + other, 9 * unit + 6 + axis]
    rows = lab.rows(samples[key])
    rows[:, pair] = rows[:, pair[::-1]]
    (found,) = lab.audit(samples, "swapped_channels")
    assert lab.place(found) == (key, 0, lab.num_rows, name_channels(pair))
