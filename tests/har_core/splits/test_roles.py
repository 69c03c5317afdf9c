"""Which windows have which role, and which leave it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_core.settings.splits import SplitSettings
from har_core.splits.names import DROPS
from har_core.splits.role_checks import check_roles
from har_core.splits.roles import (
    ROLES,
    TEST,
    TRAINING,
    UNUSED,
    VALIDATION,
    Grid,
    assign_subjects,
    positions_of,
    roles_of_windows,
    separate,
)

subjects_in_the_data = st.sets(st.integers(1, 30), min_size=3)


GRID = Grid(125, 125)


def named(rows: list[tuple[int, ...]]) -> pa.Table:
    """Windows as (subject, activity, segment, start, damaged, duplicate group); whole and in no group where shorter.

    Sessions have the numbers of the activities, as in DSADS.
    """
    filled = [(*row, *(0, -1)[len(row) - 4 :]) for row in rows]
    columns = np.array(filled, dtype=np.int32).reshape(-1, 6).T
    table = dict(zip(("subject", "activity", "segment", "start", "damaged", "duplicate_group"), columns, strict=True))
    return pa.table(table | {"session": table["activity"], "damaged": table["damaged"].astype(bool)})


@given(subjects=subjects_in_the_data, data=st.data())
def test_roles_of_subjects_are_disjoint_and_complete(subjects: set[int], data: st.DataObject) -> None:
    order = data.draw(st.permutations(sorted(subjects)))
    test, validation = order[:1], order[1 : data.draw(st.integers(2, len(order) - 1))]
    assigned = assign_subjects(
        SplitSettings(test_subjects=tuple(test), validation_subjects=tuple(validation)), subjects
    )
    together = [subject for role in ROLES for subject in assigned[role]]
    assert sorted(together) == sorted(subjects)
    assert set(assigned["test"]) == set(test)
    assert set(assigned["validation"]) == set(validation)

    keys = named([(subject, activity, 1, 0) for subject in sorted(subjects) for activity in (1, 2)])
    roles = roles_of_windows(keys, assigned)
    assert UNUSED not in roles
    assert all(check.passed for check in check_roles(keys, roles, GRID))


def test_named_training_subjects_leave_the_others_out() -> None:
    settings = SplitSettings(training_subjects=(2, 1), validation_subjects=(3,), test_subjects=(4,))
    assigned = assign_subjects(settings, range(1, 9))
    assert assigned == {"training": (1, 2), "validation": (3,), "test": (4,)}
    roles = roles_of_windows(named([(4, 1, 1, 0), (5, 1, 1, 0), (1, 1, 1, 0), (3, 1, 1, 0)]), assigned)
    assert roles.tolist() == [2, UNUSED, 0, 1]


def test_a_subject_in_two_roles_is_a_mistake_of_ours() -> None:
    subjects = {"training": (1, 2), "validation": (3,), "test": (2, 4)}
    with pytest.raises(ValueError, match="two roles"):
        roles_of_windows(named([(1, 1, 1, 0)]), subjects)


LENGTH = 60
a_window = st.tuples(
    st.integers(1, 3),  # subject
    st.integers(1, 2),  # activity
    st.integers(1, 3),  # segment
    st.integers(0, 124),  # start: with joined segments a window may go on into the next
    st.booleans(),
    st.integers(-1, 4),
)
windows_with_roles = st.lists(
    st.tuples(a_window, st.integers(UNUSED, TEST)), max_size=14, unique_by=lambda window: window[0][:4]
)


def share_samples(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    rows = [{(*window[:2], window[2] * 125 + window[3] + i) for i in range(LENGTH)} for window in (one, other)]
    return bool(rows[0] & rows[1])


def conflict(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """May two windows not stand in different roles?"""
    return one[5] == other[5] != -1 or share_samples(one, other)


@given(windows_with_roles)
def test_separated_roles_share_nothing_and_only_what_must_leave_leaves(made: list[tuple[tuple[int, ...], int]]) -> None:
    windows = [window for window, _ in made]
    assigned = np.array([role for _, role in made], dtype=np.int8)
    separated = separate(named(windows), assigned, Grid(LENGTH, 125))
    roles = separated.roles

    left = roles != assigned
    assert (roles[left] == UNUSED).all()
    assert not (assigned[left] == TEST).any()
    used = [(window, role) for window, role in zip(windows, roles, strict=True) if role != UNUSED]
    assert not any(conflict(a, b) for a, role_a in used for b, role_b in used if role_a != role_b)
    assert not any(window[4] for window, role in used if role == TRAINING)

    for window, role in zip([w for w, gone in zip(windows, left, strict=True) if gone], assigned[left], strict=True):
        stands_in_the_way = any(conflict(window, other) for other, higher in used if higher > role)
        assert stands_in_the_way or (role == TRAINING and window[4])

    assert tuple(separated.num_dropped) == DROPS
    for role in (TRAINING, VALIDATION):
        counted = sum(count for reason, count in separated.num_dropped.items() if reason.endswith(f"_{ROLES[role]}"))
        assert counted == (left & (assigned == role)).sum()
    assert assigned.tolist() == [role for _, role in made]


@given(windows_with_roles)
def test_separated_roles_pass_the_checks_that_are_about_sharing(made: list[tuple[tuple[int, ...], int]]) -> None:
    table = named([window for window, _ in made])
    assigned = np.array([role for _, role in made], dtype=np.int8)
    separated = separate(table, assigned, Grid(LENGTH, 125))
    checks = {check.name: check.passed for check in check_roles(table, separated.roles, Grid(LENGTH, 125))}
    assert checks["roles_share_no_window"]
    assert checks["roles_share_no_duplicate"]
    assert checks["training_has_no_damage"]


@pytest.mark.parametrize(
    ("roles", "expected", "reason"),
    [
        ((TRAINING, TEST), (UNUSED, TEST), "duplicate_training"),
        ((TRAINING, VALIDATION), (UNUSED, VALIDATION), "duplicate_training"),
        ((VALIDATION, TEST), (UNUSED, TEST), "duplicate_validation"),
        ((TRAINING, TRAINING), (TRAINING, TRAINING), None),
        ((TRAINING, UNUSED), (TRAINING, UNUSED), None),
    ],
)
def test_copies_leave_the_role_that_decides_less(
    roles: tuple[int, ...], expected: tuple[int, ...], reason: str | None
) -> None:
    separated = separate(named([(1, 1, 1, 0, 0, 7), (2, 1, 1, 0, 0, 7)]), np.array(roles, dtype=np.int8), GRID)
    assert tuple(separated.roles) == expected
    assert {name for name, count in separated.num_dropped.items() if count} == ({reason} if reason else set())


def test_damage_leaves_training_only_and_is_counted_once() -> None:
    table = named([(1, 1, 1, 0, 1, 3), (2, 1, 1, 0, 1, -1), (3, 1, 1, 0, 1, 3)])
    separated = separate(table, np.array([TRAINING, VALIDATION, TEST], dtype=np.int8), GRID)
    assert separated.roles.tolist() == [UNUSED, VALIDATION, TEST]
    assert separated.num_dropped == dict.fromkeys(DROPS, 0) | {"damaged_training": 1}


def test_a_training_window_beside_a_validation_window_that_left_may_stay() -> None:
    """Subject 1's windows overlap; its validation window is a copy of a test window."""
    table = named([(1, 1, 1, 0), (1, 1, 1, 30, 0, 0), (2, 1, 1, 0, 0, 0)])
    separated = separate(table, np.array([TRAINING, VALIDATION, TEST], dtype=np.int8), Grid(60, 125))
    assert separated.roles.tolist() == [TRAINING, UNUSED, TEST]


