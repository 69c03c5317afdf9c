"""Values that no unit measures, fields that are not the Earth's, equal channels, and exchanged sensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from har_core.audit.defects import find_defects
from har_core.audit.findings import name_channels
from har_core.datasets.dsads.dataset import DSADS

if TYPE_CHECKING:
    from tests.har_core.audit.conftest import Lab

PAIRS = st.sets(st.integers(0, 44), min_size=2, max_size=2).map(sorted)
SENSORS = {"acc": (0, 180.5), "gyro": (3, 21.0)}


@settings(max_examples=40)
@given(
    data=st.data(),
    unit=st.integers(0, 4),
    sensor=st.sampled_from(sorted(SENSORS)),
    sign=st.sampled_from([1, -1]),
)
def test_values_beyond_the_limit(lab: Lab, data: st.DataObject, unit: int, sensor: str, sign: int) -> None:
    samples = lab.sound()
    axis = data.draw(st.integers(0, 2))
    key = data.draw(st.sampled_from(lab.keys))
    row = data.draw(st.integers(0, lab.num_rows - 3))
    offset, value = SENSORS[sensor]
    channel = 9 * unit + offset + axis
    lab.rows(samples[key])[row, channel] = sign * value
    lab.rows(samples[key])[row + 1, channel] = sign * (value + 3)
    found = lab.audit(samples, "out_of_range")
    assert [lab.place(one) for one in found] == [(key, row, 2, DSADS.channel_names[channel])]
    assert found[0]["severity"] == "warning"


@settings(max_examples=40)
@given(
    data=st.data(),
    unit=st.integers(0, 4),
    length=st.integers(5, 200),
    factor=st.one_of(st.floats(0.05, 0.15), st.floats(4, 20)),
)
def test_a_field_that_is_not_the_earths(lab: Lab, data: st.DataObject, unit: int, length: int, factor: float) -> None:
    samples = lab.sound()
    key = data.draw(st.sampled_from(lab.keys))
    first = data.draw(st.integers(0, lab.num_rows - length))
    lab.rows(samples[key])[first : first + length, 9 * unit + 6 : 9 * unit + 9] *= factor
    (found,) = lab.audit(samples, "magnetometer_norm")
    names = " ".join(f"{DSADS.places[unit]}_{axis}mag" for axis in "xyz")
    assert lab.place(found) == (key, first, length, names)
    assert found["severity"] == "info"


def test_a_short_return_of_the_field_does_not_divide_a_finding(lab: Lab) -> None:
    samples = lab.sound()
    field = lab.rows(samples[lab.keys[0]])[:, 6:9]
    for first in (100, 145, 215):
        field[first : first + 20] *= 10  # 25 rows between the first two, 50 before the third
    told = [lab.place(row)[1:3] for row in lab.audit(samples, "magnetometer_norm")]
    assert told == [(100, 65), (215, 20)]


def test_zeros_are_no_weak_field(lab: Lab) -> None:
    samples = lab.sound()
    lab.rows(samples[lab.keys[0]])[100:200] = 0.0
    assert lab.audit(samples, "magnetometer_norm") == []


def test_limits_are_those_of_the_channels(lab: Lab) -> None:
    channels = [
        channel.model_copy(update={"limit": 1.0 if channel.axis == "z" else None}) for channel in DSADS.channels
    ]
    recordings = [lab.recording(key, values) for key, values in lab.sound().items()]
    found = find_defects(recordings, DSADS.replaced(channels=channels)).to_pylist()
    assert {row["kind"] for row in found} == {"out_of_range"}
    assert {row["channels"] for row in found} >= {"T_zacc"}
    assert {row["channels"].split("_")[1][0] for row in found} == {"z"}


@settings(max_examples=40)
@given(data=st.data(), pair=PAIRS, length=st.integers(50, 700))
def test_equal_channels(lab: Lab, data: st.DataObject, pair: list[int], length: int) -> None:
    samples = lab.sound()
    key = data.draw(st.sampled_from(lab.keys))
    first = data.draw(st.integers(0, lab.num_rows - length))
    rows = lab.rows(samples[key])
    rows[first : first + length, pair[1]] = rows[first : first + length, pair[0]]
    found = lab.audit(samples, "duplicated_channels")
    assert [lab.place(row) for row in found] == [(key, first, length, name_channels(pair, DSADS))]
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
    assert lab.place(found) == (key, 0, lab.num_rows, name_channels(first + second, DSADS))
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
    assert lab.place(found) == (key, 0, lab.num_rows, name_channels(pair, DSADS))
