"""Checks made before something is published, and the error when one fails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from har_core.base.errors import InputError, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check and its outcome."""

    name: str
    passed: bool
    detail: str
    """What was found, in words and figures."""
    expected: str
    """What should have been found, in words."""
    numbers: Mapping[str, float]
    """What was counted or measured, by name; the same names whether it passed or not."""


def require(checks: Iterable[Check], *, summary: str) -> None:
    """Do nothing if every check passed.

    Raises:
        InputError: ``summary``, with every failed check.
    """
    failed = [check for check in checks if not check.passed]
    if failed:
        problems = [
            Problem(path=check.name, value=check.detail, expected=check.expected, numbers=check.numbers)
            for check in failed
        ]
        raise InputError(summary, problems)
