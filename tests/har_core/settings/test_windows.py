"""``[windows]``: lengths and steps in samples and seconds, and what contradicts itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from har_core.settings.windows import WindowSettings


@given(length=st.integers(1, 7500), overlap=st.floats(0, 1, exclude_max=True), rate=st.floats(1, 1000))
def test_samples_do_not_depend_on_the_rate(length: int, overlap: float, rate: float) -> None:
    settings = WindowSettings(length=length, overlap=overlap)
    assert settings.samples(rate) == length
    assert 1 <= settings.stride(rate) <= length


@given(length_s=st.floats(0.001, 300), step_s=st.floats(0.001, 300), rate=st.floats(1, 1000))
def test_seconds_are_the_nearest_whole_number_of_samples(length_s: float, step_s: float, rate: float) -> None:
    settings = WindowSettings(length_s=length_s, step_s=step_s)
    for samples, seconds in ((settings.samples(rate), length_s), (settings.stride(rate), step_s)):
        assert samples >= 1
        assert samples == 1 or abs(samples - seconds * rate) <= 0.5


def test_an_overlap_is_one_of_the_resolved_length() -> None:
    assert WindowSettings(length_s=2.56, overlap=0.5).stride(50.0) == 64


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"length": 125, "length_s": 5.0}, "one of length, length_s; written: length, length_s"),
        ({"overlap": 0.0, "step_s": 5.0}, "one of overlap, step, step_s; written: overlap, step_s"),
        ({"step": 3, "step_s": 5.0}, "one of overlap, step, step_s; written: step, step_s"),
        ({"label_share": 0.7}, 'label_share only with label_rule = "majority"'),
        ({"activities": ()}, "at least 1 item"),
        ({"activities": {"moving": ()}}, "at least 1 item"),
    ],
)
def test_contradictions_are_named(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        WindowSettings.model_validate(values)


@pytest.mark.parametrize("activities", [("walking", "sitting"), {"moving": ("walking", "running")}])
def test_activities_are_a_list_or_a_table(activities: Any) -> None:
    assert WindowSettings(activities=activities).activities == activities
