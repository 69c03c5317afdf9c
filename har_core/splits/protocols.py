"""Protocols of evaluation: which subjects, or segments, train, validate and test in each fold.

The split that models are made with is named in the experiment file (:func:`har_core.splits.roles.assign_subjects`);
folds only measure. What leaves a role because of copies and damage is the business of :mod:`har_core.splits.roles`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from har_core.base.errors import InputError, Problem, UnknownNameError
from har_core.base.names import unknown
from har_core.splits.roles import ROLES, roles_of_windows

PROTOCOLS = ("loso", "pairs", "leaky")
"""``loso``: each subject tests once; ``pairs``: two subjects in turn; ``leaky``: random segments of all subjects, kept
only to show how much that flatters."""
NUM_LEAKY_FOLDS = 5
LEAKY_SEED = 0
"""Of the drawing of segments, so that every architecture meets the same folds."""

_SUBJECTS_PER_TEST = {"loso": 1, "pairs": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One training and its test within a protocol."""

    name: str
    """``loso-p1``, ``pairs-p1-p2``, ``leaky-1``."""
    protocol: str
    """One of :data:`PROTOCOLS`."""
    index: int
    """Position among the folds of its protocol, from 0."""
    training: tuple[int, ...] = ()
    """Subjects, ascending; as the next two, empty for ``leaky``."""
    validation: tuple[int, ...] = ()
    """Subjects that choose the epoch; empty where nothing is chosen."""
    test: tuple[int, ...] = ()
    """Subjects that only test."""

    @property
    def subjects_apart(self) -> bool:
        """Whether a subject may stand in one role only; ``leaky`` mixes them by its nature."""
        return self.protocol != "leaky"

    @property
    def has_validation(self) -> bool:
        """Whether the fold has validation windows."""
        return bool(self.validation) or not self.subjects_apart


def folds(protocol: str, subjects: Iterable[int], *, num_validation_subjects: int = 1) -> tuple[Fold, ...]:
    """The folds of a protocol for the subjects of the data, in order.

    The validation subjects of ``loso`` and ``pairs`` are the next ones after the test subjects in ascending cyclic
    order. A subject left over by ``pairs`` tests alone.

    >>> [fold.name for fold in folds("pairs", range(1, 10))]
    ['pairs-p1-p2', 'pairs-p3-p4', 'pairs-p5-p6', 'pairs-p7-p8', 'pairs-p9']
    >>> folds("loso", range(1, 9))[7].validation
    (1,)

    Args:
        protocol: one of :data:`PROTOCOLS`.
        subjects: numbers of the subjects in the data, in any order.
        num_validation_subjects: how many subjects validate; 0 leaves the role empty. ``leaky`` takes no notice.

    Raises:
        UnknownNameError: no such protocol.
        InputError: too few subjects: none would be left to train.
    """
    if protocol not in PROTOCOLS:
        raise UnknownNameError(unknown("protocol", protocol, PROTOCOLS))
    if protocol == "leaky":
        names = (f"leaky-{number}" for number in range(1, NUM_LEAKY_FOLDS + 1))
        return tuple(Fold(name=name, protocol=protocol, index=index) for index, name in enumerate(names))
    present = sorted(set(subjects))
    size = _SUBJECTS_PER_TEST[protocol]
    at_least = size + num_validation_subjects + 1
    if len(present) < at_least:
        expected = f"at least {at_least}: {size} to test, {num_validation_subjects} to validate, 1 to train"
        problem = Problem(path=f"subjects for {protocol}", value=str(len(present)), expected=expected)
        raise InputError(f"The protocol {protocol!r} has no folds for so few subjects", [problem])
    tests = [tuple(present[first : first + size]) for first in range(0, len(present), size)]
    return tuple(_fold(protocol, index, test, present, num_validation_subjects) for index, test in enumerate(tests))


def fold_named(name: str, subjects: Iterable[int], *, num_validation_subjects: int = 1) -> Fold:
    """The fold of this name for the subjects of the data.

    Raises:
        UnknownNameError: there is none, with the nearest names.
        InputError: too few subjects.
    """
    protocol = name.partition("-")[0]
    if protocol not in PROTOCOLS:
        raise UnknownNameError(unknown("protocol", protocol, PROTOCOLS))
    known = {fold.name: fold for fold in folds(protocol, subjects, num_validation_subjects=num_validation_subjects)}
    if name not in known:
        raise UnknownNameError(unknown("fold", name, known))
    return known[name]


def assign_roles(fold: Fold, keys: pa.Table) -> npt.NDArray[np.int8]:
    """The role of each window in a fold, before anything leaves it.

    ``leaky`` draws whole segments (those of the windows' first samples) at random, each activity spread evenly over the
    folds: fold k tests one fifth of the segments, the next fifth validates, the rest trains.

    Args:
        fold: of :func:`folds`, for the subjects in ``keys``.
        keys: N rows with :data:`~har_core.windows.schema.KEY_COLUMNS`, in any order.

    Returns:
        int8 (N,): an index into :data:`~har_core.splits.roles.ROLES`, or UNUSED.

    Raises:
        InputError: the fold names a subject in two roles.
    """
    if fold.subjects_apart:
        return roles_of_windows(keys, dict(zip(ROLES, (fold.training, fold.validation, fold.test), strict=True)))
    parts = _leaky_parts(keys)
    roles = np.full(len(parts), ROLES.index("training"), dtype=np.int8)
    roles[parts == (fold.index + 1) % NUM_LEAKY_FOLDS] = ROLES.index("validation")
    roles[parts == fold.index] = ROLES.index("test")
    return roles


def _fold(protocol: str, index: int, test: tuple[int, ...], present: Sequence[int], num_validation: int) -> Fold:
    after = present.index(test[-1]) + 1
    following = [present[(after + step) % len(present)] for step in range(num_validation)]
    training = tuple(subject for subject in present if subject not in {*test, *following})
    return Fold(
        name="-".join([protocol, *(f"p{subject}" for subject in test)]),
        protocol=protocol,
        index=index,
        training=training,
        validation=tuple(sorted(following)),
        test=test,
    )


def _leaky_parts(keys: pa.Table) -> npt.NDArray[np.int64]:
    """The fifth (N,), 0 to 4, that the segment of each window was drawn into."""
    columns = [keys[name].to_numpy().astype(np.int64) for name in ("activity", "subject", "segment")]
    segments, of_window = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
    generator = np.random.default_rng(LEAKY_SEED)
    parts = np.empty(len(segments), dtype=np.int64)
    num_dealt = 0
    for activity in np.unique(segments[:, 0]):
        own = np.flatnonzero(segments[:, 0] == activity)
        # Dealing goes on where the last activity stopped, or the first fifths would get every remainder.
        parts[generator.permutation(own)] = (num_dealt + np.arange(len(own))) % NUM_LEAKY_FOLDS
        num_dealt += len(own)
    dealt: npt.NDArray[np.int64] = parts[of_window.reshape(-1)]
    return dealt
