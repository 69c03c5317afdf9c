"""A source of recordings, whatever holds them: what it offers, how it is opened, and its cheap version."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

from har_core.base.errors import InputError, Problem
from har_core.datasets.dsads.archives import ZipSource
from har_core.datasets.dsads.folders import FolderSource
from har_core.datasets.dsads.listing import SegmentFile, hash_listing


class Source(Protocol):
    """Segment files that can be listed and read; a context manager that closes itself."""

    location: Path
    origin: Literal["real", "synthetic"]
    """``synthetic`` where the generator's marker file lies beside the activity folders."""
    files: tuple[SegmentFile, ...]
    """Sorted by subject, activity, segment."""

    def read(self, file: SegmentFile) -> bytes:
        """The file's bytes, uncompressed; safe to call from many threads. Raises InputError."""

    def name(self, file: SegmentFile) -> str:
        """The file as the user knows it, for errors."""

    def close(self) -> None:
        """Release what is held open."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_source(path: Path) -> Source:
    """Open the directory or zip of recordings at ``path``; only lists it.

    Raises:
        InputError: nothing is there, or what is there does not fit the layout; all problems are named.
    """
    if path.is_dir():
        return FolderSource(path)
    if path.exists():
        return ZipSource(path)
    raise InputError(
        f"{path}: no recordings here",
        [Problem(path=str(path), expected="a directory or zip of segment files aNN/pN/sNN.txt")],
    )


def listing_version(source: Source) -> str:
    """Hash of the listing: keys, sizes, markers of change. Cheap, and the same wherever the source lies."""
    return hash_listing(source.files, origin=source.origin)
