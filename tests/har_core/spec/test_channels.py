"""Which channels a model sees, and which of them make a magnitude."""

from __future__ import annotations

import pytest
from data_sets import POCKET_AND_WRIST

from har_core.base.errors import InputError
from har_core.datasets.dsads.dataset import DSADS
from har_core.spec.channels import select_channels, sensors_among, triples
from har_core.spec.dataset import Sensor

CHANNELS = DSADS.channel_names


def names(**choices: list[str]) -> list[str]:
    return [CHANNELS[index] for index in select_channels(DSADS, **choices)]


def test_no_choice_is_all_channels() -> None:
    assert select_channels(DSADS) == tuple(range(45))


def test_units_sensors_and_channels() -> None:
    assert names(units=["LL"]) == list(CHANNELS[36:])
    assert len(names(sensors=["acc"])) == 15
    assert set(names(sensors=["acc", "mag"], units=["RA", "T"])) == {
        f"{unit}_{axis}{sensor}" for unit in ("T", "RA") for sensor in ("acc", "mag") for axis in "xyz"
    }
    assert names(channels=["LL_zmag", "T_xacc"]) == ["T_xacc", "LL_zmag"]  # in the order of the files
    assert names(units=["T"], channels=["LL_zmag", "T_xacc"]) == ["T_xacc"]


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ({"units": ["T", "ra"]}, r"units\[1\]: found 'ra', expected a unit; did you mean 'RA'"),
        ({"sensors": ["accel"]}, r"sensors\[0\]: found 'accel', expected a sensor; did you mean 'acc'"),
        ({"channels": ["T_xac"]}, r"channels\[0\]: found 'T_xac', expected a channel; did you mean 'T_xacc'"),
        ({"units": ["T"], "channels": ["RA_xacc"]}, "No channel is left of units T, channels RA_xacc"),
    ],
)
def test_what_cannot_be_chosen_is_refused(choices: dict[str, list[str]], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        select_channels(DSADS, **choices)


def test_every_unknown_name_is_told() -> None:
    with pytest.raises(InputError) as caught:
        select_channels(DSADS, units=["head"], sensors=["acc", "gps"], channels=["T_xacc"])
    assert [problem.path for problem in caught.value.problems] == ["units[0]", "sensors[1]"]


def test_sensors_have_three_axes_and_know_their_unit() -> None:
    assert [sensor.place for sensor in sensors_among(DSADS, range(45))] == [unit for unit in range(5) for _ in range(3)]
    assert [sensor.kind for sensor in sensors_among(DSADS, range(45))] == ["acc", "gyro", "mag"] * 5
    chosen = select_channels(DSADS, channels=["T_xacc", "LL_xacc", "LL_yacc", "LL_zacc", "LL_zmag"])
    assert sensors_among(DSADS, chosen) == (Sensor(place=4, kind="acc", axes=(1, 2, 3)),)


def test_triples_are_the_sensors_with_all_three_axes() -> None:
    assert triples(DSADS, range(45)) == tuple((i, i + 1, i + 2) for i in range(0, 45, 3))
    assert triples(DSADS, select_channels(DSADS, sensors=["gyro"], units=["LA", "T"])) == ((0, 1, 2), (3, 4, 5))
    assert triples(DSADS, select_channels(DSADS, channels=["T_xacc", "T_yacc", "T_zgyro", "RA_zacc"])) == ()
    assert triples(DSADS, select_channels(DSADS, channels=["T_xacc", "RA_xmag", "RA_ymag", "RA_zmag", "LL_zmag"])) == (
        (1, 2, 3),
    )


def test_another_data_set_has_other_names() -> None:
    assert select_channels(POCKET_AND_WRIST, units=["wrist"], sensors=["acc"]) == (7, 8, 9)
    assert sensors_among(POCKET_AND_WRIST, (0, 7, 8, 9)) == (Sensor(place=1, kind="acc", axes=(1, 2, 3)),)
    with pytest.raises(InputError, match="expected a unit: pocket, wrist"):
        select_channels(POCKET_AND_WRIST, units=["T"])
