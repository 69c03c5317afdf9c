"""Recordings in a directory: finds the files of a data set and reads them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping
from io import FileIO
from operator import attrgetter
from pathlib import Path

from har_core.base.errors import InputError, Problem, counted
from har_core.base.files import READ_AT_ONCE, kind_of, read_file
from har_core.datasets.origin import SYNTHETIC_MARKER
from har_core.datasets.source import Candidate, Naming, Source, SourceFile, list_files, sort_others, too_large

_MOST_FOLDERS = 100_000
"""Who names the root of a disk should not wait for an hour."""


class FolderSource(Source):
    """A directory. Links are followed; a folder reached twice counts once."""

    def __init__(self, location: Path, naming: Naming, *, only: str | None = None) -> None:
        """List the directory, or ``only`` the file of this name in it.

        Raises:
            InputError: it cannot be listed or does not fit the layout, or a file is no plain one or too large.
        """
        self.location, self.max_bytes = location, naming.max_bytes
        walk = _Walk(location, naming, only)
        others = walk.others + walk.refuse_unlisted()
        self.files, unnamed = list_files((file for file, _ in walk.found), naming, location=location)
        self._refuse_unreadable({file.path: kind for file, kind in walk.found if kind is not None})
        self.loose, self.others = sort_others([*others, *unnamed], naming)
        self.origin = "synthetic" if walk.was_made else "real"

    def read(self, file: SourceFile) -> bytes:
        """The bytes of a file."""
        path = self.name(file)
        try:
            # One call for a file of the listed size; with a buffer, reading asks the system five times.
            with FileIO(os.open(path, READ_AT_ONCE)) as opened:
                content = opened.read(file.num_bytes + 1) or b""
                if len(content) != file.num_bytes:
                    content += opened.read(self.max_bytes + 1 - len(content)) or b""
        except OSError as error:
            problem = Problem(path=path, value=error.strerror, expected="a file that can be read")
            raise InputError(f"{path}: cannot be read", [problem]) from error
        if len(content) > self.max_bytes:  # it grew
            raise InputError(f"{path}: too large", [too_large(path, f"{len(content)} bytes", self.max_bytes)])
        return content

    def read_loose(self, path: str) -> bytes:
        """The bytes of a file outside the layout."""
        return read_file(self.location / path, most_bytes=self.max_bytes)

    def _refuse_unreadable(self, kinds: Mapping[str, str]) -> None:
        """``kinds`` says by path what stands in the place of a plain file."""
        problems = []
        for file in self.files:
            if file.path in kinds:
                expected = "a plain file, or a link to one"
                problems.append(Problem(path=self.name(file), value=kinds[file.path], expected=expected))
            elif file.num_bytes > self.max_bytes:
                problems.append(too_large(self.name(file), f"{file.num_bytes} bytes", self.max_bytes))
        if problems:
            raise InputError(f"{self.location}: {counted(len(problems), 'file')} that cannot be read", problems)


class _Walk:
    """What lies below a directory, looked through level by level, in the order of names."""

    def __init__(self, location: Path, naming: Naming, only: str | None) -> None:
        self.found: list[tuple[Candidate, str | None]] = []
        """What may be of the data set, and what stands in the place of a plain file, if anything does."""
        self.others: list[str] = []
        self.was_made = False
        self._location, self._naming, self._only = location, naming, only
        self._unlisted: dict[str, OSError] = {}
        self._seen: set[tuple[int, int]] = set()
        self._waiting = deque([""])
        while self._waiting:
            self._look_into(self._waiting.popleft())

    def _look_into(self, folder: str) -> None:
        """``folder`` is the path from the location, with a slash at its end unless it is empty."""
        path = self._location / folder
        try:
            status = path.stat()
            place = (status.st_dev, status.st_ino)
            if place in self._seen:
                return
            self._seen.add(place)
            with os.scandir(path) as entries:
                shown = (entry for entry in entries if not entry.name.startswith("."))
                found = sorted((e for e in shown if self._only in {None, e.name}), key=attrgetter("name"))
        except OSError as error:
            self._unlisted[folder] = error
            return
        if len(self._seen) > _MOST_FOLDERS:
            problem = Problem(path=str(path), expected=f"at most {_MOST_FOLDERS:,} folders; name the one of recordings")
            raise InputError(f"{self._location}: too many folders", [problem])
        for entry in found:
            path_inside = folder + entry.name
            if self._naming.may_match(path_inside):
                self.found.append(_candidate_at(path_inside, entry))
            elif _is_dir(entry):
                if entry.name != "__MACOSX":
                    self._waiting.append(f"{path_inside}/")
            elif entry.name == SYNTHETIC_MARKER:
                self.was_made = True
            else:
                self.others.append(path_inside)

    def refuse_unlisted(self) -> list[str]:
        """Folders that cannot be listed and need not be, because they hold nothing of the data set.

        Raises:
            InputError: another folder cannot be listed.
        """
        paths = [file.path for file, _ in self.found]
        spared = [folder for folder in self._unlisted if folder and self._naming.is_beside(folder, paths)]
        problems = [
            Problem(path=str(self._location / folder), value=error.strerror, expected="a directory that can be listed")
            for folder, error in self._unlisted.items()
            if folder not in spared
        ]
        if problems:
            raise InputError(f"{self._location}: cannot be listed", problems)
        return spared


def _candidate_at(path: str, entry: os.DirEntry[str]) -> tuple[Candidate, str | None]:
    try:
        status = entry.stat()
    except OSError:  # keep a dangling link in the listing, so that reading it names it
        return Candidate(path, num_bytes=0, marker="unreadable"), None
    return Candidate(path, num_bytes=status.st_size, marker=str(status.st_mtime_ns)), kind_of(status)


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to where nobody may look
        return False
