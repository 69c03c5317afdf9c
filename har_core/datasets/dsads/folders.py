"""Recordings in a directory: finds the segment files and reads them."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterable
from io import FileIO
from operator import attrgetter
from pathlib import Path, PurePosixPath

from har_core.base.errors import InputError, Problem, counted
from har_core.base.files import READ_AT_ONCE, kind_of, read_file
from har_core.datasets.dsads.layout import SYNTHETIC_MARKER, parse_segment_path
from har_core.datasets.dsads.listing import (
    MAX_SEGMENT_BYTES,
    SegmentFile,
    Source,
    list_segments,
    sort_others,
    too_large,
)

_ACTIVITY = re.compile(r"[aA][0-9]+")
_SUBJECT_FOLDER = re.compile(r"(?:.*/)?[aA][0-9]+/[pP][0-9]+", re.DOTALL)
_MOST_FOLDERS = 100_000
"""Who names the root of a disk should not wait for an hour."""


class FolderSource(Source):
    """A directory of ``aNN/pN/sNN.txt`` at any depth. Links are followed; a folder reached twice counts once."""

    def __init__(self, location: Path) -> None:
        """List the directory.

        Raises:
            InputError: it cannot be listed or does not fit the layout, or a segment is no plain file or too large.
        """
        self.location = location
        walk = _Walk(location)
        others = walk.others + walk.refuse_unlisted()
        self.files = list_segments((file for file, _ in walk.found), location=location)
        self._refuse_unreadable(walk.found)
        self.loose, self.others = sort_others(others)
        self.origin = "synthetic" if walk.was_made else "real"

    def read(self, file: SegmentFile) -> bytes:
        """The bytes of a file."""
        path = self.name(file)
        try:
            # One call for a file of the listed size; with a buffer, reading asks the system five times.
            with FileIO(os.open(path, READ_AT_ONCE)) as opened:
                content = opened.read(file.num_bytes + 1) or b""
                if len(content) != file.num_bytes:
                    content += opened.read(MAX_SEGMENT_BYTES + 1 - len(content)) or b""
        except OSError as error:
            problem = Problem(path=path, value=error.strerror, expected="a file that can be read")
            raise InputError(f"{path}: cannot be read", [problem]) from error
        if len(content) > MAX_SEGMENT_BYTES:  # it grew
            raise InputError(f"{path}: too large", [too_large(path, f"{len(content)} bytes", MAX_SEGMENT_BYTES)])
        return content

    def read_loose(self, path: str) -> bytes:
        """The bytes of a text file outside the layout."""
        return read_file(self.location / path, most_bytes=MAX_SEGMENT_BYTES)

    def _refuse_unreadable(self, found: Iterable[tuple[SegmentFile, str | None]]) -> None:
        problems = []
        for file, kind in sorted(found, key=lambda entry: entry[0].key):
            if kind is not None:
                expected = "a plain file, or a link to one"
                problems.append(Problem(path=self.name(file), value=kind, expected=expected))
            elif file.num_bytes > MAX_SEGMENT_BYTES:
                problems.append(too_large(self.name(file), f"{file.num_bytes} bytes", MAX_SEGMENT_BYTES))
        if problems:
            raise InputError(f"{self.location}: {counted(len(problems), 'file')} that cannot be read", problems)


class _Walk:
    """What lies below a directory, looked through level by level, in the order of names."""

    def __init__(self, location: Path) -> None:
        self.found: list[tuple[SegmentFile, str | None]] = []
        """Segment files, and what stands in the place of a plain file, if anything does."""
        self.others: list[str] = []
        self.was_made = False
        self._location = location
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
                found = sorted((entry for entry in entries if not entry.name.startswith(".")), key=attrgetter("name"))
        except OSError as error:
            self._unlisted[folder] = error
            return
        if len(self._seen) > _MOST_FOLDERS:
            problem = Problem(path=str(path), expected=f"at most {_MOST_FOLDERS:,} folders; name the one of recordings")
            raise InputError(f"{self._location}: too many folders", [problem])
        may_hold_segments = _SUBJECT_FOLDER.fullmatch(folder[:-1]) is not None
        for entry in found:
            path_inside = folder + entry.name
            if may_hold_segments and (segment := _segment_at(path_inside, entry)) is not None:
                self.found.append(segment)
            elif _is_dir(entry):
                if entry.name != "__MACOSX":
                    self._waiting.append(f"{path_inside}/")
            elif entry.name == SYNTHETIC_MARKER:
                self.was_made = True
            else:
                self.others.append(path_inside)

    def refuse_unlisted(self) -> list[str]:
        """Folders that cannot be listed and need not be, because they lie beside folders of activities.

        Raises:
            InputError: another folder cannot be listed.
        """
        tops = {PurePosixPath(file.path).parent.parent.parent for file, _ in self.found}
        spared = [
            folder
            for folder in self._unlisted
            if folder and PurePosixPath(folder).parent in tops and not _ACTIVITY.fullmatch(PurePosixPath(folder).name)
        ]
        problems = [
            Problem(path=str(self._location / folder), value=error.strerror, expected="a directory that can be listed")
            for folder, error in self._unlisted.items()
            if folder not in spared
        ]
        if problems:
            raise InputError(f"{self._location}: cannot be listed", problems)
        return spared


def _segment_at(path: str, entry: os.DirEntry[str]) -> tuple[SegmentFile, str | None] | None:
    key = parse_segment_path(path)
    if key is None:
        return None
    try:
        status = entry.stat()
    except OSError:  # keep a dangling link in the listing, so that reading it names it
        return SegmentFile(key=key, path=path, num_bytes=0, marker="unreadable"), None
    file = SegmentFile(key=key, path=path, num_bytes=status.st_size, marker=str(status.st_mtime_ns))
    return file, kind_of(status)


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to where nobody may look
        return False
