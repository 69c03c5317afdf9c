"""Whether what definitions are built from has changed on disk since somebody last looked: sources, experiment file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_PACKAGES = ("har_core", "assets", "pipelines")


class DefinitionFiles:
    """The sources of this installation and one experiment file, compared by size and time of change."""

    def __init__(self, experiment: Path, root: Path = Path(__file__).parents[1]) -> None:
        self._experiment = experiment
        self._root = root
        self._seen = self._look()

    def have_changed(self) -> bool:
        """Whether a file is new, gone or another than at the last call."""
        before, self._seen = self._seen, self._look()
        return before != self._seen

    def _look(self) -> dict[Path, tuple[int, int]]:
        return {path: (stat.st_size, stat.st_mtime_ns) for path, stat in self._files()}

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        for path in (self._experiment, *self._sources()):
            try:
                yield path, path.stat()
            except OSError:  # it goes while we look
                continue

    def _sources(self) -> Iterator[Path]:
        for package in _PACKAGES:
            for path in (self._root / package).rglob("*"):
                if path.suffix in {".py", ".j2", ".css"}:
                    yield path
