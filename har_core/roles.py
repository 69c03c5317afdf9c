"""Which windows train, validate and test, and what must hold of that whatever the protocol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from har_core.errors import InputError, Problem
from har_core.settings.splits import SplitSettings
from har_core.windows.schema import KEY_COLUMNS

ROLES = ("training", "validation", "test")
UNUSED = -1
"""Role of a window that stands in none; otherwise a role is an index into :data:`ROLES`."""

_MAX_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    name: str
    passed: bool
    detail: str
    """What was found, in words, with figures."""
    expected: str
    """What had to be found, in words."""


def assign_subjects(settings: SplitSettings, subjects: Iterable[int]) -> dict[str, tuple[int, ...]]:
    """The subjects of each role, ascending, of those in the data.

    >>> assign_subjects(SplitSettings(), range(1, 9))
    {'training': (1, 2, 3, 4, 5), 'validation': (6,), 'test': (7, 8)}
    """
    present = set(subjects)
    validation, test = set(settings.validation_subjects), set(settings.test_subjects)
    training = present - validation - test if settings.training_subjects is None else set(settings.training_subjects)
    return {
        role: tuple(sorted(named & present)) for role, named in zip(ROLES, (training, validation, test), strict=True)
    }


def roles_of_windows(keys: pa.Table, subjects: Mapping[str, Sequence[int]]) -> npt.NDArray[np.int8]:
    """The role (N,) of each window by its subject: an index into :data:`ROLES`, or :data:`UNUSED`."""
    subject = keys["subject"].to_numpy()
    roles = np.full(len(subject), UNUSED, dtype=np.int8)
    for index, role in enumerate(ROLES):
        roles[np.isin(subject, list(subjects[role]))] = index
    return roles


def check_named_subjects(settings: SplitSettings, subjects: Iterable[int]) -> Check:
    """Does the data hold every subject that the settings name?"""
    present = sorted(set(subjects))
    named = {*(settings.training_subjects or ()), *settings.validation_subjects, *settings.test_subjects}
    missing = sorted(named - set(present))
    detail = f"no subject {_listed(missing)}; the data has {_listed(present)}" if missing else f"{len(named)} found"
    return Check(
        name="named_subjects_are_in_the_data",
        passed=not missing,
        detail=detail,
        expected="[splits] to name subjects of the data",
    )


def check_roles(keys: pa.Table, roles: npt.NDArray[np.int8], *, length: int) -> tuple[Check, ...]:
    """Check any assignment of roles, of whatever protocol.

    Args:
        keys: N rows with :data:`~har_core.windows.schema.KEY_COLUMNS`, in any order.
        roles: (N,) index into :data:`ROLES` of each window, or :data:`UNUSED`.
        length: samples in a window.

    Returns:
        Whether each role has windows, no subject has two roles, no window (nor a sample of one, by overlap) has two
        roles, and each role has every activity of the data.
    """
    used = roles != UNUSED
    columns = {name: keys[name].to_numpy().astype(np.int64)[used] for name in KEY_COLUMNS}
    roles = roles[used]
    every_activity = np.unique(keys["activity"].to_numpy())
    return (
        _check_not_empty(roles),
        _check_subjects(columns["subject"], roles),
        _check_windows(columns, roles, length),
        _check_activities(columns["activity"], roles, every_activity),
    )


def require(checks: Iterable[Check]) -> None:
    """Refuse to go on where a check failed.

    Raises:
        InputError: with every failed check.
    """
    failed = [check for check in checks if not check.passed]
    if failed:
        problems = [Problem(path=check.name, value=check.detail, expected=check.expected) for check in failed]
        raise InputError("The windows cannot be split so; nothing was replaced.", problems)


def _check_not_empty(roles: npt.NDArray[np.int8]) -> Check:
    counts = {role: int((roles == index).sum()) for index, role in enumerate(ROLES)}
    return Check(
        name="no_role_is_empty",
        passed=all(counts.values()),
        detail=", ".join(f"{count} {role} windows" for role, count in counts.items()),
        expected="windows for every role",
    )


def _check_subjects(subjects: npt.NDArray[np.int64], roles: npt.NDArray[np.int8]) -> Check:
    of_role = [set(subjects[roles == index].tolist()) for index in range(len(ROLES))]
    shared = sorted((of_role[0] & of_role[1]) | (of_role[0] & of_role[2]) | (of_role[1] & of_role[2]))
    return Check(
        name="roles_share_no_subject",
        passed=not shared,
        detail=f"subjects {_listed(shared)} in more than one role" if shared else "each subject has one role",
        expected="each subject in one role at most",
    )


def _check_windows(columns: Mapping[str, npt.NDArray[np.int64]], roles: npt.NDArray[np.int8], length: int) -> Check:
    subject, activity, segment, start = (columns[name] for name in KEY_COLUMNS)
    order = np.lexsort((start, segment, activity, subject))
    key = np.stack([subject, activity, segment], axis=1)[order]
    start, role = start[order], roles[order]
    # Where two windows of a segment overlap and differ in role, so do two neighbours between them: looking at
    # neighbours is enough.
    same_segment = (key[1:] == key[:-1]).all(axis=1)
    wrong = np.flatnonzero(same_segment & (np.diff(start) < length) & (role[1:] != role[:-1]))
    named = "; ".join(
        f"subject {key[i][0]}, activity {key[i][1]}, segment {key[i][2]}, start {start[i]} ({ROLES[role[i]]}) "
        f"and {start[i + 1]} ({ROLES[role[i + 1]]})"
        for i in wrong[:_MAX_NAMED]
    )
    return Check(
        name="roles_share_no_window",
        passed=not len(wrong),
        detail=f"{len(wrong)} pairs with samples in common: {named}" if len(wrong) else f"{len(role)} windows apart",
        expected="no window, nor a sample of one, in two roles",
    )


def _check_activities(
    activities: npt.NDArray[np.int64], roles: npt.NDArray[np.int8], every_activity: npt.NDArray[np.integer]
) -> Check:
    missing = {
        role: sorted(set(every_activity.tolist()) - set(activities[roles == index].tolist()))
        for index, role in enumerate(ROLES)
    }
    named = "; ".join(f"{role} lacks {_listed(lacking)}" for role, lacking in missing.items() if lacking)
    return Check(
        name="every_role_has_every_activity",
        passed=not named,
        detail=named or f"{len(every_activity)} activities in each role",
        expected="every activity of the data in every role",
    )


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers)) if numbers else "none"