def test_joined_windows_that_reach_into_the_next_segment_leave() -> None:
    table = named([(1, 1, 1, 0), (1, 1, 1, 100), (1, 1, 2, 70), (1, 1, 3, 45)])
    separated = separate(table, np.array([TRAINING, TRAINING, TEST, TRAINING], dtype=np.int8), Grid(100, 125))
    assert separated.roles.tolist() == [TRAINING, UNUSED, TEST, TRAINING]
    assert separated.num_dropped["overlapping_training"] == 1


an_outline = st.lists(st.lists(st.integers(1, 200), min_size=1, max_size=4), min_size=1, max_size=4)
"""Of each session, the rows of its segments."""


@given(outline=an_outline, length=st.integers(1, 60), stride=st.integers(1, 40))
def test_positions_are_close_exactly_where_windows_share_rows(
    outline: list[list[int]], length: int, stride: int
) -> None:
    rows = [
        (session, segment, start)
        for session, segments in enumerate(outline, start=1)
        for segment, num_rows in enumerate(segments, start=1)
        for start in range(0, num_rows - length + 1, stride)
    ]
    if not rows:
        return
    session, segment, start = np.array(rows).T
    table = pa.table({"subject": np.ones(len(rows), int), "session": session, "segment": segment, "start": start})
    positions = positions_of(table, Grid(length, None))
    close = np.abs(positions[:, None] - positions) < length
    same = (session[:, None] == session) & (segment[:, None] == segment)
    np.testing.assert_array_equal(close, same & (np.abs(start[:, None] - start) < length))


def test_what_is_none_of_the_activities_may_stand_in_test_alone() -> None:
    table = named([(subject, activity, 1, 0, 1) for subject in (1, 2, 3) for activity in (1, 2)])
    assigned = np.array([TRAINING, TRAINING, VALIDATION, VALIDATION, TEST, TEST], dtype=np.int8)
    separated = separate(table, assigned, GRID, only_in_test=2)
    assert separated.roles.tolist() == [UNUSED, UNUSED, VALIDATION, UNUSED, TEST, TEST]
    counted = {"none_training": 1, "none_validation": 1, "damaged_training": 1}
    assert separated.num_dropped == dict.fromkeys(DROPS, 0) | counted
