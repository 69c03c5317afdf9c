"""The inner folds of a search: whole subjects that validate in turn, none of whom tests."""

from __future__ import annotations

from collections.abc import Iterable

from har_core.base.errors import InputError, Problem
from har_core.settings.splits import SplitSettings
from har_core.splits.protocols import Fold, validating_in_turn
from har_core.splits.roles import assign_subjects

PROTOCOL = "search"


def inner_folds(settings: SplitSettings, subjects: Iterable[int], num_folds: int) -> tuple[Fold, ...]:
    """Divide the subjects that train or validate in ``[splits]`` into parts that validate in turn; the others train.

    See :func:`har_core.splits.protocols.validating_in_turn`.

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
    names = [f"{PROTOCOL}-{number}" for number in range(1, num_folds + 1)]
    return validating_in_turn(PROTOCOL, pool, roles["test"], names)
