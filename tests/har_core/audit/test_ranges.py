"""What findings say of rows: damaged, occurring twice, broken after a segment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from har_core.audit.defects import find_defects
from har_core.audit.ranges import damaged_rows, discontinuous_joins, duplicate_groups
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.recordings import LabelRun, Outline, RecordingKey

if TYPE_CHECKING:
    from tests.har_core.audit.conftest import Lab
    from tests.har_core.conftest import FindingsOf

ONE, OTHER, THIRD = RecordingKey(1, 5), RecordingKey(2, 5), RecordingKey(3, 6)


def parts(*segments: int) -> Outline:
    return Outline.of_parts(segments, 125, 5)


SEGMENTS = parts(1, 2, 4, 5)
"""With a gap: segment 4 is the third."""


def test_rows_of_runs_of_all_channels_or_a_unit_are_damaged(findings_of: FindingsOf) -> None:
    findings = findings_of(
        ("zero_run", *ONE, 1, 100, 25),
        ("constant_run", *ONE, 4, 0, 130, "T RA"),
        ("constant_run", *ONE, 2, 50, 20, "T_xacc RA_xacc"),
        ("duplicate_rows", *ONE, 2, 0, 20, "all", (*OTHER, 1, 0)),
        ("zero_run", *OTHER, 1, 0, 50),
    )
    damaged = damaged_rows(findings, ONE, SEGMENTS)
    assert damaged.shape == (500,)
    assert np.flatnonzero(damaged).tolist() == [*range(100, 125), *range(250, 380)]


def test_a_segment_that_is_not_there_has_no_rows(findings_of: FindingsOf) -> None:
    findings = findings_of(("zero_run", *ONE, 3, 0, 20), ("discontinuous_join", *ONE, 3, 124, 2))
    assert not damaged_rows(findings, ONE, SEGMENTS).any()
    assert discontinuous_joins(findings, ONE, SEGMENTS).tolist() == [False, True, False]


def test_joins_that_must_not_be_crossed(findings_of: FindingsOf) -> None:
    findings = findings_of(
        ("discontinuous_join", *ONE, 1, 124, 2),
        ("wrong_order", *ONE, 5, 124, 2, "all", (*ONE, 1, 0)),  # the last segment has no join after it
        ("wrong_order", *OTHER, 4, 124, 2, "all", (*OTHER, 1, 0)),
    )
    assert discontinuous_joins(findings, ONE, SEGMENTS).tolist() == [True, True, False]
    assert discontinuous_joins(findings, OTHER, parts(4, 5, 6)).tolist() == [True, False]
    assert discontinuous_joins(findings, THIRD, parts(1)).tolist() == []


def test_rows_that_copies_connect_are_one_group(findings_of: FindingsOf) -> None:
    findings = findings_of(
        ("duplicate_rows", *ONE, 1, 3, 4, "all", (*OTHER, 2, 0)),
        ("duplicate_rows", *OTHER, 2, 1, 2, "LL", (*THIRD, 1, 10)),
        ("duplicate_rows", *OTHER, 1, 0, 1, "all", (4, 5, 1, 0)),  # a recording that is not asked for
    )
    groups = duplicate_groups(findings, {ONE: parts(1), OTHER: parts(1, 2), THIRD: parts(1)})
    assert {key: len(rows) for key, rows in groups.items()} == {ONE: 125, OTHER: 250, THIRD: 125}
    assert groups[ONE][:9].tolist() == [-1, -1, -1, 0, 1, 2, 3, -1, -1]
    assert groups[OTHER][124:130].tolist() == [-1, 0, 1, 2, 3, -1]
    assert groups[THIRD][9:13].tolist() == [-1, 1, 2, -1]


def test_recordings_without_copies_take_no_memory(findings_of: FindingsOf) -> None:
    findings = findings_of(("duplicate_rows", *ONE, 1, 3, 4, "all", (*OTHER, 2, 0)))
    groups = duplicate_groups(findings, {ONE: parts(1), OTHER: parts(1, 2), THIRD: parts(1, 2)})
    assert groups[THIRD].strides == (0,)
    assert groups[THIRD].tolist() == [-1] * 250
    assert groups[OTHER].strides == (4,)


def test_copies_within_a_recording_across_a_gap(findings_of: FindingsOf) -> None:
    findings = findings_of(("duplicate_rows", *ONE, 2, 120, 10, "all", (*ONE, 5, 0)))
    groups = duplicate_groups(findings, {ONE: SEGMENTS})[ONE]
    np.testing.assert_array_equal(groups[245:255], np.arange(10))
    np.testing.assert_array_equal(groups[375:385], np.arange(10))
    assert (groups >= 0).sum() == 20


def test_segments_of_any_length(findings_of: FindingsOf) -> None:
    outline = Outline(segments=(1, 2, 3), lengths=(10, 300, 7), labels=(LabelRun(5, 317),))
    findings = findings_of(
        ("zero_run", *ONE, 2, 295, 8, "RA"),
        ("duplicate_rows", *ONE, 1, 8, 4, "all", (*ONE, 3, 2)),
    )
    assert np.flatnonzero(damaged_rows(findings, ONE, outline)).tolist() == list(range(305, 313))
    assert not damaged_rows(findings, ONE, outline, place="T").any()
    assert damaged_rows(findings, ONE, outline, place="RA").sum() == 8
    assert discontinuous_joins(findings, ONE, outline).tolist() == [True, True]
    groups = duplicate_groups(findings, {ONE: outline})[ONE]
    assert groups[8:12].tolist() == groups[312:316].tolist() == [0, 1, 2, 3]


@settings(max_examples=40)
@given(data=st.data())
def test_equal_rows_have_one_group_and_others_none(lab: Lab, data: st.DataObject) -> None:
    samples = lab.sound()
    for _ in range(data.draw(st.integers(1, 4))):
        one, other = data.draw(st.sampled_from(lab.keys)), data.draw(st.sampled_from(lab.keys))
        length = data.draw(st.integers(2, 300))
        first = data.draw(st.integers(0, lab.num_rows - length))
        to = data.draw(st.integers(0, lab.num_rows - length))
        lab.rows(samples[other])[to : to + length] = lab.rows(samples[one])[first : first + length].copy()
    findings = find_defects([lab.recording(key, values) for key, values in samples.items()], DSADS)
    groups = duplicate_groups(findings, dict.fromkeys(lab.keys, parts(*range(1, 9))))
    rows = np.concatenate([lab.rows(samples[key]) for key in lab.keys])
    group = np.concatenate([groups[key] for key in lab.keys])
    still = np.concatenate([damaged_rows(findings, key, parts(*range(1, 9))) for key in lab.keys])
    _, value, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    repeated = counts[value.ravel()] > 1
    # A single row between two others that were overwritten is shorter than any duplicate that counts.
    alone = repeated & (group < 0) & ~still
    assert not (alone[1:] & alone[:-1]).any()
    assert not (group[~repeated] >= 0).any()
    for number in range(group.max() + 1):
        assert len(set(value.ravel()[group == number])) == 1
