"""A data set as a value: what it refuses, what makes it another one, and that it travels unchanged."""

from __future__ import annotations

from typing import Any

import pytest
from data_sets import POCKET_AND_WRIST, SPECS

from har_core.base.errors import InputError
from har_core.datasets.dsads.dataset import DSADS
from har_core.spec.dataset import DatasetSpec, Sensor


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_travels_as_json_and_in_the_metadata_of_files(spec: DatasetSpec) -> None:
    assert DatasetSpec.from_json(spec.to_json(), where="a file") == spec
    metadata = {key.encode(): text.encode() for key, text in spec.to_metadata().items()}
    read = DatasetSpec.from_metadata(metadata, where="a file")
    assert (read, read.version) == (spec, spec.version)


def test_a_file_without_a_description_is_refused() -> None:
    with pytest.raises(InputError, match=r"windows\.parquet: says of no data set"):
        DatasetSpec.from_metadata({b"other": b"1"}, where="windows.parquet")
    with pytest.raises(InputError, match="no description of a data set"):
        DatasetSpec.from_json("{}", where="windows.parquet")


@pytest.mark.parametrize(
    "change",
    [
        {"activities": POCKET_AND_WRIST.activities[::-1]},
        {"channels": POCKET_AND_WRIST.channels[::-1]},
        {"sampling_rate_hz": 51.0},
        {"none": None},
        {"segment_length": 100},
    ],
    ids=lambda change: next(iter(change)),
)
def test_any_change_makes_another_data_set(change: dict[str, Any]) -> None:
    changed = POCKET_AND_WRIST.replaced(**change)
    assert changed.version != POCKET_AND_WRIST.version


def test_words_for_people_make_no_other_data_set() -> None:
    changed = DSADS.replaced(title="Another title", citation="", licence="", place_names={})
    assert (changed != DSADS, changed.version) == (True, DSADS.version)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        DSADS.replaced(sampling_rate_hz=-1.0, channels=[{"name": "two words", "place": "T", "sensor": "acc"}], none=3)
    places = [problem.path for problem in caught.value.problems]
    assert {"dsads.sampling_rate_hz", "dsads.channels.0.name", "dsads.none"} <= set(places)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"activities": ["a", "b", "a"]}, "each once; repeated: activity a"),
        ({"activities": []}, "at least 1"),
        ({"place_names": {"head": "the head"}}, "no channel is at head"),
        ({"channels": [{"name": n, "place": "p", "sensor": "acc", "axis": "x"} for n in "ab"], "place_names": {}},
         "repeated: axis x of acc at p"),
        ({"sampling_rate_hz": "25"}, "valid number"),
        ({"citatoin": "typo"}, "Extra inputs"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_refused(change: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        DSADS.replaced(**change)


def test_places_and_sensors_follow_from_the_channels() -> None:
    assert DSADS.places == ("T", "RA", "LA", "RL", "LL")
    assert DSADS.channels_of_place[4] == tuple(range(36, 45))
    assert DSADS.triads[1] == Sensor(place=0, kind="gyro", axes=(3, 4, 5))
    assert [sensor.axes for sensor in POCKET_AND_WRIST.triads] == [(0, 1, 2), (3, 4, 5), (7, 8, 9)]
    assert POCKET_AND_WRIST.channels_of_place == ((0, 1, 2, 3, 4, 5), (6, 7, 8, 9))


def test_none_is_a_class_only_where_it_is_among_the_activities() -> None:
    assert not POCKET_AND_WRIST.none_is_class
    with_none = POCKET_AND_WRIST.replaced(activities=[*POCKET_AND_WRIST.activities, "other"])
    assert with_none.none_is_class
    assert POCKET_AND_WRIST.activity_name(0) == "other"
    assert POCKET_AND_WRIST.activity_name(2) == "walking"
