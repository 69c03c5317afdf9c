"""Processes of this machine, as ``/proc`` shows them."""

from __future__ import annotations

import os
import time
from pathlib import Path


def processes_naming(text: str) -> list[int]:
    """The running ones with ``text`` in their environment, but for this one."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            named = text in (entry / "environ").read_bytes().decode(errors="replace")
            running = (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            continue
        if named and running and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


def wait_for_the_end_of(text: str, seconds: float) -> None:
    """Until no process names ``text`` any more."""
    end = time.monotonic() + seconds
    while found := processes_naming(text):
        lines = [
            path.read_bytes().replace(b"\0", b" ") for pid in found if (path := Path(f"/proc/{pid}/cmdline")).exists()
        ]
        assert time.monotonic() < end, lines
        time.sleep(0.2)
