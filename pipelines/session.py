"""What every command needs before it works: the home, quiet logs, the Dagster instance."""

from __future__ import annotations

import logging
import os
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from filelock import FileLock

from assets.resources.home import Home
from assets.resources.sqlite import open_to_read, plain_path, stores_of
from pipelines.diagnosis import damaged_settings
from pipelines.homes import current_home, first_unwritable, name_home, prepare

if TYPE_CHECKING:
    from dagster import DagsterInstance
    from dagster._core.instance.ref import InstanceRef

_NO_CAPTURE = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
_SECONDS_TO_WAIT = 60
"""For another process that makes or migrates the stores."""


def open_home() -> Home:
    """The home of this process, ready for Dagster, with the chatter of libraries sent to its log file.

    Raises:
        StorageError: the home cannot be written.
    """
    home = current_home()
    prepare(home)
    _send_logs_to(home.log)
    return home


def open_home_to_look() -> Home:
    """As :func:`open_home`; one that can only be read is left as it is, and chatter is dropped.

    Raises:
        StorageError: there is no home yet, and none can be made.
    """
    home = current_home()
    if not can_only_be_read(home):
        return open_home()
    name_home(home)
    _send_logs_to(Path(os.devnull))
    return home


def can_only_be_read(home: Home) -> bool:
    """Whether the home is there, and this process may not write in it."""
    return home.root.is_dir() and first_unwritable(home) is not None


@contextmanager
def open_instance(home: Home) -> Iterator[DagsterInstance]:
    """The Dagster instance of ``home``. Steps keep the terminal: their output is not captured, as under the UI.

    Where the home can only be read, it is a copy that ends with this: Dagster writes into its stores when it opens
    them.

    Raises:
        InputError: the settings of the instance are damaged.
    """
    from dagster import DagsterInstance

    with ExitStack() as stack:
        only_read = can_only_be_read(home)
        folder = _copy_of_stores(home, stack) if only_read else plain_path(home.dagster)
        reference = read_settings(home, folder)
        if only_read:
            instance = DagsterInstance.from_ref(reference)
        else:  # two processes that create or migrate one store break each other
            with FileLock(home.dagster / "store.lock", timeout=_SECONDS_TO_WAIT):
                instance = DagsterInstance.from_ref(reference)
        yield stack.enter_context(instance)


def read_settings(home: Home, folder: Path) -> InstanceRef:
    """``dagster.yaml`` of a home, for an instance whose stores lie in ``folder``.

    Raises:
        InputError: it is damaged, or asks for what is not installed.
    """
    from dagster._core.instance.ref import InstanceRef

    try:
        reference = InstanceRef.from_dir(
            str(folder),
            config_dir=str(home.dagster if home.dagster.is_dir() else folder),
            overrides={"compute_logs": _NO_CAPTURE},
        )
        str([reference.run_launcher, reference.run_coordinator])  # imports the classes that the settings name
    except Exception as error:
        raise damaged_settings(home, str(error)) from error
    return reference


def _copy_of_stores(home: Home, stack: ExitStack) -> Path:
    """A folder with Dagster's stores as they are now, without the logs of single runs, which nothing here asks for."""
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="har-", ignore_cleanup_errors=True)))
    for store in stores_of(home):
        if store.is_relative_to(home.dagster) and store.is_file():
            copy = folder / store.relative_to(home.dagster)
            copy.parent.mkdir(parents=True, exist_ok=True)
            with open_to_read(store) as source, closing(sqlite3.connect(copy)) as target:
                source.backup(target)
    return folder


def _send_logs_to(path: Path) -> None:
    handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.raiseExceptions = False  # a log that cannot be written is no reason for a traceback on the terminal
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # or each store tells of a hundred migrations
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):  # some packages put handlers of their own on stderr when imported
            logger.handlers.clear()
            logger.propagate = True
    logging.captureWarnings(capture=True)
    warnings.simplefilter("default")
