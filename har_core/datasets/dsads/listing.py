"""What every source of recordings offers: its segment files, in an order that never depends on the file system.

How the files of a folder or a zip are found and read is in ``folders`` and ``archives``.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Self

from har_core.base.errors import InputError, Problem, counted
from har_core.datasets.dsads.layout import (
    ACTIVITIES,
    NUM_ACTIVITIES,
    RecordingKey,
    SegmentKey,
    parse_segment_path,
)
from har_core.datasets.origin import Origin

MAX_SEGMENT_BYTES = 4_000_000
"""Largest segment file, uncompressed; the real ones have 47 kB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFile:
    """One segment file of a source."""

    key: SegmentKey
    path: str
    """Path inside the source, ``/``-separated."""
    num_bytes: int
    """Size as the source states it, uncompressed."""
    marker: str
    """Changes with the content and is known without reading it: time of change, or CRC-32."""


class Source(ABC):
    """Files that can be listed and read; a context manager that closes itself.

    One rule holds for folders and zips: a segment file is ``aNN/pN/sNN.txt`` at any depth, in any case. Hidden files
    (``.…``), what lies in hidden folders and ``__MACOSX`` do not count. Everything else is listed apart.
    """

    location: Path
    origin: Origin
    """``synthetic`` if the generator's marker file is there."""
    files: tuple[SegmentFile, ...]
    """The segment files, sorted by subject, activity, segment."""
    loose: tuple[str, ...] = ()
    """Paths inside the source of all other text files (``.txt``), sorted: nobody knows whose they are."""
    others: tuple[str, ...] = ()
    """Paths inside the source of what else there is, sorted."""
    activities: tuple[int, ...] = tuple(range(1, NUM_ACTIVITIES + 1))
    """Numbers of the activities that are asked for, ascending: all, unless :meth:`choose` was called."""
    not_chosen: tuple[SegmentFile, ...] = ()
    """The segment files of the other activities, which are not among ``files``."""

    def choose(self, names: Collection[str] | None) -> Self:
        """Leave out the segment files of all activities but those of these ``ACTIVITIES``; None leaves out nothing."""
        if names is not None:
            self.activities = tuple(number for number, name in enumerate(ACTIVITIES, 1) if name in names)
            self.not_chosen = tuple(file for file in self.files if file.key.activity not in self.activities)
            self.files = tuple(file for file in self.files if file.key.activity in self.activities)
        return self

    @abstractmethod
    def read(self, file: SegmentFile) -> bytes:
        """The file's bytes, uncompressed; many threads may read at once.

        Raises:
            InputError: the file cannot be read, or is larger than :data:`MAX_SEGMENT_BYTES`.
        """

    def read_loose(self, path: str) -> bytes:
        """The same of one of ``loose``."""
        raise KeyError(path)

    def name(self, file: SegmentFile) -> str:
        """The file as the user knows it."""
        return self.name_of(file.path)

    def name_of(self, path: str) -> str:
        """What lies at ``path`` inside the source as the user knows it."""
        return f"{self.location}/{path}"

    def by_recording(self) -> dict[RecordingKey, tuple[SegmentFile, ...]]:
        """The files of each recording, in order."""
        return {key: tuple(group) for key, group in groupby(self.files, key=lambda file: file.key.recording)}

    def close(self) -> None:  # noqa: B027 - most sources hold nothing open
        """Release what is held open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def list_segments(candidates: Iterable[SegmentFile], *, location: Path) -> tuple[SegmentFile, ...]:
    """Sort the segment files by key.

    Raises:
        InputError: an impossible number (``a20``), or two files of one key; all are named.
    """
    by_key: defaultdict[SegmentKey, list[SegmentFile]] = defaultdict(list)
    for file in candidates:
        by_key[file.key].append(file)
    problems: list[Problem] = []
    for key, files in sorted(by_key.items()):
        expected, value = key.expectation(), f"{key.recording}, segment {key.segment}"
        if expected is None and len(files) > 1:
            expected, value = f"one file for {key.path}", f"{len(files)} files"
        if expected is not None:
            paths = sorted(f"{location}/{file.path}" for file in files)
            problems.extend(Problem(path=path, value=value, expected=expected) for path in paths)
    if problems:
        raise InputError(f"{location}: {counted(len(problems), 'file')} outside the layout", problems)
    return tuple(by_key[key][0] for key in sorted(by_key))


def parse_segment_file(path: str, *, num_bytes: int, marker: str) -> SegmentFile | None:
    """The segment file at ``path``; None if the path names none."""
    key = parse_segment_path(path)
    return None if key is None else SegmentFile(key=key, path=path, num_bytes=num_bytes, marker=marker)


def sort_others(paths: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What :attr:`Source.loose` and :attr:`Source.others` are of the files outside the layout."""
    paths = sorted(paths)
    loose = tuple(path for path in paths if path.lower().endswith(".txt"))
    return loose, tuple(path for path in paths if not path.lower().endswith(".txt"))


def too_large(name: str, value: str, most_bytes: int) -> Problem:
    """What is wrong with a file above the limit."""
    return Problem(path=name, value=value, expected=f"at most {most_bytes} bytes")


def listing_version(source: Source) -> str:
    """Hash of keys, sizes, markers and origin: cheap, and the same wherever the source is."""
    digest = hashlib.sha256(source.origin.encode())
    for file in source.files:
        digest.update(f"\n{file.key.path} {file.num_bytes} {file.marker}".encode())
    return digest.hexdigest()
