"""Who serves a home: one ``har ui`` at a time. The lock, the links, and the folder of the sockets."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import typer

from assets.resources.home import Home
from assets.resources.processes import current_process, is_dead, pid_of
from har_core.base.errors import HomeBusyError
from pipelines.servers.keeper import GRACE_S

_LONGEST_SOCKET = 100
"""Bytes of a path; systems take 104 or 108."""
_SECONDS_BETWEEN_TRIES = 0.25


@contextmanager
def claimed(home: Home) -> Iterator[int]:
    """Hold the right to serve this home; gives the descriptor that holds it, for a child that outlives this process.

    Raises:
        HomeBusyError: another process serves it; the text names it, and the file with its links.
    """
    descriptor = os.open(home.dagster / "ui.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(descriptor, home)
        try:
            yield descriptor
        finally:
            links_file(home).unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def links_file(home: Home) -> Path:
    """JSON: the process that serves the home, and the links that open its pages. For nobody else's eyes."""
    return home.dagster / "ui.json"


def write_links(home: Home, links: Mapping[str, str]) -> None:
    """Tell this user's other processes who serves the home."""
    since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    told = {"process": current_process(), "since": since, **links}
    path = links_file(home)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
        json.dump(told, file, indent=2)


@contextmanager
def folder_of_sockets(home: Home) -> Iterator[Path]:
    """A new empty folder that only this user can enter: below the home, or where that has too long a path elsewhere.

    It is where servers work too: Dagster imports modules from there before others.
    """
    folder = home.dagster / "ui"
    shutil.rmtree(folder, ignore_errors=True)
    if len(os.fsencode(folder)) + len("/definitions.sock") > _LONGEST_SOCKET:
        folder = Path(tempfile.mkdtemp(prefix="har-"))
    else:
        folder.mkdir(0o700)
    folder.chmod(0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _lock(descriptor: int, home: Home) -> None:
    deadline = time.monotonic() + GRACE_S + 5
    has_said = False
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        told = _told(home)
        if not told or not is_dead(told["process"]) or time.monotonic() > deadline:
            raise HomeBusyError(_who_serves(home, told))
        if not has_said:
            typer.echo(f"Waiting for the servers of process {pid_of(told['process'])}, which was killed, to end ...")
            has_said = True
        time.sleep(_SECONDS_BETWEEN_TRIES)


def _who_serves(home: Home, told: Mapping[str, str]) -> str:
    if not told:
        return f"{home.root} is served by another process already; look for its `har ui`"
    pages = ", ".join(f"{name} at {told[name].partition('?')[0]}" for name in ("Dagster", "MLflow"))
    return (
        f"{home.root} is served by process {pid_of(told['process'])} since {told['since']}: {pages}. "
        f"The links that open them are in {links_file(home)}"
    )


def _told(home: Home) -> dict[str, str]:
    """What the process that serves the home wrote; nothing where it has not yet, or where that cannot be read."""
    try:
        told = json.loads(links_file(home).read_text(encoding="utf-8"))
        pid_of(told["process"])
        return {name: str(told[name]) for name in ("process", "since", "Dagster", "MLflow")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
