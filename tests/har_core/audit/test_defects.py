"""The audit as a whole: sound recordings have no findings, order does not matter, and what it refuses."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from har_core.audit.defects import find_defects
from har_core.audit.findings import FINDINGS_SCHEMA, spec_of
from har_core.base.errors import InputError
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.recordings import Recording, RecordingKey

if TYPE_CHECKING:
    from tests.har_core.audit.conftest import Lab


def made(lab: Lab, num_subjects: int, num_segments: int, seed: int) -> Iterator[Recording]:
    for subject in range(1, num_subjects + 1):
        for activity in range(1, DSADS.num_activities + 1):
            key = RecordingKey(subject, activity)
            yield lab.recording(key, lab.made(seed, key, num_segments).T)


def test_nothing_is_found_in_sound_recordings(lab: Lab) -> None:
    assert find_defects(made(lab, 2, 8, seed=0), DSADS).num_rows == 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_nothing_is_found_in_a_whole_set_of_sound_recordings(lab: Lab, seed: int) -> None:
    found = find_defects(made(lab, 8, 60, seed), DSADS)
    assert found.to_pylist() == []


def test_nothing_is_found_in_nothing() -> None:
    found = find_defects([], DSADS)
    assert found.schema == FINDINGS_SCHEMA
    assert spec_of(found) == DSADS


@pytest.fixture(scope="module")
def damaged(lab: Lab) -> list[Recording]:
    """Recordings with several kinds of defects."""
    samples = lab.sound()
    keys = lab.keys
    lab.rows(samples[keys[0]])[100:125] = 0
    lab.rows(samples[keys[1]])[300:330, :9] = lab.rows(samples[keys[1]])[300, :9]
    lab.rows(samples[keys[3]])[510:700] = lab.rows(samples[keys[1]])[17:207]
    lab.rows(samples[keys[2]])[800:] = lab.rows(samples[keys[0]])[700:900]
    return [lab.recording(key, values) for key, values in samples.items()]


@settings(max_examples=40)
@given(order=st.randoms(use_true_random=False))
def test_findings_do_not_depend_on_the_order_of_recordings(damaged: list[Recording], order: random.Random) -> None:
    shuffled = list(damaged)
    order.shuffle(shuffled)
    found = find_defects(shuffled, DSADS)
    assert found.num_rows > 4
    assert found.equals(find_defects(damaged, DSADS))


def test_findings_do_not_depend_on_the_memory_layout(damaged: list[Recording]) -> None:
    one, other = (
        find_defects([replace(recording, samples=order(recording.samples)) for recording in damaged], DSADS)
        for order in (np.ascontiguousarray, np.asfortranarray)
    )
    assert one.equals(other)


def test_recordings_stay_as_they_are(damaged: list[Recording]) -> None:
    before = [one.samples.copy() for one in damaged]
    find_defects(damaged, DSADS)
    for one, samples in zip(damaged, before, strict=True):
        np.testing.assert_array_equal(one.samples, samples)


def test_progress_tells_every_recording(damaged: list[Recording]) -> None:
    told = []
    find_defects(damaged, DSADS, progress=lambda *news: told.append(news))
    assert [num_done for _, num_done, _ in told] == list(range(1, len(damaged) + 1))


def test_a_recording_that_comes_twice_is_refused(damaged: list[Recording]) -> None:
    with pytest.raises(InputError, match=r"subject 1, session 9.*each recording once"):
        find_defects([*damaged, damaged[1]], DSADS)


def test_one_segment_is_enough(lab: Lab) -> None:
    samples = lab.sound()[lab.keys[0]][:, :125]
    samples[:, 40:60] = 0
    assert [lab.place(row) for row in lab.audit({lab.keys[0]: samples})] == [(lab.keys[0], 40, 20, "all")]


def test_a_recording_that_is_zero_throughout(lab: Lab) -> None:
    found = lab.audit({lab.keys[0]: np.zeros((45, 250), dtype=np.float32)})
    assert [(row["kind"], *lab.place(row)) for row in found] == [("zero_run", lab.keys[0], 0, 250, "all")]
