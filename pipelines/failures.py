"""How an exception of an asset reads to a user: a message without traceback, and an exit code."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterable

from har_core.base.errors import HarError, InputError, causes
from har_core.base.text import printable_lines


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
    if is_full_disk(error):
        return printable_lines(f"the disk is full ({innermost})")
    return printable_lines(f"{type(innermost).__name__}: {innermost}")


def is_full_disk(error: BaseException) -> bool:
    """Whether a full disk is behind an exception, whoever met it: a file, or a store of Dagster or MLflow."""
    return any(
        (isinstance(cause, OSError) and cause.errno in {errno.ENOSPC, errno.EDQUOT})
        or (isinstance(cause, sqlite3.OperationalError) and "disk is full" in str(cause))
        for cause in causes(error)
    )


def exit_code(errors: Iterable[BaseException]) -> int:
    """0 where nothing failed, 2 where the input was wrong, else 1."""
    codes = {ours.exit_code if (ours := meant_for_user(error)) else 1 for error in errors}
    return max(codes, default=0)
