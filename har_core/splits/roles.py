"""Which windows train, validate and test, and which of them leave a role because of copies, overlaps and damage.

What must hold in the end, whatever the protocol, is checked in :mod:`har_core.splits.role_checks`. Letters: N windows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from har_core.settings.splits import SplitSettings
from har_core.splits.names import DROPS
from har_core.splits.protocols import NUM_LEAKY_FOLDS, Fold
from har_core.windows.schema import NO_GROUP

ROLES = ("training", "validation", "test")
UNUSED = -1
"""Role of a window that stands in none; otherwise a role is an index into :data:`ROLES`."""
TRAINING, VALIDATION, TEST = range(len(ROLES))

LEAKY_SEED = 0
"""Of the drawing of blocks, so that every architecture meets the same folds."""


class Grid(NamedTuple):
    """What says, beside their keys, which rows windows hold."""

    length: int
    """Samples in a window."""
    segment_length: int | None
    """Samples in each segment, in sets of parts that may go on into each other."""


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
    """The role (N,) of each window by its subject: an index into :data:`ROLES`, or :data:`UNUSED`.

    Raises:
        ValueError: a subject is named for two roles; settings and protocols let none through.
    """
    if sum(map(len, subjects.values())) > len(set().union(*subjects.values())):
        raise ValueError(f"a subject has two roles: {dict(subjects)}")
    subject = keys["subject"].to_numpy()
    roles = np.full(len(subject), UNUSED, dtype=np.int8)
    for index, role in enumerate(ROLES):
        roles[np.isin(subject, list(subjects[role]))] = index
    return roles


def assign_roles(fold: Fold, keys: pa.Table, grid: Grid) -> npt.NDArray[np.int8]:
    """The role (N,) of each window in a fold before anything leaves it: an index into :data:`ROLES`, or :data:`UNUSED`.

    ``leaky`` draws blocks (those of the windows' first samples) at random, each activity spread evenly over the folds:
    fold k tests one fifth of the blocks, the next fifth validates, with half of the one after it for shares of
    50/30/20, and the rest trains. A block is a segment where these have one length, else as many samples of one as a
    window has.

    Args:
        fold: of :func:`har_core.splits.protocols.folds`, for the subjects in ``keys``.
        keys: N rows with :data:`~har_core.windows.schema.KEY_COLUMNS` and the activity, in any order.
        grid: of the windows.
    """
    if fold.subjects_apart:
        return roles_of_windows(keys, {"training": fold.training, "validation": fold.validation, "test": fold.test})
    halves = _leaky_halves(keys, grid)
    parts = halves % NUM_LEAKY_FOLDS
    roles = np.full(len(parts), TRAINING, dtype=np.int8)
    roles[parts == (fold.index + 1) % NUM_LEAKY_FOLDS] = VALIDATION
    if fold.leaky_shares == "50/30/20":
        roles[halves == (fold.index + 2) % NUM_LEAKY_FOLDS] = VALIDATION
    roles[parts == fold.index] = TEST
    return roles


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Separated:
    """Roles that share no row of the recordings, and what that cost."""

    roles: npt.NDArray[np.int8]
    """(N,), as assigned, but UNUSED for windows that left."""
    num_dropped: dict[str, int]
    """Windows by each of :data:`DROPS`."""


def separate(
    named: pa.Table, assigned: npt.NDArray[np.int8], grid: Grid, *, only_in_test: int | None = None
) -> Separated:
    """Take from training, and then from validation, what must not stand there; test windows stay all.

    Windows of an activity that stands in test alone leave training and validation. Damaged windows leave training. A
    validation window leaves that shares a duplicate group or samples with a test window. Then a training window leaves
    that shares either with a test window or with a validation window that stayed. So nothing leaves that could have
    stayed.

    Args:
        named: N rows with the keys, labels and flags of windows, in any order.
        assigned: (N,) index into :data:`ROLES` of each window, or :data:`UNUSED`.
        grid: of the windows.
        only_in_test: number of the activity that stands in test alone, if there is one.
    """
    roles = assigned.copy()
    groups = named["duplicate_group"].to_numpy()
    positions = positions_of(named, grid)
    num_dropped = dict.fromkeys(DROPS, 0)

    def drop(reason: str, leaving: npt.NDArray[np.bool_]) -> None:
        num_dropped[reason] = int(leaving.sum())
        roles[leaving] = UNUSED

    for role in (TRAINING, VALIDATION) if only_in_test is not None else ():
        drop(f"none_{ROLES[role]}", (roles == role) & (named["activity"].to_numpy() == only_in_test))
    drop("damaged_training", (roles == TRAINING) & named["damaged"].to_numpy(zero_copy_only=False))
    for role in (VALIDATION, TRAINING):
        kept = roles > role
        shares_group = (groups != NO_GROUP) & np.isin(groups, groups[kept])
        drop(f"duplicate_{ROLES[role]}", (roles == role) & shares_group)
        drop(f"overlapping_{ROLES[role]}", (roles == role) & close_to(positions, positions[kept], grid.length))
    return Separated(roles=roles, num_dropped=num_dropped)


def positions_of(named: pa.Table, grid: Grid) -> npt.NDArray[np.int64]:
    """The first sample (N,) of each window on one long axis of all recordings.

    Two windows share samples exactly where their positions are less than a window's length apart: parts that windows
    cross follow each other in number, and other segments, as recordings, lie further apart than any window is long.
    """
    subject, session, segment, within = _numbers(named, ("subject", "session", "segment", "start"))
    apart = [subject, session]
    if grid.segment_length is None:
        apart.append(segment)
    else:
        within = segment * grid.segment_length + within
    pieces = np.unique(np.stack(apart, axis=1), axis=0, return_inverse=True)[1].reshape(-1)
    positions: npt.NDArray[np.int64] = pieces * (within.max(initial=0) + grid.length) + within
    return positions


def _numbers(table: pa.Table, columns: Sequence[str]) -> list[npt.NDArray[np.int64]]:
    return [table[name].to_numpy().astype(np.int64) for name in columns]


def close_to(positions: npt.NDArray[np.int64], others: npt.NDArray[np.int64], length: int) -> npt.NDArray[np.bool_]:
    """For each of ``positions`` (N,): is one of ``others`` (any number) less than ``length`` away?"""
    if not len(others):
        return np.zeros(len(positions), dtype=np.bool_)
    ordered = np.sort(others)
    after = np.searchsorted(ordered, positions)
    distances = [np.abs(ordered[np.clip(after + step, 0, len(ordered) - 1)] - positions) for step in (-1, 0)]
    close: npt.NDArray[np.bool_] = np.minimum(*distances) < length
    return close


def _leaky_halves(keys: pa.Table, grid: Grid) -> npt.NDArray[np.int64]:
    """The half of a fifth (N,) that the block of each window was drawn into: k and k + 5, 0 to 9, make up fifth k."""
    *columns, start = _numbers(keys, ("activity", "subject", "session", "segment", "start"))
    within = start // grid.length if grid.segment_length is None else np.zeros_like(start)
    blocks, of_window = np.unique(np.stack([*columns, within], axis=1), axis=0, return_inverse=True)
    generator = np.random.default_rng(LEAKY_SEED)
    parts = np.empty(len(blocks), dtype=np.int64)
    num_dealt = 0
    for activity in np.unique(blocks[:, 0]):
        own = np.flatnonzero(blocks[:, 0] == activity)
        # Dealing goes on where the last activity stopped, or the first fifths would get every remainder.
        parts[generator.permutation(own)] = (num_dealt + np.arange(len(own))) % (2 * NUM_LEAKY_FOLDS)
        num_dealt += len(own)
    dealt: npt.NDArray[np.int64] = parts[of_window.reshape(-1)]
    return dealt
