"""Names a process, so that a later one can find out whether it still lives."""

import os
import socket
from pathlib import Path

PROCESS_TAG = "har/process"
"""Tag of Dagster and MLflow runs: the process that does the work."""


def current_process() -> str:
    """``host:pid:start``; the start sets a process apart from a later one with the same number."""
    return name_process(os.getpid())


def name_process(pid: int) -> str:
    """The name of another process of this host."""
    return f"{socket.gethostname()}:{pid}:{_start(pid)}"


def pid_of(process: str) -> int | None:
    """The number of ``process``, where it runs on this host."""
    host, pid, _ = process.rsplit(":", 2)
    return int(pid) if host == socket.gethostname() else None


def is_dead(process: str) -> bool:
    """Whether ``process``, as :func:`current_process` wrote it, has surely ended; False for another host's."""
    host, pid, start = process.rsplit(":", 2)
    if host != socket.gethostname():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # it lives, and is somebody else's
    return start != _start(int(pid))


def _start(pid: int) -> str:
    """Clock ticks from boot to the start of a process, where the system says so; else nothing."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    return fields.rpartition(")")[2].split()[19]
