"""What must hold of any assignment of windows to roles, whatever the protocol that made it. Letters: N windows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from har_core.base.checks import Check
from har_core.splits.names import ONE_SUBJECT
from har_core.splits.roles import ROLES, TEST, TRAINING, UNUSED, VALIDATION, Grid, positions_of
from har_core.windows.schema import KEY_COLUMNS, NO_GROUP

_MAX_NAMED = 5

_Roles = npt.NDArray[np.int8]
_Numbers = npt.NDArray[np.integer]


def check_named_subjects(named: Mapping[str, Iterable[int]], subjects: Iterable[int]) -> Check:
    """Does the data, which holds ``subjects``, have all that are ``named``, by the setting or fold that names them?"""
    present = sorted(set(subjects))
    wanted = {(subject, place) for place, numbers in named.items() for subject in numbers}
    missing = [f"no subject {subject} ({place})" for subject, place in sorted(wanted) if subject not in present]
    return Check(
        name="named_subjects_are_in_the_data",
        passed=not missing,
        detail=f"{', '.join(missing)}; the data has {_listed(present)}" if missing else f"{len(wanted)} found",
        expected="roles to name subjects of the data",
        numbers={"num_subjects_named": len({subject for subject, _ in wanted}), "num_subjects_missing": len(missing)},
    )


def check_roles(
    named: pa.Table,
    roles: _Roles,
    grid: Grid,
    *,
    assigned: _Roles | None = None,
    subjects_apart: bool = True,
    validation_required: bool = True,
    given: Mapping[str, str] | None = None,
    only_in_test: int | None = None,
    training_may_lack: bool = False,
) -> tuple[Check, ...]:
    """Check any assignment of roles, of whatever protocol.

    Args:
        named: N rows with the keys, labels and flags of windows, in any order.
        roles: (N,) index into :data:`~har_core.splits.roles.ROLES` of each window, or UNUSED.
        grid: of the windows.
        assigned: (N,) the roles before windows were dropped from them, where any were: what dropping took from a role
            is told apart from what the data lacks.
        subjects_apart: whether a subject may have one role only. Not so for the protocol ``leaky``, which exists to
            show what mixing subjects does; that check is then left out. Everything else holds for it too.
        validation_required: whether validation must have windows.
        given: the setting that gives a role its subjects, by role, as in ``splits.test_subjects = [9]``; told where the
            role is empty.
        only_in_test: number of an activity that stands in test alone, if there is one.
        training_may_lack: whether training may lack what no subject of it ever did. So in folds: every subject of an
            uneven set still tests once, and windows of what nobody trained on count as mistakes.

    Returns:
        Whether each role has windows; no subject has two roles; no window, nor a sample of one, has two roles; no rows
        that the recordings hold twice have two roles; no damaged window trains; and each role has every activity:
        training those of the data, the others those of their own subjects. What a role's subjects never did is told,
        and no fault. Validation may lack an activity that it lost to dropping, and the check says so: another subject
        would have to validate, which a protocol may not be able to choose. Training may not.
    """
    required = [role for role in range(len(ROLES)) if role != VALIDATION or validation_required]
    checks = [
        _check_not_empty(named["subject"].to_numpy(), roles, required, given or {}, subjects_apart=subjects_apart),
        *([_check_subjects(named["subject"].to_numpy(), roles)] if subjects_apart else []),
        _check_windows(named, roles, grid),
        _check_groups(named["duplicate_group"].to_numpy(), roles),
        _check_damage(named["damaged"].to_numpy(zero_copy_only=False), roles),
        _check_activities(
            named, roles, roles if assigned is None else assigned, required, only_in_test, may_lack=training_may_lack
        ),
    ]
    return tuple(checks)


def _check_not_empty(
    subjects: _Numbers, roles: _Roles, required: Sequence[int], given: Mapping[str, str], *, subjects_apart: bool
) -> Check:
    counts = [int((roles == role).sum()) for role in range(len(ROLES))]
    found = ", ".join(f"{count} {role} windows" for role, count in zip(ROLES, counts, strict=True))
    empty = [ROLES[role] for role in required if not counts[role]]
    reasons = [given[role] for role in empty if role in given]
    numbers = np.unique(subjects)
    present = f"the data has subjects {_listed(numbers)}"
    if len(numbers) == 1 and subjects_apart:
        present = f"the data has one subject, {numbers[0]}, who cannot both train and test: {ONE_SUBJECT}"
    return Check(
        name="no_role_is_empty",
        passed=not empty,
        detail="; ".join([found, *reasons, present]) if empty else found,
        expected=f"windows for {_in_words([ROLES[role] for role in required])}",
        numbers={f"num_{role}_windows": count for role, count in zip(ROLES, counts, strict=True)},
    )


def _check_subjects(subjects: _Numbers, roles: _Roles) -> Check:
    shared = _in_several_roles(subjects, roles)
    return Check(
        name="roles_share_no_subject",
        passed=not len(shared),
        detail=f"subjects {_listed(shared)} in more than one role" if len(shared) else "each subject has one role",
        expected="each subject in one role at most",
        numbers={"num_subjects_in_several_roles": len(shared)},
    )


def _check_windows(named: pa.Table, roles: _Roles, grid: Grid) -> Check:
    used = roles != UNUSED
    positions, role = positions_of(named, grid)[used], roles[used]
    order = np.argsort(positions, kind="stable")
    # Where two windows overlap and differ in role, so do two neighbours between them: looking at neighbours is enough.
    wrong = np.flatnonzero((np.diff(positions[order]) < grid.length) & (np.diff(role[order]) != 0))
    keys = [named[name].to_numpy()[used][order] for name in KEY_COLUMNS]
    role = role[order]

    def describe(i: int) -> str:
        key = ", ".join(f"{name} {column[i]}" for name, column in zip(KEY_COLUMNS, keys, strict=True))
        return f"{key} ({ROLES[role[i]]})"

    pairs = "; ".join(f"{describe(i)} and {describe(i + 1)}" for i in wrong[:_MAX_NAMED])
    return Check(
        name="roles_share_no_window",
        passed=not len(wrong),
        detail=f"{len(wrong)} pairs with samples in common: {pairs}" if len(wrong) else f"{len(role)} windows apart",
        expected="no window, nor a sample of one, in two roles",
        numbers={"num_pairs_with_common_samples": len(wrong)},
    )


def _check_groups(groups: _Numbers, roles: _Roles) -> Check:
    grouped = groups != NO_GROUP
    shared = _in_several_roles(groups[grouped], roles[grouped])
    num_groups = len(np.unique(groups[grouped & (roles != UNUSED)]))
    return Check(
        name="roles_share_no_duplicate",
        passed=not len(shared),
        detail=f"duplicate groups {_listed(shared[:_MAX_NAMED])} among {len(shared)} in more than one role"
        if len(shared)
        else f"{num_groups} duplicate groups, each in one role",
        expected="no rows that the recordings hold twice in two roles",
        numbers={"num_duplicate_groups": num_groups, "num_groups_in_several_roles": len(shared)},
    )


def _check_damage(damaged: npt.NDArray[np.bool_], roles: _Roles) -> Check:
    num_damaged = [int((damaged & (roles == role)).sum()) for role in range(len(ROLES))]
    return Check(
        name="training_has_no_damage",
        passed=num_damaged[TRAINING] == 0,
        detail=", ".join(f"{count} damaged {role} windows" for role, count in zip(ROLES, num_damaged, strict=True)),
        expected="no training window that touches a damaged run",
        numbers={f"num_damaged_{role}_windows": count for role, count in zip(ROLES, num_damaged, strict=True)},
    )


def _check_activities(
    named: pa.Table,
    roles: _Roles,
    assigned: _Roles,
    required: Sequence[int],
    only_in_test: int | None,
    *,
    may_lack: bool,
) -> Check:
    activities, subjects = named["activity"].to_numpy(), named["subject"].to_numpy()
    every = np.unique(activities)
    complaints: list[str] = []
    remarks: list[str] = []
    for role in required:
        wanted = every if role == TEST else np.setdiff1d(every, -1 if only_in_test is None else only_in_test)
        had = activities[np.isin(subjects, subjects[assigned == role])]
        never = np.setdiff1d(wanted, had)
        missing = np.setdiff1d(wanted, activities[roles == role])
        lost = np.intersect1d(missing, activities[assigned == role])
        excused = [*lost, *(never if role != TRAINING or may_lack else ())]
        absent = np.setdiff1d(missing, excused)
        if len(absent):
            complaints.append(f"{ROLES[role]} lacks {_listed(absent)}")
        if len(lost):
            text = f"{ROLES[role]} lost every window of {_listed(lost)} because of copies, overlaps or damage"
            (complaints if role in {TRAINING, TEST} else remarks).append(text)
        if np.isin(never, excused).any() and len(had):
            remarks.append(f"no {ROLES[role]} subject has {_listed(never)}")
    return Check(
        name="every_role_has_every_activity",
        passed=not complaints,
        detail="; ".join([*complaints, *remarks]) or f"{len(every)} activities in each role",
        expected="every activity of the data in training, and every one of its own subjects in each other role",
        numbers={
            "num_activities": len(every),
            **{f"num_{role}_activities": len(np.unique(activities[roles == k])) for k, role in enumerate(ROLES)},
        },
    )


def _in_several_roles(numbers: _Numbers, roles: _Roles) -> _Numbers:
    """The ``numbers`` (of subjects, of groups) that windows of more than one role have, ascending."""
    pairs = np.unique(np.stack([numbers.astype(np.int64), roles], axis=1)[roles != UNUSED], axis=0)
    values, counts = np.unique(pairs[:, 0], return_counts=True)
    shared: _Numbers = values[counts > 1]
    return shared


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers)) or "none"


def _in_words(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
