"""What every source of recordings offers: its files, in an order that never depends on the file system.

How the files of a folder or a zip are found and read is in ``folders`` and ``archives``; which files are recordings,
and what their paths say, is a :class:`Naming`.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from har_core.base.errors import InputError, Problem, counted
from har_core.datasets.origin import Origin

if TYPE_CHECKING:
    from har_core.datasets.recordings import RecordingKey

MAX_SUBJECT, MAX_SESSION = 2**15 - 1, 2**31 - 1
"""Tables hold subjects in two bytes, sessions in four."""


class FileName(NamedTuple):
    """What the path of a file says; sorts by subject, session, segment, stream.

    Subject 0, session 0 is a file that belongs to no single recording: a table of label intervals.
    """

    subject: int
    session: int
    segment: int = 1
    stream: str = ""
    """Which of several files side by side, where a recording has more than one."""
    label: str = ""
    """The activity as its path writes it, where only the path says it."""

    @property
    def recording(self) -> RecordingKey:
        """The recording that the file belongs to."""
        from har_core.datasets.recordings import RecordingKey  # noqa: PLC0415 - listing files needs no NumPy

        return RecordingKey(self.subject, self.session)

    def __str__(self) -> str:
        if not self.subject:
            return f"{self.stream} of all recordings".strip()
        return f"{self.recording}, segment {self.segment}" + (f", {self.stream}" if self.stream else "")


class Naming(ABC):
    """Which files of a source are of a data set. Paths are those inside the source, ``/``-separated."""

    expectation: str
    """What is expected of a source, in words: ``segment files aNN/pN/sNN.txt, at any depth``."""
    max_bytes: int
    """Largest file, uncompressed; a larger one is refused."""

    @abstractmethod
    def may_match(self, path: str) -> bool:
        """Whether the file may be of the data set; asked of every file, so it has to be cheap."""

    @abstractmethod
    def names(self, paths: Sequence[str]) -> Mapping[str, FileName]:
        """What the paths say, of those that are files of the data set; it raises nothing.

        Args:
            paths: all that :meth:`may_match`.
        """

    def check(self, names: Mapping[str, FileName]) -> list[Problem]:  # noqa: ARG002 - the interface
        """What cannot be in :meth:`names`, such as numbers out of range; ``path`` is the path inside the source.

        That two files have one name need not be looked for here.
        """
        return []

    def is_loose(self, path: str) -> bool:  # noqa: ARG002 - the interface
        """Whether a file that is none of the data set may hold samples of nobody knows whom."""
        return False

    def is_beside(self, folder: str, paths: Collection[str]) -> bool:  # noqa: ARG002 - the interface
        """Whether a folder that cannot be listed holds nothing of the data set, given where its files are."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """One file of a source."""

    name: FileName
    path: str
    """Path inside the source, ``/``-separated."""
    num_bytes: int
    """Size as the source states it, uncompressed."""
    marker: str
    """Changes with the content and is known without reading it: time of change, or CRC-32."""


class Source(ABC):
    """Files that can be listed and read; a context manager that closes itself.

    One rule holds for folders and zips: a :class:`Naming` says which files count. Hidden files (``.…``), what lies in
    hidden folders and ``__MACOSX`` do not count. Everything else is listed apart.
    """

    location: Path
    origin: Origin
    """``synthetic`` if the generator's marker file is there."""
    max_bytes: int
    """Largest file that is read."""
    files: tuple[SourceFile, ...]
    """The files of the data set, sorted by name."""
    loose: tuple[str, ...] = ()
    """Paths inside the source of files that may hold samples, of nobody knows whom; sorted."""
    others: tuple[str, ...] = ()
    """Paths inside the source of what else there is, sorted."""
    not_chosen: tuple[SourceFile, ...] = ()
    """Files of recordings that nobody asked for, which are not among ``files``."""

    def choose(self, is_asked_for: Callable[[SourceFile], bool]) -> Self:
        """Leave out all other files."""
        self.not_chosen = tuple(file for file in self.files if not is_asked_for(file))
        self.files = tuple(file for file in self.files if is_asked_for(file))
        return self

    @abstractmethod
    def read(self, file: SourceFile) -> bytes:
        """The file's bytes, uncompressed; many threads may read at once.

        Raises:
            InputError: the file cannot be read, or is larger than :attr:`max_bytes`.
        """

    @abstractmethod
    def read_loose(self, path: str) -> bytes:
        """The same of one of ``loose``."""

    def name(self, file: SourceFile) -> str:
        """The file as the user knows it."""
        return self.name_of(file.path)

    def name_of(self, path: str) -> str:
        """What lies at ``path`` inside the source as the user knows it."""
        return f"{self.location}/{path}"

    def by_recording(self) -> dict[RecordingKey, tuple[SourceFile, ...]]:
        """The files of each recording, in order."""
        own = (file for file in self.files if file.name.subject)
        return {key: tuple(group) for key, group in groupby(own, key=lambda file: file.name.recording)}

    @property
    def shared(self) -> tuple[SourceFile, ...]:
        """The files that belong to no single recording."""
        return tuple(file for file in self.files if not file.name.subject)

    @property
    def subjects(self) -> tuple[int, ...]:
        """Of the recordings, ascending."""
        return tuple(sorted({file.name.subject for file in self.files} - {0}))

    def close(self) -> None:  # noqa: B027 - most sources hold nothing open
        """Release what is held open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Candidate(NamedTuple):
    """A file that may be of the data set, as a folder or a zip lists it; see :class:`SourceFile`."""

    path: str
    num_bytes: int
    marker: str


def list_files(
    candidates: Iterable[Candidate], naming: Naming, *, location: Path
) -> tuple[tuple[SourceFile, ...], tuple[str, ...]]:
    """The files of the data set, sorted by name, and the paths of the candidates that are none.

    Raises:
        InputError: an impossible name (``a20``), or two files of one name; all are named.
    """
    by_path = {candidate.path: candidate for candidate in candidates}
    names = naming.names(tuple(by_path))
    by_name: defaultdict[FileName, list[str]] = defaultdict(list)
    for path, name in names.items():
        by_name[name._replace(label="")].append(path)
    problems = [_at(location, problem) for problem in naming.check(names)]
    problems += [
        Problem(path=f"{location}/{path}", value=f"{len(paths)} files", expected=f"one file for {name}")
        for name, paths in sorted(by_name.items())
        if len(paths) > 1
        for path in sorted(paths)
    ]
    if problems:
        raise InputError(f"{location}: {counted(len(problems), 'file')} outside the layout", problems)
    files = [SourceFile(name=name, **by_path[path]._asdict()) for path, name in names.items()]
    return tuple(sorted(files, key=lambda file: file.name)), tuple(path for path in by_path if path not in names)


def sort_others(paths: Iterable[str], naming: Naming) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What :attr:`Source.loose` and :attr:`Source.others` are of the files outside the layout."""
    ordered = sorted(paths)
    is_loose = {path: naming.is_loose(path) for path in ordered}
    return tuple(p for p in ordered if is_loose[p]), tuple(p for p in ordered if not is_loose[p])


def too_large(name: str, value: str, most_bytes: int) -> Problem:
    """What is wrong with a file above the limit."""
    return Problem(path=name, value=value, expected=f"at most {most_bytes} bytes")


def listing_version(source: Source) -> str:
    """Hash of names, sizes, markers and origin: cheap, and the same wherever the source is."""
    digest = hashlib.sha256(source.origin.encode())
    for file in source.files:
        digest.update(f"\n{tuple(file.name)} {file.num_bytes} {file.marker}".encode())
    return digest.hexdigest()


def _at(location: Path, problem: Problem) -> Problem:
    return Problem(
        path=f"{location}/{problem.path}" if problem.path else str(location),
        value=problem.value,
        expected=problem.expected,
        line=problem.line,
        column=problem.column,
    )
