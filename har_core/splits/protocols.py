"""Protocols of evaluation: which subjects, or segments, train, validate and test in each fold.

The split that models are made with is named in the experiment file (:func:`har_core.splits.roles.assign_subjects`);
folds only measure. :mod:`har_core.splits.roles` gives each window its role in a fold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from har_core.base.errors import InputError, Problem, UnknownNameError
from har_core.base.names import unknown
from har_core.settings.report import LeakyShares

PROTOCOLS = ("loso", "pairs", "inner", "leaky")
"""``loso``: each subject tests once; ``pairs``: two subjects in turn; ``inner``: each subject that does not test in the
split of the models validates once, to choose between these; ``leaky``: random segments of all subjects, kept only to
show how much that flatters."""
NUM_LEAKY_FOLDS = 5

_SUBJECTS_PER_TEST = {"loso": 1, "pairs": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One training and its test within a protocol."""

    name: str
    """``loso-p1``, ``pairs-p1-p2``, ``inner-p1-before-p7-p8``, ``leaky-1``."""
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
) -> tuple[Fold, ...]:
    """The folds of a protocol for the subjects of the data, in order.

    The validation subjects of ``loso`` and ``pairs`` are the next ones after the test subjects in ascending cyclic
    order. A subject left over by ``pairs`` tests alone.

    >>> [fold.name for fold in folds("pairs", range(1, 10))]
    ['pairs-p1-p2', 'pairs-p3-p4', 'pairs-p5-p6', 'pairs-p7-p8', 'pairs-p9']
    >>> folds("loso", range(1, 9))[7].validation
    (1,)
    >>> folds("inner", range(1, 5), test_subjects=[4])[0]  # doctest: +ELLIPSIS
    Fold(name='inner-p1-before-p4', protocol='inner', index=0, training=(2, 3), validation=(1,), test=(4,), ...)

    Args:
        protocol: one of :data:`PROTOCOLS`.
        subjects: numbers of the subjects in the data, in any order.
        num_validation_subjects: how many subjects validate; 0 leaves the role empty. For ``loso`` and ``pairs``.
        leaky_shares: percent of the segments that train, validate and test in ``leaky``.
        test_subjects: those who test in the split of the models, and so in every fold of ``inner``.

    Raises:
        UnknownNameError: no such protocol.
        InputError: too few subjects: none would be left to train.
    """
    if protocol not in PROTOCOLS:
        raise UnknownNameError(unknown("protocol", protocol, PROTOCOLS))
    if protocol == "leaky":
        names = (f"leaky-{number}" for number in range(1, NUM_LEAKY_FOLDS + 1))
        return tuple(
            Fold(name=name, protocol=protocol, index=index, leaky_shares=leaky_shares)
            for index, name in enumerate(names)
        )
    present = sorted(set(subjects))
    if protocol == "inner":
        return _inner_folds(present, sorted(set(test_subjects)))
    size = _SUBJECTS_PER_TEST[protocol]
    at_least = size + num_validation_subjects + 1
    if len(present) < at_least:
        expected = f"at least {at_least}: {size} to test, {num_validation_subjects} to validate, 1 to train"
        problem = Problem(path=f"subjects for {protocol}", value=str(len(present)), expected=expected)
        raise InputError(f"The protocol {protocol!r} has no folds for so few subjects", [problem])
    tests = [tuple(present[first : first + size]) for first in range(0, len(present), size)]
    return tuple(_fold(protocol, index, test, present, num_validation_subjects) for index, test in enumerate(tests))


def fold_named(
    name: str,
    subjects: Iterable[int],
    *,
    num_validation_subjects: int = 1,
    leaky_shares: LeakyShares = "60/20/20",
    test_subjects: Iterable[int] = (),
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
