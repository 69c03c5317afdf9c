"""Recordings in a directory: finds the segment files and reads them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from io import FileIO
from pathlib import Path

from har_core.base.errors import InputError, Problem, counted
from har_core.datasets.dsads.layout import SYNTHETIC_MARKER
from har_core.datasets.dsads.listing import MAX_SEGMENT_BYTES, SegmentFile, Source, list_segments, parse_segment_file

_ACTIVITY, _SUBJECT = re.compile(r"[aA][0-9]+"), re.compile(r"[pP][0-9]+")
_OTHER = re.compile(r"(?!\.|__MACOSX$|[aA][0-9]+$).+")
"""Names of folders that may hold activity folders."""
_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class FolderSource(Source):
    """A directory of ``aNN/pN/sNN.txt``, or one that holds such a directory; everything else in it is ignored."""

    def __init__(self, location: Path) -> None:
        """List the directory.

        Raises:
            InputError: it cannot be listed or does not fit the layout, or a segment is no plain file or too large.
        """
        self.location = location
        try:
            tops = _tops(location)
            found = [entry for top in tops for entry in _segments_below(location, top)]
        except OSError as error:
            path = str(error.filename or location)
            problem = Problem(path=path, value=error.strerror, expected="a directory that can be listed")
            raise InputError(f"{location}: cannot be listed", [problem]) from error
        self.files = list_segments((file for file, _ in found), location=location)
        self._refuse_unreadable(found)
        self.origin = "synthetic" if any((top / SYNTHETIC_MARKER).exists() for top in tops) else "real"

    def read(self, file: SegmentFile) -> bytes:
        """The bytes of a file."""
        path = self.name(file)
        try:
            # One call for a file of the listed size; with a buffer, reading asks the system five times.
            with FileIO(path) as opened:
                content = opened.read(file.num_bytes + 1)
                return content if len(content) == file.num_bytes else content + opened.readall()
        except OSError as error:
            problem = Problem(path=path, value=error.strerror, expected="a file that can be read")
            raise InputError(f"{path}: cannot be read", [problem]) from error

    def _refuse_unreadable(self, found: Iterable[tuple[SegmentFile, int]]) -> None:
        problems = []
        for file, kind in sorted(found, key=lambda entry: entry[0].key):
            if kind in _KINDS:
                expected = "a plain file, or a link to one"
                problems.append(Problem(path=self.name(file), value=_KINDS[kind], expected=expected))
            elif file.num_bytes > MAX_SEGMENT_BYTES:
                expected = f"at most {MAX_SEGMENT_BYTES} bytes"
                problems.append(Problem(path=self.name(file), value=f"{file.num_bytes} bytes", expected=expected))
        if problems:
            raise InputError(f"{self.location}: {counted(len(problems), 'file')} that cannot be read", problems)


def _tops(location: Path) -> list[Path]:
    """Where activity folders may be: in the directory itself, and in the directories within it."""
    inner = sorted(_folders(location, _OTHER))
    if any(_folders(location, _ACTIVITY)):  # then others, such as lost+found, need not be readable
        inner = [folder for folder in inner if _can_be_listed(folder)]
    return [location, *inner]


def _can_be_listed(folder: Path) -> bool:
    try:
        with os.scandir(folder):
            return True
    except OSError:
        return False


def _segments_below(location: Path, top: Path) -> Iterator[tuple[SegmentFile, int]]:
    """Segment files, and what kind of thing each is; 0 if that cannot be found out."""
    for folder in [subject for activity in _folders(top, _ACTIVITY) for subject in _folders(activity, _SUBJECT)]:
        prefix = folder.relative_to(location).as_posix()
        with os.scandir(folder) as entries:
            for entry in entries:
                kind, num_bytes, marker = _look_at(entry)
                file = parse_segment_file(f"{prefix}/{entry.name}", num_bytes=num_bytes, marker=marker)
                if file is not None:
                    yield file, kind


def _folders(folder: Path, pattern: re.Pattern[str]) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if pattern.fullmatch(entry.name) and entry.is_dir():
                yield Path(entry.path)


def _look_at(entry: os.DirEntry[str]) -> tuple[int, int, str]:
    try:
        status = entry.stat()
    except OSError:  # keep a dangling link in the listing, so that reading it names it
        return 0, 0, "unreadable"
    return stat.S_IFMT(status.st_mode), status.st_size, str(status.st_mtime_ns)
