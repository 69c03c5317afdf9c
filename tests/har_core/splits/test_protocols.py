"""Folds of the protocols: who tests when, what the folds are called, and what each window's role is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_core.base.errors import InputError, UnknownNameError
from har_core.settings.report import LeakyShares
from har_core.splits.protocols import NUM_LEAKY_FOLDS, PROTOCOLS, fold_named, folds
from har_core.splits.roles import ROLES, TEST, TRAINING, UNUSED, VALIDATION, Grid, assign_roles

subjects_in_the_data = st.sets(st.integers(1, 99), min_size=5, max_size=20)
num_validating = st.integers(0, 2)
GRID = Grid(125, 125)


def keys_of(rows: list[tuple[int, int, int, int]]) -> pa.Table:
    """Windows as (subject, activity, segment, start); sessions have the numbers of the activities, as in DSADS."""
    columns = np.array(rows, dtype=np.int16).reshape(-1, 4).T
    table = dict(zip(("subject", "activity", "segment", "start"), columns, strict=True))
    return pa.table(table | {"session": table["activity"]})


@given(subjects=subjects_in_the_data, num=num_validating)
def test_every_subject_tests_exactly_once_in_loso(subjects: set[int], num: int) -> None:
    made = folds("loso", subjects, num_validation_subjects=num)
    assert [fold.test for fold in made] == [(subject,) for subject in sorted(subjects)]
    assert [fold.name for fold in made] == [f"loso-p{subject}" for subject in sorted(subjects)]


@given(subjects=subjects_in_the_data, num=num_validating)
def test_pairs_partition_the_subjects(subjects: set[int], num: int) -> None:
    made = folds("pairs", subjects, num_validation_subjects=num)
    assert [subject for fold in made for subject in fold.test] == sorted(subjects)
    assert {len(fold.test) for fold in made[:-1]} == {2}
    assert len(made[-1].test) == (2 if len(subjects) % 2 == 0 else 1)
    assert all(fold.name == "-".join(["pairs", *(f"p{subject}" for subject in fold.test)]) for fold in made)


@given(subjects=subjects_in_the_data, num_groups=st.integers(2, 5))
def test_groups_partition_the_subjects_evenly(subjects: set[int], num_groups: int) -> None:
    made = folds("group", subjects, num_groups=num_groups)
    assert [fold.name for fold in made] == [f"group-{number}" for number in range(1, num_groups + 1)]
    assert sorted(subject for fold in made for subject in fold.test) == sorted(subjects)
    sizes = [len(fold.test) for fold in made]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(
    ("protocol", "subjects", "expected"),
    [
        ("group", range(1, 5), "at least 5: one for each group"),
        ("group", [3], "at least 5: one for each group; only the protocol leaky can score models on the windows of"),
        ("loso", [3], "at least 3: 1 to test, 1 to validate, 1 to train; only the protocol leaky"),
    ],
)
def test_what_is_told_of_too_few_subjects(protocol: str, subjects: Iterable[int], expected: str) -> None:
    with pytest.raises(InputError) as caught:
        folds(protocol, subjects)
    (problem,) = caught.value.problems
    assert problem.expected.startswith(expected)


@given(subjects=subjects_in_the_data, num=num_validating, protocol=st.sampled_from(["loso", "pairs", "group"]))
def test_roles_of_a_fold_are_disjoint_and_complete(subjects: set[int], num: int, protocol: str) -> None:
    for fold in folds(protocol, subjects, num_validation_subjects=num):
        together = [*fold.training, *fold.validation, *fold.test]
        assert sorted(together) == sorted(subjects)
        assert len(fold.validation) == num
        assert fold.training
        assert fold.has_validation == (num > 0)
        assert fold.subjects_apart


@given(subjects=subjects_in_the_data, protocol=st.sampled_from(["loso", "pairs", "group"]))
def test_every_subject_validates_as_often_as_the_others(subjects: set[int], protocol: str) -> None:
    validating = [subject for fold in folds(protocol, subjects) for subject in fold.validation]
    assert len(set(validating)) == len(validating)


@pytest.mark.parametrize(
    ("name", "num", "validation"),
    [
        ("loso-p1", 1, (2,)),
        ("loso-p8", 1, (1,)),
        ("loso-p7", 2, (1, 8)),
        ("pairs-p3-p4", 1, (5,)),
        ("pairs-p7-p8", 2, (1, 2)),
        ("loso-p3", 0, ()),
        ("group-1", 1, (2,)),
        ("group-5", 2, (1, 6)),
    ],
)
def test_the_next_subjects_validate(name: str, num: int, validation: tuple[int, ...]) -> None:
    assert fold_named(name, range(1, 9), num_validation_subjects=num).validation == validation


def test_a_ninth_subject_gets_its_folds_and_leaves_the_tests_of_the_others_alone() -> None:
    for protocol in ("loso", "pairs"):
        before = {fold.name: fold.test for fold in folds(protocol, range(1, 9))}
        after = {fold.name: fold.test for fold in folds(protocol, range(1, 10))}
        assert before.items() <= after.items()
        assert after.keys() - before.keys() == {f"{protocol}-p9"}
        assert after[f"{protocol}-p9"] == (9,)
    assert all(9 in fold.training + fold.validation + fold.test for fold in folds("loso", range(1, 10)))


@given(subjects=subjects_in_the_data, num=num_validating, protocol=st.sampled_from(PROTOCOLS))
def test_names_round_trip(subjects: set[int], num: int, protocol: str) -> None:
    made = folds(protocol, subjects, num_validation_subjects=num)
    assert [fold.index for fold in made] == list(range(len(made)))
    assert len({fold.name for fold in made}) == len(made)
    for fold in made:
        assert fold_named(fold.name, subjects, num_validation_subjects=num) == fold


@given(subjects=subjects_in_the_data, data=st.data())
def test_everybody_who_does_not_test_validates_once_in_inner_folds(subjects: set[int], data: st.DataObject) -> None:
    """And whoever tests never trains, validates, or names the same fold as another split would."""
    test = data.draw(st.sets(st.sampled_from(sorted(subjects)), max_size=len(subjects) - 2))
    found = folds("inner", subjects, test_subjects=test)
    assert [fold.validation for fold in found] == [(subject,) for subject in sorted(subjects - test)]
    assert {fold.test for fold in found} == {tuple(sorted(test))}
    for fold in found:
        assert set(fold.training) == subjects - test - set(fold.validation)
        assert fold_named(fold.name, subjects, test_subjects=test) == fold
    newcomer = max(subjects) + 1
    others = folds("inner", {*subjects, newcomer}, test_subjects={*test, newcomer})
    assert not {fold.name for fold in found} & {fold.name for fold in others}


def test_no_protocol_has_a_hundred_folds_for_dsads() -> None:
    """Dagster ignores edges with a hundred partitions and more."""
    assert [len(folds(protocol, range(1, 9))) for protocol in PROTOCOLS] == [8, 4, 5, 8, NUM_LEAKY_FOLDS]


@pytest.mark.parametrize(
    ("name", "offered"),
    [("loso-p9", "loso-p"), ("pairs-p2-p3", "pairs-p3-p4"), ("leaky-6", "leaky-"), ("losso-p1", "loso"), ("", "leaky")],
)
def test_unknown_folds_are_refused_with_the_nearest_names(name: str, offered: str) -> None:
    with pytest.raises(UnknownNameError, match=offered):
        fold_named(name, range(1, 9))


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'pairs'"):
        folds("pair", range(1, 9))


@pytest.mark.parametrize(
    ("protocol", "num", "at_least"), [("loso", 1, 3), ("loso", 0, 2), ("pairs", 1, 4), ("pairs", 2, 5)]
)
def test_too_few_subjects_are_refused(protocol: str, num: int, at_least: int) -> None:
    with pytest.raises(InputError, match=f"'{at_least - 1}', expected at least {at_least}"):
        folds(protocol, range(1, at_least), num_validation_subjects=num)
    assert all(fold.training for fold in folds(protocol, range(1, at_least + 1), num_validation_subjects=num))


def test_windows_have_the_role_of_their_subject() -> None:
    keys = keys_of([(subject, 1, 1, 0) for subject in (3, 1, 2, 4, 9)])
    roles = assign_roles(fold_named("loso-p1", [1, 2, 3, 4]), keys, GRID)
    assert roles.tolist() == [TRAINING, TEST, VALIDATION, TRAINING, UNUSED]


windows_of_segments = st.sets(
    st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 9)), min_size=1, max_size=60
).map(lambda segments: [(*segment, start) for segment in sorted(segments) for start in (0, 50)])


@given(rows=windows_of_segments)
def test_leaky_tests_every_window_exactly_once(rows: list[tuple[int, int, int, int]]) -> None:
    roles = np.stack([assign_roles(fold, keys_of(rows), GRID) for fold in folds("leaky", [])])
    for role, times in ((TEST, 1), (VALIDATION, 1), (TRAINING, NUM_LEAKY_FOLDS - 2)):
        assert ((roles == role).sum(axis=0) == times).all()


@given(rows=windows_of_segments)
def test_shares_of_leaky_differ_in_what_validates(rows: list[tuple[int, int, int, int]]) -> None:
    usual, other = (
        np.stack([assign_roles(fold, keys_of(rows), GRID) for fold in folds("leaky", [], leaky_shares=shares)])
        for shares in get_args(LeakyShares)
    )
    assert ((usual == TEST) == (other == TEST)).all()
    assert (other[usual == VALIDATION] == VALIDATION).all()
    moved = (usual == TRAINING) & (other == VALIDATION)
    assert ((usual == other) | moved).all()
    assert (moved.sum(axis=0) <= 1).all()


def test_shares_of_leaky_are_what_they_say() -> None:
    keys = keys_of([(subject, 1, segment, 0) for subject in (1, 2) for segment in range(1, 61)])
    for shares in get_args(LeakyShares):
        for number in range(1, NUM_LEAKY_FOLDS + 1):
            roles = assign_roles(fold_named(f"leaky-{number}", [], leaky_shares=shares), keys, GRID)
            found = [100 * int((roles == role).sum()) // len(roles) for role in (TRAINING, VALIDATION, TEST)]
            assert "/".join(map(str, found)) == shares


@given(rows=windows_of_segments, seed=st.integers(0, 99))
def test_leaky_draws_whole_segments_whatever_the_order_of_windows(
    rows: list[tuple[int, int, int, int]], seed: int
) -> None:
    fold = folds("leaky", [])[2]
    roles = assign_roles(fold, keys_of(rows), GRID)
    assert (roles[::2] == roles[1::2]).all()
    order = np.random.default_rng(seed).permutation(len(rows))
    np.testing.assert_array_equal(assign_roles(fold, keys_of([rows[i] for i in order]), GRID), roles[order])


@given(rows=windows_of_segments)
def test_leaky_spreads_each_activity_evenly(rows: list[tuple[int, int, int, int]]) -> None:
    activities = np.array([row[1] for row in rows])
    tests = np.stack([assign_roles(fold, keys_of(rows), GRID) == TEST for fold in folds("leaky", [])])[:, ::2]
    for activity in np.unique(activities):
        sizes = tests[:, activities[::2] == activity].sum(axis=1)
        assert sizes.max() - sizes.min() <= 1
    assert tests.sum(axis=1).max() - tests.sum(axis=1).min() <= 1


def test_leaky_mixes_the_subjects() -> None:
    keys = keys_of([(subject, 1, segment, 0) for subject in (1, 2) for segment in range(1, 61)])
    fold = folds("leaky", [1, 2])[0]
    assert not fold.subjects_apart
    assert fold.has_validation
    roles = assign_roles(fold, keys, GRID)
    for role in range(len(ROLES)):
        assert set(keys["subject"].to_numpy()[roles == role]) == {1, 2}


@given(starts=st.lists(st.integers(0, 2000), unique=True, min_size=1, max_size=40))
def test_leaky_draws_blocks_of_a_window_where_segments_have_any_length(starts: list[int]) -> None:
    """Windows of one block stand in one role, whatever else is in the data."""
    rows = [(1, 1, segment, start) for segment in (1, 2) for start in sorted(starts)]
    for fold in folds("leaky", []):
        roles = assign_roles(fold, keys_of(rows), Grid(50, None))
        of_block: dict[tuple[int, int], set[int]] = {}
        for (_, _, segment, start), role in zip(rows, roles.tolist(), strict=True):
            of_block.setdefault((segment, start // 50), set()).add(role)
        assert {len(found) for found in of_block.values()} == {1}


def test_leaky_deals_blocks_of_any_data_set_evenly() -> None:
    keys = keys_of([(1, activity, 1, 50 * block) for activity in (1, 2) for block in range(20)])
    for fold in folds("leaky", []):
        roles = assign_roles(fold, keys, Grid(50, None))
        assert [int((roles == role).sum()) for role in (TRAINING, VALIDATION, TEST)] == [24, 8, 8]
