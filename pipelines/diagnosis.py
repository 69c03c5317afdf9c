"""What is behind an error that comes out of a store of Dagster or MLflow, or out of a lock, in one sentence."""

from __future__ import annotations

import errno
import logging
import sqlite3

from filelock import Timeout

from assets.resources.home import Home
from assets.resources.sqlite import stores_of, trouble_of
from har_core.base.errors import HarError, StorageError, causes

_LOGGER = logging.getLogger("har")
_STORE_PACKAGES = {"sqlalchemy", "alembic"}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def refuse_troubled_stores(home: Home) -> None:
    """Look at every store at a glance, before servers start that would say it less well.

    Raises:
        HarError: one is damaged, of another version, or stays locked.
    """
    for path, kind in stores_of(home).items():
        if (trouble := trouble_of(path, kind)) is not None:
            raise HarError(str(trouble))


def explain(error: BaseException, home: Home) -> HarError | None:
    """The error as a user should read it; None where no store, lock or right to a file is behind it."""
    for cause in causes(error):
        if isinstance(cause, Timeout):
            return HarError(f"{cause.lock_file}: another process holds this lock; end it, and try again")
        if isinstance(cause, OSError) and cause.errno in _FORBIDDEN and cause.filename is not None:
            return StorageError(f"{cause.filename}: {cause.strerror}; `har home check` looks at all files of a home")
    if not any(map(_is_of_a_store, causes(error))):
        return None
    _LOGGER.error("a store failed", exc_info=error)
    try:
        refuse_troubled_stores(home)
    except HarError as trouble:
        return trouble
    innermost = " ".join(str(list(causes(error))[-1]).split())
    return HarError(f"{home.root}: a store cannot be used ({innermost}); `har home check` looks at all of them")


def _is_of_a_store(cause: BaseException) -> bool:
    return isinstance(cause, sqlite3.Error) or type(cause).__module__.partition(".")[0] in _STORE_PACKAGES
