"""What must hold of any assignment of roles, whatever the protocol."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_core.checks import require
from har_core.errors import InputError
from har_core.role_checks import check_named_subjects, check_roles
from har_core.roles import ROLES, UNUSED, assign_subjects, roles_of_windows
from har_core.settings.splits import SplitSettings

subjects_in_the_data = st.sets(st.integers(1, 30), min_size=3)


def keys_of(rows: list[tuple[int, int, int, int]]) -> pa.Table:
    columns = np.array(rows, dtype=np.int16).reshape(-1, 4).T
    return pa.table(dict(zip(("subject", "activity", "segment", "start"), columns, strict=True)))


def failed(rows: list[tuple[int, int, int, int]], roles: list[int], length: int = 10) -> set[str]:
    checks = check_roles(keys_of(rows), np.array(roles, dtype=np.int8), length=length)
    return {check.name for check in checks if not check.passed}


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

    keys = keys_of([(subject, activity, 1, 0) for subject in sorted(subjects) for activity in (1, 2)])
    roles = roles_of_windows(keys, assigned)
    assert UNUSED not in roles
    assert all(check.passed for check in check_roles(keys, roles, length=125))


def test_named_training_subjects_leave_the_others_out() -> None:
    settings = SplitSettings(training_subjects=(2, 1), validation_subjects=(3,), test_subjects=(4,))
    assigned = assign_subjects(settings, range(1, 9))
    assert assigned == {"training": (1, 2), "validation": (3,), "test": (4,)}
    roles = roles_of_windows(keys_of([(4, 1, 1, 0), (5, 1, 1, 0), (1, 1, 1, 0), (3, 1, 1, 0)]), assigned)
    assert roles.tolist() == [2, UNUSED, 0, 1]


def test_a_named_subject_that_does_not_exist() -> None:
    settings = SplitSettings(training_subjects=(1, 11), validation_subjects=(6,), test_subjects=(7, 12))
    check = check_named_subjects(settings, [1, 6, 7])
    assert not check.passed
    assert check.detail == "no subject 11, 12; the data has 1, 6, 7"
    assert check_named_subjects(settings, [1, 6, 7, 11, 12]).passed


GOOD = [(subject, activity, 1, start) for subject in (1, 2, 3) for activity in (1, 2) for start in (0, 10)]
ROLE_OF_GOOD = [subject - 1 for subject, *_ in GOOD]


def test_a_good_assignment_passes_in_any_order() -> None:
    order = np.random.default_rng(0).permutation(len(GOOD))
    assert failed([GOOD[i] for i in order], [ROLE_OF_GOOD[i] for i in order]) == set()


@pytest.mark.parametrize("role", range(3))
def test_an_empty_role(role: int) -> None:
    rows = [row for row in GOOD if row[0] != role + 1]
    assert failed(rows, [row[0] - 1 for row in rows]) == {"no_role_is_empty", "every_role_has_every_activity"}


def test_a_subject_in_two_roles() -> None:
    assert failed([*GOOD, (1, 1, 2, 0)], [*ROLE_OF_GOOD, 2]) == {"roles_share_no_subject"}


def test_the_same_window_in_two_roles() -> None:
    assert failed([*GOOD, GOOD[0]], [*ROLE_OF_GOOD, 1]) == {"roles_share_no_subject", "roles_share_no_window"}


@given(
    starts=st.lists(
        st.tuples(st.integers(0, 115), st.integers(-1, 2)), min_size=2, max_size=8, unique_by=lambda x: x[0]
    ),
    length=st.integers(1, 30),
)
def test_windows_that_overlap_in_two_roles_are_found(starts: list[tuple[int, int]], length: int) -> None:
    rows = [(1, 1, 1, start) for start, _ in starts]
    expected = any(
        abs(a - b) < length and UNUSED not in (role_a, role_b) and role_a != role_b
        for a, role_a in starts
        for b, role_b in starts
    )
    assert ("roles_share_no_window" in failed(rows, [role for _, role in starts], length)) == expected


@pytest.mark.parametrize(("start", "overlaps"), [(9, True), (10, False)])
def test_windows_that_touch_share_no_sample(start: int, overlaps: bool) -> None:
    found = failed([(1, 1, 1, 0), (1, 1, 1, start)], [0, 1], length=10)
    assert ("roles_share_no_window" in found) == overlaps


def test_windows_of_other_segments_do_not_overlap() -> None:
    rows = [(1, 1, 1, 0), (1, 1, 2, 0), (1, 2, 1, 0), (2, 1, 1, 0)]
    assert "roles_share_no_window" not in failed(rows, [0, 1, 2, 1], length=125)


def test_an_activity_that_a_role_lacks() -> None:
    assert failed(GOOD[:-2], ROLE_OF_GOOD[:-2]) == {"every_role_has_every_activity"}


def test_all_failed_checks_are_told_at_once() -> None:
    checks = check_roles(keys_of([*GOOD, GOOD[0]]), np.array([*ROLE_OF_GOOD, 1], dtype=np.int8), length=10)
    with pytest.raises(InputError) as caught:
        require(checks)
    assert len(caught.value.problems) == 2
    assert caught.value.exit_code == 2
    assert "subject 1, activity 1, segment 1, start 0 (training) and 0 (validation)" in str(caught.value)
    require(check for check in checks if check.passed)
