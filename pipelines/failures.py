"""How an exception of an asset reads to a user: a message without traceback, and an exit code."""

from __future__ import annotations

import errno
import resource
import sqlite3
from collections.abc import Iterable

from assets.resources.sqlite import limit_behind
from har_core.base.errors import HarError, InputError, causes
from har_core.base.memory import is_out_of_memory
from har_core.base.text import printable_lines

_SPACE_THAT_IS_ENOUGH = 4 * 2**30
"""Bytes of address space with which every command works on small data; libraries map much more than they use."""


def meant_for_user(error: BaseException) -> HarError | None:
    """The error of ours behind an exception, an :class:`InputError` before any other; None where there is none."""
    ours = [cause for cause in causes(error) if isinstance(cause, HarError)]
    return next((cause for cause in ours if isinstance(cause, InputError)), ours[0] if ours else None)


def message(error: BaseException) -> str:
    """What a user reads. An error that is not ours is named by its innermost cause."""
    ours = meant_for_user(error)
    if ours is not None:
        return str(ours)
    innermost = list(causes(error))[-1]
    lacking = lack(error)
    told = f"{type(innermost).__name__}: {innermost}" if lacking is None else f"{lacking} ({innermost})"
    return printable_lines(told)


def lack(error: BaseException) -> str | None:
    """What the machine or this process had too little of when an error came; None where that is not why."""
    found = list(causes(error))
    numbers = {cause.errno for cause in found if isinstance(cause, OSError)}
    space, _ = resource.getrlimit(resource.RLIMIT_AS)
    limited = next((limit for cause in found if (limit := limit_behind(cause)) is not None), "")
    reasons = {
        "the disk is full": numbers & {errno.ENOSPC, errno.EDQUOT} or any(map(_is_store_without_room, found)),
        f"a store could not be read or written: {limited}": bool(limited),
        "a store could not be read or written: the disk is full or fails, or files may not become larger": any(
            map(_is_store_refused, found)
        ),
        "a file may not become larger here (`ulimit -f`)": errno.EFBIG in numbers,
        "too many files are open (`ulimit -n`)": numbers & {errno.EMFILE, errno.ENFILE},
        # What libraries raise then may be anything.
        f"this process may use {space >> 20:,} MiB of address space (`ulimit -v`), which may be too little": (
            space != resource.RLIM_INFINITY and space < _SPACE_THAT_IS_ENOUGH
        ),
        "there is too little memory": errno.ENOMEM in numbers or any(map(is_out_of_memory, found)),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _is_store_without_room(cause: BaseException) -> bool:
    return isinstance(cause, sqlite3.OperationalError) and "disk is full" in str(cause)


def _is_store_refused(cause: BaseException) -> bool:
    return isinstance(cause, sqlite3.OperationalError) and "disk I/O error" in str(cause)


def exit_code(errors: Iterable[BaseException]) -> int:
    """0 where nothing failed, 2 where the input was wrong, else 1."""
    codes = {ours.exit_code if (ours := meant_for_user(error)) else 1 for error in errors}
    return max(codes, default=0)
