"""Refuses what an architecture cannot be made with."""

from __future__ import annotations

from har_core.base.errors import InputError, Problem


def require_option(condition: bool, option: str, value: object, expected: str) -> None:
    """Refuse an option of an architecture unless ``condition`` holds.

    Raises:
        InputError: ``condition`` does not hold.
    """
    if not condition:
        raise InputError("The network cannot be made", [Problem(path=option, value=str(value), expected=expected)])
