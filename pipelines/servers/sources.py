"""What definitions are built from, to see when it changes."""

from __future__ import annotations

import contextlib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def state_of_sources(experiment: Path, root: Path = ROOT) -> dict[Path, tuple[int, int]]:
    """Size and time of change (ns) of what definitions are built from: an experiment file, and sources in ``root``."""
    folders = (root / package for package in ("har_core", "assets", "pipelines"))
    sources = (path for folder in folders for path in folder.rglob("*") if path.suffix in {".py", ".j2", ".css"})
    state = {}
    for path in (experiment, *sources):
        with contextlib.suppress(OSError):  # it goes while we look
            stat = path.stat()
            state[path] = (stat.st_size, stat.st_mtime_ns)
    return state
