"""Recordings in a zip: finds and reads the files of a data set, whatever the compression, without unpacking to disk."""

from __future__ import annotations

import stat
import struct
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from har_core.base.errors import InputError, Problem, counted
from har_core.datasets.origin import SYNTHETIC_MARKER
from har_core.datasets.source import Candidate, Naming, Source, SourceFile, list_files, sort_others, too_large
from har_core.datasets.unpacking import UnpackingError, unpack

_MAX_TOTAL_BYTES = 8_000_000_000
"""Most that all files may unpack to; DSADS has 0.42 GB."""

_MAX_DIRECTORY_BYTES = 40_000_000
"""Largest table of members: half a million of them; DSADS has 9,120."""
_END, _END_OF_ZIP64, _IN_ZIP64 = b"PK\5\6", b"PK\6\6", 0xFFFF_FFFF
_END_BYTES = 65_536 + 200
"""Holds the last records of an archive, with the longest comment."""
_ENCRYPTED_FLAG = 0x1
_PLAIN = {0, stat.S_IFREG, stat.S_IFDIR}
_DAMAGE = (zipfile.BadZipFile, EOFError, OSError, struct.error, UnicodeDecodeError, OverflowError, RuntimeError)
"""What :mod:`zipfile` raises of an archive that is not as it should be."""


class ZipSource(Source):
    """A zip."""

    def __init__(self, location: Path, naming: Naming) -> None:
        """List the members.

        Raises:
            InputError: it is not a whole zip or does not fit the layout, or a member is encrypted, is there twice,
                leads out of the archive or unpacks past a limit.
        """
        self.location, self.max_bytes = location, naming.max_bytes
        try:
            _refuse_large_directory(location)
            self._zip = zipfile.ZipFile(location)
        except (*_DAMAGE, ValueError, MemoryError) as error:
            problem = Problem(path=str(location), value=str(error), expected="a whole zip archive")
            raise InputError(f"{location}: not a zip archive, or a truncated one", [problem]) from error
        try:
            self._members = {
                member.filename: member for member in self._zip.infolist() if not _is_junk(member.filename)
            }
            _refuse_unsafe(self._zip.infolist(), location)
            candidates, others, was_made = [], [], False
            for name, member in self._members.items():
                if naming.may_match(name):
                    candidates.append(Candidate(name, num_bytes=member.file_size, marker=f"{member.CRC:08x}"))
                elif PurePosixPath(name).name == SYNTHETIC_MARKER:
                    was_made = True
                else:
                    others.append(name)
            self.files, unnamed = list_files(candidates, naming, location=location)
            self.loose, self.others = sort_others([*others, *unnamed], naming)
            self._refuse_unreadable()
        except InputError:
            self._zip.close()
            raise
        self.origin = "synthetic" if was_made else "real"

    def read(self, file: SourceFile) -> bytes:
        """The unpacked bytes of a member; an error if it is damaged, or packed in a way that is not known here."""
        return self.read_loose(file.path)

    def read_loose(self, path: str) -> bytes:
        """The same of a file outside the layout."""
        name, member = self.name_of(path), self._members[path]
        if member.file_size > self.max_bytes:
            raise InputError(f"{name}: too large", [self._too_large(name, member.file_size)])
        try:
            return unpack(self._zip, member)
        except (*_DAMAGE, UnpackingError) as error:
            problem = Problem(path=name, value=str(error), expected="an undamaged member of the archive")
            raise InputError(f"{name}: cannot be read", [problem]) from error

    def close(self) -> None:
        """Close the archive."""
        self._zip.close()

    def _too_large(self, name: str, num_bytes: int) -> Problem:
        return too_large(name, f"{num_bytes} bytes unpacked", self.max_bytes)

    def _refuse_unreadable(self) -> None:
        problems = []
        for file in self.files:
            member = self._members[file.path]
            if member.flag_bits & _ENCRYPTED_FLAG:
                problems.append(Problem(path=self.name(file), value="encrypted", expected="a member without password"))
            if member.file_size > self.max_bytes:
                problems.append(self._too_large(self.name(file), member.file_size))
        total = sum(file.num_bytes for file in self.files) + sum(self._members[path].file_size for path in self.loose)
        if total > _MAX_TOTAL_BYTES:
            expected = f"at most {_MAX_TOTAL_BYTES} bytes"
            problems.append(Problem(path=str(self.location), value=f"{total} bytes unpacked", expected=expected))
        if problems:
            raise InputError(f"{self.location}: {counted(len(problems), 'problem')} in the archive", problems)


def _refuse_large_directory(location: Path) -> None:
    """Members are held in memory, each with twenty times the bytes that its entry has."""
    with location.open("rb") as file:
        file.seek(max(0, location.stat().st_size - _END_BYTES))
        end = file.read()
    num_bytes = _number_after(end, _END, 12, 4)
    if num_bytes == _IN_ZIP64:
        num_bytes = _number_after(end, _END_OF_ZIP64, 40, 8)
    if num_bytes > _MAX_DIRECTORY_BYTES:
        value, expected = f"a table of {num_bytes} bytes", f"at most {_MAX_DIRECTORY_BYTES} bytes"
        raise InputError(f"{location}: too many members", [Problem(path=str(location), value=value, expected=expected)])


def _number_after(content: bytes, signature: bytes, offset: int, size: int) -> int:
    at = content.rfind(signature)
    return 0 if at < 0 else int.from_bytes(content[at + offset : at + offset + size], "little")


def _refuse_unsafe(members: Sequence[zipfile.ZipInfo], location: Path) -> None:
    problems = []
    for name, count in sorted(Counter(member.orig_filename for member in members).items()):
        if count > 1:
            problems.append(Problem(path=f"{location}/{name}", value=f"{count} times", expected="each path once"))
        if _leads_out(name):
            expected = "a relative path that stays inside the archive"
            problems.append(Problem(path=f"{location}/{name}", value=name, expected=expected))
    for member in members:
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in _PLAIN:
            value = "a symbolic link" if kind == stat.S_IFLNK else "a device, a pipe or a socket"
            problems.append(Problem(path=f"{location}/{member.filename}", value=value, expected="a plain file"))
    if problems:
        raise InputError(f"{location}: {counted(len(problems), 'unsafe or ambiguous member')} in the archive", problems)


def _leads_out(name: str) -> bool:
    windows = PureWindowsPath(name)
    return ".." in windows.parts or bool(windows.drive) or bool(windows.root) or "\0" in name


def _is_junk(name: str) -> bool:
    return any(part == "__MACOSX" or part.startswith(".") for part in PurePosixPath(name).parts) or name.endswith("/")
