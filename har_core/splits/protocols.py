"""Protocols of evaluation: which subjects, or segments, train, validate and test in each fold.

The split that models are made with is named in the experiment file (:func:`har_core.splits.roles.assign_subjects`);
folds only measure. :mod:`har_core.splits.roles` gives each window its role in a fold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil

from har_core.base.errors import InputError, Problem, UnknownNameError
from har_core.base.names import unknown
from har_core.settings.report import LeakyShares
from har_core.splits.names import ONE_SUBJECT

PROTOCOLS = ("loso", "pairs", "group", "inner", "leaky")
"""``loso``: each subject tests once; ``pairs``: two subjects in turn; ``group``: the subjects are dealt to groups, and
each of these tests once; ``inner``: each subject that does not test in the split of the models validates once, to
choose between these; ``leaky``: random segments of all subjects, kept only to show how much that flatters."""
NUM_LEAKY_FOLDS = 5

_SUBJECTS_PER_TEST = {"loso": 1, "pairs": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One training and its test within a protocol."""

    name: str
    """``loso-p1``, ``pairs-p1-p2``, ``group-1``, ``inner-p1-before-p7-p8``, ``leaky-1``."""
    protocol: str
    """One of :data:`PROTOCOLS`."""
    index: int
    """Position among the folds of its protocol, from 0."""
    training: tuple[int, ...] = ()
    """Subjects, ascending; as the next two, empty for ``leaky``."""
    validation: tuple[int, ...] = ()
    """Subjects that validate; empty where nothing is chosen."""
    test: tuple[int, ...] = ()
    """Subjects that only test."""
    leaky_shares: LeakyShares = "60/20/20"
    """Percent of the segments that train, validate and test, for ``leaky``."""
    wanted: tuple[str, ...] = ("training", "validation", "test")
    """Roles whose windows are read."""

    @property
    def subjects_apart(self) -> bool:
        """Whether a subject may stand in one role only; ``leaky`` mixes them by its nature."""
        return self.protocol != "leaky"

    @property
    def has_validation(self) -> bool:
        """Whether the fold has validation windows."""
        return bool(self.validation) or not self.subjects_apart


def folds(
    protocol: str,
    subjects: Iterable[int],
    *,
    num_validation_subjects: int = 1,
    leaky_shares: LeakyShares = "60/20/20",
    test_subjects: Iterable[int] = (),
    num_groups: int = 5,
) -> tuple[Fold, ...]:
    """The folds of a protocol for the subjects of the data, in order.

    The validation subjects of ``loso`` and ``pairs`` are the next ones after the test subjects in ascending cyclic
    order; those of ``group`` are the first ones of the next group. A subject left over by ``pairs`` tests alone.

    >>> [fold.name for fold in folds("pairs", range(1, 10))]
    ['pairs-p1-p2', 'pairs-p3-p4', 'pairs-p5-p6', 'pairs-p7-p8', 'pairs-p9']
    >>> folds("loso", range(1, 9))[7].validation
    (1,)
    >>> [(fold.name, fold.test, fold.validation) for fold in folds("group", range(1, 6), num_groups=2)]
    [('group-1', (1, 3, 5), (2,)), ('group-2', (2, 4), (1,))]
    >>> folds("inner", range(1, 5), test_subjects=[4])[0]  # doctest: +ELLIPSIS
    Fold(name='inner-p1-before-p4', protocol='inner', index=0, training=(2, 3), validation=(1,), test=(4,), ...)

    Args:
        protocol: one of :data:`PROTOCOLS`.
        subjects: numbers of the subjects in the data, in any order.
        num_validation_subjects: how many subjects validate; 0 leaves the role empty. Not for ``inner`` and ``leaky``.
        leaky_shares: percent of the segments that train, validate and test in ``leaky``.
        test_subjects: those who test in the split of the models, and so in every fold of ``inner``.
        num_groups: how many folds ``group`` has, at least 2.

    Raises:
        UnknownNameError: no such protocol.
        InputError: too few subjects: none would be left to train, or a group would be empty.
    """
    if protocol not in PROTOCOLS:
        raise UnknownNameError(unknown("protocol", protocol, PROTOCOLS))
    if protocol == "leaky":
        return tuple(
            Fold(name=f"leaky-{index + 1}", protocol=protocol, index=index, leaky_shares=leaky_shares)
            for index in range(NUM_LEAKY_FOLDS)
        )
    present = sorted(set(subjects))
    if protocol == "inner":
        return _inner_folds(present, sorted(set(test_subjects)))
    size = ceil(len(present) / num_groups) if protocol == "group" else _SUBJECTS_PER_TEST[protocol]
    at_least = size + num_validation_subjects + 1
    expected = f"at least {at_least}: {size} to test, {num_validation_subjects} to validate, 1 to train"
    if protocol == "group" and at_least < num_groups:
        at_least, expected = num_groups, f"at least {num_groups}: one for each group"
    if len(present) < at_least:
        expected += f"; {ONE_SUBJECT}" if len(present) == 1 else ""
        problem = Problem(path=f"subjects for {protocol}", value=str(len(present)), expected=expected)
        raise InputError(f"The protocol {protocol!r} has no folds for so few subjects", [problem])
    if protocol == "group":
        tests = [tuple(present[first::num_groups]) for first in range(num_groups)]
        names = [f"group-{number}" for number in range(1, num_groups + 1)]
    else:
        tests = [tuple(present[first : first + size]) for first in range(0, len(present), size)]
        names = ["-".join([protocol, *(f"p{subject}" for subject in test)]) for test in tests]
    in_turn = [subject for test in tests for subject in test]
    return tuple(
        _fold(protocol, index, name=name, test=test, in_turn=in_turn, num_validation=num_validation_subjects)
        for index, (name, test) in enumerate(zip(names, tests, strict=True))
    )


