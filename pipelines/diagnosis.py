"""What is behind an error that comes out of a store of Dagster or MLflow, or out of a lock, in one sentence."""

from __future__ import annotations

import errno
import logging
import sqlite3

import yaml
from filelock import Timeout

from assets.resources.home import Home
from assets.resources.sqlite import stores_of, trouble_of
from har_core.base.errors import HarError, InputError, StorageError, causes
from pipelines.failures import lack, message

_LOGGER = logging.getLogger("har")
_STORE_PACKAGES = {"sqlalchemy", "alembic"}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def refuse_troubled_stores(home: Home) -> None:
    """Look at every store and Dagster's settings at a glance, before what would say it less well.

    Raises:
        InputError: the settings are damaged.
        HarError: a store is damaged, of another version, or stays locked.
    """
    settings = home.dagster / "dagster.yaml"
    if settings.exists():
        try:
            if not isinstance(yaml.safe_load(settings.read_bytes()) or {}, dict):
                raise damaged_settings(home, "no mapping")
        except (OSError, yaml.YAMLError, ValueError) as error:
            raise damaged_settings(home, str(error)) from error
    for path, kind in stores_of(home).items():
        if (trouble := trouble_of(path, kind)) is not None:
            raise HarError(str(trouble))


def damaged_settings(home: Home, told: str) -> InputError:
    """That Dagster's settings cannot be read, and the way out; ``told`` is what Dagster or the parser says."""
    first = next(iter(told.strip().splitlines()), "no reason given")
    return InputError(
        f"{home.dagster / 'dagster.yaml'}: cannot be read as settings of Dagster ({first}); mend it, or remove it to "
        "have it written anew"
    )


def in_words(error: BaseException, home: Home) -> str | None:
    """What a user reads of an error that may not have been meant for users; None where it is a mistake of ours."""
    if isinstance(error, HarError) or lack(error) is not None:
        return message(error)
    explained = explain(error, home)
    return None if explained is None else str(explained)


def explain(error: BaseException, home: Home) -> HarError | None:
    """The error as a user should read it; None where no store, lock or right to a file is behind it."""
    for cause in causes(error):
        if isinstance(cause, Timeout):
            return HarError(f"{cause.lock_file}: another process holds this lock; end it, and try again")
        if isinstance(cause, OSError) and cause.errno in _FORBIDDEN and cause.filename is not None:
            return StorageError(
                f"{cause.filename}: {cause.strerror}; give yourself the right to it, or work in another home"
            )
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
