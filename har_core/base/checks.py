"""What was looked at before something is published, and the refusal where it does not hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from har_core.base.errors import InputError, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    name: str
    passed: bool
    detail: str
    """What was found, in words, with figures."""
    expected: str
    """What had to be found, in words."""


def require(checks: Iterable[Check], *, summary: str) -> None:
    """Refuse to go on where a check failed.

    Raises:
        InputError: ``summary``, with every failed check.
    """
    failed = [check for check in checks if not check.passed]
    if failed:
        problems = [Problem(path=check.name, value=check.detail, expected=check.expected) for check in failed]
        raise InputError(summary, problems)
