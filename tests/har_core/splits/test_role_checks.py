"""What must hold of any assignment of roles, whatever the protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_core.base.checks import Check, require
from har_core.base.errors import InputError
from har_core.splits.role_checks import check_named_subjects, check_roles
from har_core.splits.roles import ROLES, TEST, TRAINING, UNUSED, VALIDATION, Grid

GRID = Grid(10, 125)


def named(rows: Sequence[tuple[int, ...]]) -> pa.Table:
    """Windows as (subject, activity, segment, start, damaged, duplicate group); whole and in no group where shorter.

    Sessions have the numbers of the activities, as in DSADS.
    """
    filled = [(*row, *(0, -1)[len(row) - 4 :]) for row in rows]
    columns = np.array(filled, dtype=np.int32).reshape(-1, 6).T
    table = dict(zip(("subject", "activity", "segment", "start", "damaged", "duplicate_group"), columns, strict=True))
    return pa.table(table | {"session": table["activity"], "damaged": table["damaged"].astype(bool)})


def checks_of(rows: Sequence[tuple[int, ...]], roles: list[int], length: int = 10, **more: Any) -> dict[str, Check]:
    checks = check_roles(named(rows), np.array(roles, dtype=np.int8), Grid(length, 125), **more)
    return {check.name: check for check in checks}


def failed(rows: Sequence[tuple[int, ...]], roles: list[int], length: int = 10, **more: Any) -> set[str]:
    return {name for name, check in checks_of(rows, roles, length, **more).items() if not check.passed}


def test_a_named_subject_that_does_not_exist() -> None:
    check = check_named_subjects({"splits.test_subjects": [1, 12], "loso-p1": [11, 6, 7]}, [1, 6, 7])
    assert not check.passed
    assert check.detail == "no subject 11 (loso-p1), no subject 12 (splits.test_subjects); the data has 1, 6, 7"
    assert check.numbers == {"num_subjects_named": 5, "num_subjects_missing": 2}
    assert check_named_subjects({"loso-p1": [1, 11]}, [1, 6, 7, 11, 12]).passed


GOOD = [(subject, activity, 1, start) for subject in (1, 2, 3) for activity in (1, 2) for start in (0, 10)]
ROLE_OF_GOOD = [subject - 1 for subject, *_ in GOOD]


def test_a_good_assignment_passes_in_any_order() -> None:
    order = np.random.default_rng(0).permutation(len(GOOD))
    assert failed([GOOD[i] for i in order], [ROLE_OF_GOOD[i] for i in order]) == set()


def test_each_check_has_its_numbers_whether_it_passed_or_not() -> None:
    good, bad = (
        {name: number for check in checks_of(rows, roles).values() for name, number in check.numbers.items()}
        for rows, roles in (
            ([(*row, 0, 4 if row[2:] == (1, 0) and row[0] == 1 else -1) for row in GOOD], ROLE_OF_GOOD),
            ([*((*row, row[0] == 1, 4) for row in GOOD), (*GOOD[0], 0, 4)], [*ROLE_OF_GOOD, TEST]),
        )
    )
    assert good == {
        "num_training_windows": 4,
        "num_validation_windows": 4,
        "num_test_windows": 4,
        "num_subjects_in_several_roles": 0,
        "num_pairs_with_common_samples": 0,
        "num_duplicate_groups": 1,
        "num_groups_in_several_roles": 0,
        "num_damaged_training_windows": 0,
        "num_damaged_validation_windows": 0,
        "num_damaged_test_windows": 0,
        "num_activities": 2,
        "num_training_activities": 2,
        "num_validation_activities": 2,
        "num_test_activities": 2,
    }
    assert bad == {
        **good,
        "num_test_windows": 5,
        "num_subjects_in_several_roles": 1,
        "num_pairs_with_common_samples": 1,
        "num_groups_in_several_roles": 1,
        "num_damaged_training_windows": 4,
    }


@pytest.mark.parametrize("role", range(3))
def test_an_empty_role(role: int) -> None:
    rows = [row for row in GOOD if row[0] != role + 1]
    lacks = {"every_role_has_every_activity"} if role == TRAINING else set()
    assert failed(rows, [row[0] - 1 for row in rows]) == {"no_role_is_empty", *lacks}


def test_an_empty_role_names_the_setting_that_emptied_it() -> None:
    given = {"training": "splits.training_subjects = [9]", "test": "splits.test_subjects = [3]"}
    rows = [row for row in GOOD if row[0] != 1]
    check = checks_of(rows, [row[0] - 1 for row in rows], given=given)["no_role_is_empty"]
    assert check.detail == (
        "0 training windows, 4 validation windows, 4 test windows; splits.training_subjects = [9]; "
        "the data has subjects 2, 3"
    )
    whole = checks_of(GOOD, ROLE_OF_GOOD, given=given)["no_role_is_empty"]
    assert whole.detail == "4 training windows, 4 validation windows, 4 test windows"


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


@pytest.mark.parametrize(("start", "overlaps"), [(25, False), (26, True)])
def test_joined_windows_may_overlap_with_the_next_segment(start: int, overlaps: bool) -> None:
    found = failed([(1, 1, 1, start), (1, 1, 2, 0)], [0, 1], length=100)
    assert ("roles_share_no_window" in found) == overlaps


def test_a_duplicate_group_in_two_roles() -> None:
    rows = [(*row, 0, 4 if row[2:] == (1, 0) else -1) for row in GOOD]
    assert failed(rows, ROLE_OF_GOOD) == {"roles_share_no_duplicate"}
    unused = [UNUSED if row[0] > 1 and row[3] == 0 else role for row, role in zip(rows, ROLE_OF_GOOD, strict=True)]
    assert failed(rows, unused) == set()


@pytest.mark.parametrize("role", range(3))
def test_damage_is_refused_in_training_alone(role: int) -> None:
    rows = [(*row, row[0] - 1 == role) for row in GOOD]
    assert failed(rows, ROLE_OF_GOOD) == ({"training_has_no_damage"} if role == TRAINING else set())


def test_leaky_may_mix_subjects_and_nothing_else() -> None:
    mixed = [row[3] % 3 for row in GOOD]
    checks = checks_of([*GOOD, GOOD[0]], [*mixed, 2], subjects_apart=False)
    assert "roles_share_no_subject" not in checks
    assert not checks["roles_share_no_window"].passed


def test_validation_may_be_absent_where_nothing_is_chosen() -> None:
    rows, roles = zip(*((row, role) for row, role in zip(GOOD, ROLE_OF_GOOD, strict=True) if role != 1), strict=True)
    assert failed(list(rows), list(roles), validation_required=False) == set()
    assert "no_role_is_empty" in failed(list(rows), list(roles))


@pytest.mark.parametrize("role", [TRAINING, VALIDATION])
def test_an_activity_that_a_role_lost(role: int) -> None:
    """Training cannot do without it; validation can, and says so."""
    lost = [UNUSED if (r, row[1]) == (role, 2) else r for row, r in zip(GOOD, ROLE_OF_GOOD, strict=True)]
    check = checks_of(GOOD, lost, assigned=np.array(ROLE_OF_GOOD, dtype=np.int8))["every_role_has_every_activity"]
    assert check.passed == (role == VALIDATION)
    assert check.detail.endswith("lost every window of 2 because of copies, overlaps or damage")


@pytest.mark.parametrize("role", [VALIDATION, TEST])
def test_an_activity_that_the_subjects_of_a_role_never_did_is_told(role: int) -> None:
    rows = [row for row in GOOD if row[:2] != (role + 1, 2)]
    check = checks_of(rows, [row[0] - 1 for row in rows])["every_role_has_every_activity"]
    assert check.passed
    assert check.detail == f"no {ROLES[role]} subject has 2"


def test_an_activity_that_training_lacks() -> None:
    rows = [row for row in GOOD if row[:2] != (1, 2)]
    assert failed(rows, [row[0] - 1 for row in rows]) == {"every_role_has_every_activity"}


def test_an_activity_that_the_subjects_of_a_role_have_in_others_alone() -> None:
    """As a protocol may deal them that mixes subjects."""
    roles = [1 if (row[1], role) == (2, 2) else role for row, role in zip(GOOD, ROLE_OF_GOOD, strict=True)]
    check = checks_of(GOOD, roles, subjects_apart=False)["every_role_has_every_activity"]
    assert not check.passed
    assert check.detail == "test lacks 2"


def test_an_activity_that_stands_in_test_alone_is_asked_of_nobody_else() -> None:
    kept = [UNUSED if row[1] == 2 and role != TEST else role for row, role in zip(GOOD, ROLE_OF_GOOD, strict=True)]
    assigned = np.array(ROLE_OF_GOOD, dtype=np.int8)
    assert failed(GOOD, kept, assigned=assigned, only_in_test=2) == set()
    assert failed(GOOD, kept, assigned=assigned) == {"every_role_has_every_activity"}


def test_one_subject_is_told_what_can_still_be_done() -> None:
    rows = [(4, activity, 1, start) for activity in (1, 2) for start in (0, 10)]
    check = checks_of(rows, [TEST] * len(rows))["no_role_is_empty"]
    assert not check.passed
    assert "the data has one subject, 4, who cannot both train and test: only the protocol leaky" in check.detail


def test_all_failed_checks_are_told_at_once() -> None:
    checks = check_roles(named([*GOOD, GOOD[0]]), np.array([*ROLE_OF_GOOD, 1], dtype=np.int8), GRID)
    with pytest.raises(InputError) as caught:
        require(checks, summary="not so")
    assert len(caught.value.problems) == 2
    assert caught.value.exit_code == 2
    place = "subject 1, session 1, segment 1, start 0"
    assert f"{place} (training) and {place} (validation)" in str(caught.value)
    require((check for check in checks if check.passed), summary="not so")
