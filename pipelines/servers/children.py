"""Child processes in one process group, which ends with this process, however this one ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from pipelines.servers import keeper


class Children:
    """Starts processes that nobody but this user can look into, and ends them; use it as a context."""

    def __init__(self, environment: Mapping[str, str], folder: Path, log: IO[bytes], kept_open: int) -> None:
        """Start the process that ends the others where this one is killed.

        Args:
            environment: of all children.
            folder: their working directory, which holds no code, for Python looks for modules there first. ``-P`` is
                no way out: Dagster drops the first entry of the path when it loads definitions, whatever that is.
            log: what they write.
            kept_open: a descriptor that stays open until the last of them was told to end.
        """
        self._environment = {name: value for name, value in environment.items() if name != "PYTHONSAFEPATH"}
        self._folder = folder
        self._log = log
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", keeper.__file__],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            process_group=0,
            pass_fds=[kept_open],
        )

    def __enter__(self) -> Children:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start ``python -m command``, with ``environment`` beyond that of all."""
        child = self._children[name] = subprocess.Popen(
            [sys.executable, "-m", *command],
            env={**self._environment, **(environment or {})},
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            process_group=self._keeper.pid,
            umask=0o077,
        )
        return child

    def ended(self) -> tuple[str, int] | None:
        """The name and exit code of a child that has ended by itself; None while all run."""
        for name, child in {"The process that ends the others": self._keeper, **self._children}.items():
            if child.poll() is not None:
                return name, child.returncode
        return None

    def forget(self, name: str) -> None:
        """A child that did its work: it may end."""
        del self._children[name]

    def end(self) -> None:
        """Ask all to end, their own children too, and kill what is left after a while."""
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + keeper.GRACE_S
        for child in self._children.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(max(0.1, deadline - time.monotonic()))
        self._signal(signal.SIGKILL)
        for child in (self._keeper, *self._children.values()):
            child.wait()
        if self._keeper.stdin is not None:
            self._keeper.stdin.close()

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._keeper.pid, number)