def fold_named(
    name: str,
    subjects: Iterable[int],
    *,
    num_validation_subjects: int = 1,
    leaky_shares: LeakyShares = "60/20/20",
    test_subjects: Iterable[int] = (),
    num_groups: int = 5,
) -> Fold:
    """The fold of this name for the subjects of the data.

    Raises:
        UnknownNameError: there is none, with the nearest names.
        InputError: too few subjects.
    """
    of_protocol = folds(
        name.partition("-")[0],
        subjects,
        num_validation_subjects=num_validation_subjects,
        leaky_shares=leaky_shares,
        test_subjects=test_subjects,
        num_groups=num_groups,
    )
    known = {fold.name: fold for fold in of_protocol}
    if name not in known:
        raise UnknownNameError(unknown("fold", name, known))
    return known[name]


def _inner_folds(present: Sequence[int], test: Sequence[int]) -> tuple[Fold, ...]:
    pool = [subject for subject in present if subject not in test]
    if len(pool) < 2:  # noqa: PLR2004 - one validates, one trains
        problem = Problem(path="subjects that do not test", value=str(len(pool)), expected="at least 2")
        raise InputError("The protocol 'inner' has no folds for so few subjects", [problem])
    before = "-".join(["-before", *(f"p{subject}" for subject in test)]) if test else ""
    return validating_in_turn("inner", pool, test, [f"inner-p{subject}{before}" for subject in pool])


def validating_in_turn(
    protocol: str, pool: Sequence[int], test: Iterable[int], names: Sequence[str]
) -> tuple[Fold, ...]:
    """Folds of these names: each a part of ``pool`` that validates, while the rest of it trains.

    The test subjects stand in every fold as such, so that what their windows share with others leaves those; their
    windows are not read.
    """
    return tuple(
        Fold(
            name=name,
            protocol=protocol,
            index=index,
            training=tuple(subject for subject in pool if subject not in pool[index :: len(names)]),
            validation=tuple(pool[index :: len(names)]),
            test=tuple(test),
            wanted=("training", "validation"),
        )
        for index, name in enumerate(names)
    )


def _fold(
    protocol: str, index: int, *, name: str, test: tuple[int, ...], in_turn: Sequence[int], num_validation: int
) -> Fold:
    after = in_turn.index(test[-1]) + 1
    following = [in_turn[(after + step) % len(in_turn)] for step in range(num_validation)]
    training = tuple(sorted(set(in_turn).difference(test, following)))
    return Fold(
        name=name,
        protocol=protocol,
        index=index,
        training=training,
        validation=tuple(sorted(following)),
        test=test,
    )
