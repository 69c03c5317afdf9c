"""What every command needs before it works: the home, quiet logs, the Dagster instance."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from assets.resources.home import Home
from pipelines.homes import current_home, prepare

if TYPE_CHECKING:
    from dagster import DagsterInstance

_NO_CAPTURE = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}


def open_home() -> Home:
    """The home of this process, ready for Dagster, with the chatter of libraries sent to its log file.

    Raises:
        StorageError: the home cannot be written.
    """
    home = current_home()
    prepare(home)
    _send_logs_to(home.log)
    return home


@contextmanager
def open_instance(home: Home) -> Iterator[DagsterInstance]:
    """The Dagster instance of ``home``. Steps keep the terminal: their output is not captured, as under the UI."""
    from dagster import DagsterInstance
    from dagster._core.instance.ref import InstanceRef

    reference = InstanceRef.from_dir(str(home.dagster), overrides={"compute_logs": _NO_CAPTURE})
    with FileLock(home.dagster / "store.lock"):  # two processes that create or migrate one store break each other
        instance = DagsterInstance.from_ref(reference)
    with instance:
        yield instance


def _send_logs_to(path: Path) -> None:
    handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
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
