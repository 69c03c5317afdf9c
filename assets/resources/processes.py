"""Names a process, so that a later one can find out whether it still lives."""

import os
import socket
from pathlib import Path

PROCESS_TAG = "har/process"
"""Tag of Dagster and MLflow runs: the process that does the work."""


def current_process() -> str:
    """The name of this process."""
    return name_process(os.getpid())


def name_process(pid: int) -> str:
    """``host:pid:start`` of a process of this host; the start sets it apart from a later one with the same number."""
    return f"{socket.gethostname()}:{pid}:{_start(pid)}"


def pid_of(process: str) -> int | None:
    """The number of ``process``, where it runs on this host."""
    host, pid, _ = process.rsplit(":", 2)
    return int(pid) if host == socket.gethostname() else None


def is_dead(process: str) -> bool:
    """Whether ``process``, as :func:`name_process` wrote it, has surely ended; False for another host's."""
    pid = pid_of(process)
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # it lives, and is somebody else's
    return process != name_process(pid) or _stat(pid)[:1] == ["Z"]  # ended, and nobody has asked how


def _start(pid: int) -> str:
    """Clock ticks from boot to the start of a process, where the system says so; else nothing."""
    fields = _stat(pid)
    return fields[19] if fields else ""


def _stat(pid: int) -> list[str]:
    """What the system says of a process from its state on; nothing where it says nothing."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return []
