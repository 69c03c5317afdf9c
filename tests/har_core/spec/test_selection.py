"""Which activities windows have, and what they are called."""

from __future__ import annotations

from typing import Any

import pytest
from data_sets import POCKET_AND_WRIST, SPECS
from hypothesis import given
from hypothesis import strategies as st

from har_core.base.errors import InputError
from har_core.datasets.dsads.dataset import DSADS
from har_core.spec.dataset import DatasetSpec
from har_core.spec.selection import label_map, spec_of_windows

OLD = POCKET_AND_WRIST.activities
rules = st.sampled_from(["drop", "class", "test"])


@st.composite
def selections(draw: st.DrawFn) -> dict[str, tuple[str, ...]]:
    """New names and what each merges."""
    order = draw(st.permutations(OLD))
    ends = sorted(draw(st.sets(st.integers(1, len(OLD)), min_size=1)))
    parts = [order[first:end] for first, end in zip([0, *ends], ends, strict=False)]
    return {f"{'+'.join(part)}": tuple(part) for part in parts}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_nothing_asked_for_is_the_same(spec: DatasetSpec) -> None:
    assert spec_of_windows(spec) is spec
    assert spec_of_windows(spec, activities=spec.activities, sampling_rate_hz=spec.sampling_rate_hz) == spec
    assert label_map(spec).tolist() == list(range(spec.num_activities + 1))


@given(activities=selections(), none=rules)
def test_each_row_gets_the_number_of_the_name_that_takes_its_activity(
    activities: dict[str, tuple[str, ...]], none: Any
) -> None:
    new = spec_of_windows(POCKET_AND_WRIST, activities=activities, none=none)
    numbers = label_map(POCKET_AND_WRIST, activities=activities, none=none)
    assert new.activities == (*activities, *(("other",) if none != "drop" else ()))
    assert new.none_is_class == (none != "drop")
    assert new.replaced(activities=OLD) == POCKET_AND_WRIST
    for number, old in enumerate(OLD, start=1):
        taken = [name for name, merged in activities.items() if old in merged]
        assert taken == ([new.activities[numbers[number] - 1]] if numbers[number] else [])
    assert numbers[0] == (0 if none == "drop" else new.num_activities)


def test_a_list_chooses_and_orders() -> None:
    new = spec_of_windows(DSADS, activities=["rowing", "sitting"])
    assert new.activities == ("rowing", "sitting")
    assert (label_map(DSADS, activities=["rowing", "sitting"]).nonzero()[0]).tolist() == [1, 17]
    assert new.version != DSADS.version


def test_none_joins_a_merged_activity_of_its_name() -> None:
    how: dict[str, Any] = {"activities": {"other": ["cycling"], "walking": ["walking"]}, "none": "class"}
    assert spec_of_windows(POCKET_AND_WRIST, **how).activities == ("other", "walking")
    assert label_map(POCKET_AND_WRIST, **how).tolist() == [1, 0, 2, 0, 1]


def test_a_label_for_none_that_is_a_class_already_stays_one() -> None:
    spec = POCKET_AND_WRIST.replaced(activities=[*OLD, "other"])
    for none in ("drop", "class"):
        assert spec_of_windows(spec, none=none) == spec
    assert label_map(spec, none="class").tolist() == [5, 1, 2, 3, 4, 5]


def test_parts_of_another_rate_have_as_many_seconds() -> None:
    assert spec_of_windows(DSADS, sampling_rate_hz=50.0).segment_length == 250
    with pytest.raises(InputError, match="125 samples at 25 Hz have whole samples"):
        spec_of_windows(DSADS, sampling_rate_hz=10.5)


@pytest.mark.parametrize(
    ("spec", "how", "problems"),
    [
        (
            DSADS,
            {"activities": ["siting", "rowing", "rowing"], "none": "class"},
            [
                ("windows.activities[0]", "an activity of dsads; did you mean 'sitting'?"),
                ("windows.activities[2]", "each activity once"),
                ("windows.none", "drop: dsads has no label for rows that are none of its activities"),
            ],
        ),
        (
            POCKET_AND_WRIST,
            {"activities": {"up": ["stairs"], "down": ["stairs"], "away": []}},
            [
                ("windows.activities.away", "at least one activity"),
                ("windows.activities.down[0]", "each activity once"),
            ],
        ),
        (DSADS, {"activities": []}, [("windows.activities", "at least one activity")]),
    ],
    ids=["a list", "a table", "nothing"],
)
def test_every_mistake_is_told_at_once(spec: DatasetSpec, how: dict[str, Any], problems: list[tuple[str, str]]) -> None:
    with pytest.raises(InputError) as caught:
        spec_of_windows(spec, **how)
    assert [problem.path for problem in caught.value.problems] == [path for path, _ in problems]
    for problem, (_, expected) in zip(caught.value.problems, problems, strict=True):
        assert problem.expected.startswith(expected)
