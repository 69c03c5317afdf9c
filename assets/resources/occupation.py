"""Who may work in a home: one process at a time, whoever started it. The lock, and the resource that holds it in a run.

``har run`` takes the lock for the whole command, and says no where another holds it. A Dagster run that was started by
the UI, a sensor or a schedule waits for it, and holds it from its first step to its end.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dagster import ConfigurableResource, InitResourceContext
from filelock import FileLock, Timeout

from assets.resources.home import Home
from assets.resources.processes import current_process, is_dead, pid_of
from har_core.base.errors import HomeBusyError
from har_core.base.files import write_text

_SECONDS_BETWEEN_TRIES = 0.5


class HomeResource(ConfigurableResource["HomeResource"]):
    """Gives assets the home they work in, and keeps every other process out of it while they do."""

    root: str

    def home(self) -> Home:
        """The paths below ``root``."""
        return Home(Path(self.root))

    @contextmanager
    def yield_for_execution(self, context: InitResourceContext) -> Iterator["HomeResource"]:
        """Hold the home for the steps of this run, after waiting for whoever holds it."""
        run_id = context.run.run_id if context.run is not None else "unknown"
        said: Callable[[str], object] = context.log.info if context.log is not None else lambda _: None
        with occupied(self.home(), f"Dagster run {run_id}", on_wait=said) as is_new:
            if is_new and context.instance is not None:
                from assets.resources.interrupted import close_interrupted
                from assets.resources.tracking import Tracking

                close_interrupted(Tracking(self.home()), context.instance)
            yield self


@contextmanager
def occupied(home: Home, who: str | None = None, on_wait: Callable[[str], object] | None = None) -> Iterator[bool]:
    """Keep every other process out of the home. The system frees the lock of a process that dies.

    Args:
        home: made where it is new.
        who: how others see this process named; its command where None.
        on_wait: called with who works here, before waiting for them. Where None, nobody is waited for.

    Yields:
        Whether the lock is new to this process; False where it holds it already.

    Raises:
        HomeBusyError: another process is at work here, and is not waited for; the text names it.
    """
    home.dagster.mkdir(parents=True, exist_ok=True)
    lock = FileLock(home.lock, is_singleton=True)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if on_wait is None:
            raise HomeBusyError(f"{home.root} is in use by {_who(home)}; wait for it, or end it") from None
        on_wait(f"Waits for {_who(home)}, which works in {home.root}")
        lock.acquire(timeout=-1, poll_interval=_SECONDS_BETWEEN_TRIES)
    is_new = lock.lock_counter == 1
    try:
        if is_new:
            _tell_others(home, who or " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]))
        yield is_new
    finally:
        if is_new:
            home.holder.unlink(missing_ok=True)
        lock.release()


@dataclass(frozen=True, slots=True)
class Holder:
    """Who said that it works in a home; one that was killed says so still."""

    pid: int
    command: str
    since: str
    process: str = ""
    """As :func:`assets.resources.processes.name_process` names it."""

    def __str__(self) -> str:
        return f"process {self.pid} ({self.command}) since {self.since}"

    @property
    def is_alive(self) -> bool:
        """Whether the process may still be there."""
        return not self.process or not is_dead(self.process)


def holder_of(home: Home) -> Holder | None:
    """Who works in the home, or did and was killed; None where nobody says so, or the file is damaged."""
    try:
        holder = Holder(**json.loads(home.holder.read_text(encoding="utf-8")))
        str(holder.is_alive)  # raises where the name of the process is none
        return holder
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def is_occupied(home: Home) -> bool:
    """Whether a process is at work in the home; asked without trying for the lock, which could keep another out.

    Where the process is of another host, or of this one when it had another name, only the lock knows.
    """
    holder = holder_of(home)
    if holder is None or not holder.process:
        return False
    if pid_of(holder.process) is not None:
        return holder.is_alive
    try:
        with FileLock(home.lock, is_singleton=True).acquire(timeout=0):
            return False
    except Timeout:
        return True


def _tell_others(home: Home, who: str) -> None:
    since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    holder = {"pid": os.getpid(), "process": current_process(), "command": who, "since": since}
    write_text(home.holder, json.dumps(holder))


def _who(home: Home) -> str:
    return str(holder_of(home) or "another process")
