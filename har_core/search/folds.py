"""The inner folds of a search: whole subjects that validate in turn, none of whom tests."""

from __future__ import annotations

from collections.abc import Iterable

from har_core.base.errors import InputError, Problem
from har_core.settings.splits import SplitSettings
from har_core.splits.protocols import Fold
from har_core.splits.roles import assign_subjects

PROTOCOL = "search"
WANTED = ("training", "validation")
"""The roles that a search reads."""


def inner_folds(settings: SplitSettings, subjects: Iterable[int], num_folds: int) -> tuple[Fold, ...]:
    """Divide the subjects that train or validate in ``[splits]`` into parts that validate in turn; the others train.

    The test subjects stand in every fold as such, so that what their windows share with others leaves those.

    >>> [fold.validation for fold in inner_folds(SplitSettings(), range(1, 9), 3)]
    [(1, 4), (2, 5), (3, 6)]

    Raises:
        InputError: fewer subjects than folds.
    """
    roles = assign_subjects(settings, subjects)
    pool = sorted({*roles["training"], *roles["validation"]})
    if len(pool) < num_folds:
        problem = Problem(
            path="folds of the search",
            value=f"{num_folds} for subjects {', '.join(map(str, pool)) or 'none'}",
            expected="at most one for each subject that does not test",
        )
        raise InputError("The subjects cannot be divided into so many inner folds", [problem])
    return tuple(
        Fold(
            name=f"{PROTOCOL}-{index + 1}",
            protocol=PROTOCOL,
            index=index,
            training=tuple(subject for subject in pool if subject not in pool[index::num_folds]),
            validation=tuple(pool[index::num_folds]),
            test=roles["test"],
        )
        for index in range(num_folds)
    )
