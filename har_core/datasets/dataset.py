"""A data set that can be read: how the files of a folder or a zip become recordings.

:mod:`har_core.datasets.catalogue` finds one by name. Everything after the recordings knows only its description.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from har_core.base.errors import InputError, Problem, counted
from har_core.base.progress import Progress, silent
from har_core.datasets.acquisition import acquire, request_version
from har_core.datasets.opening import open_source
from har_core.datasets.source import Naming, Source, SourceFile, listing_version
from har_core.settings.source import SourceSettings
from har_core.spec.dataset import DatasetSpec

if TYPE_CHECKING:  # who only lists files needs no NumPy
    import numpy as np
    import numpy.typing as npt

    from har_core.datasets.recordings import Outline, Recording, RecordingKey, Recordings


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFile:
    """What was found while a file was read."""

    file: SourceFile
    num_bytes: int
    """Of the content, uncompressed."""
    sha256: str
    num_rows: int
    """Samples in the file."""
    status: str = "ok"
    """``ok``, and after a colon what was accepted: ``ok: BOM, CRLF``."""

    @classmethod
    def of(cls, file: SourceFile, content: bytes, *, num_rows: int, status: str = "ok") -> Self:
        """With the size and hash of ``content``."""
        sha256 = hashlib.sha256(content).hexdigest()
        return cls(file=file, num_bytes=len(content), sha256=sha256, num_rows=num_rows, status=status)


class ReadRecording(NamedTuple):
    """A recording, and the files that it was read from."""

    recording: Recording
    files: tuple[ReadFile, ...]


class LooseSegments(NamedTuple):
    """What files hold that nobody knows whose they are, one segment each."""

    names: tuple[str, ...]
    """Of the S files that are right."""
    samples: npt.NDArray[np.float32]
    """(C, R), the rows of the segments one after another."""
    starts: npt.NDArray[np.int64]
    """(S + 1,) the first row of each segment, and R."""
    refused: InputError | None
    """What is wrong with the others."""


class Dataset(ABC):
    """A data set whose files can be read; it holds no state, and can be used from many threads."""

    spec: DatasetSpec
    naming: Naming
    """Which files are recordings, and whose."""
    reads_loose: bool = False
    """Whether it reads files under any name, one segment each."""
    generator: Path | None = None
    """The folder of the code that :meth:`make` runs; None where nobody makes recordings."""
    is_at_uci: bool = False
    """Whether ``[source] kind = "uci"`` can download it."""

    @property
    def reference(self) -> str:
        """What :func:`har_core.datasets.catalogue.find_dataset` finds it by from anywhere: a name or a path."""
        return self.spec.name

    @property
    def version(self) -> str:
        """Hash of all that says how files become recordings, but for code of this project."""
        return self.spec.version

    @property
    def asked_for(self) -> tuple[str, ...] | None:
        """The activities that :meth:`asking_for` named; None for all."""
        return None

    def asking_for(self, activities: Collection[str] | None) -> Dataset:  # noqa: ARG002 - the interface
        """The same, where only these activities are wanted; None for all.

        Where each file is of one activity, files of others are then neither asked for nor read. Elsewhere nothing
        follows.
        """
        return self

    def unlabelled(self) -> Dataset:
        """The same, where nobody asks for labels: files need none, as far as their names do not hold them."""
        return self

    def open(self, path: Path, *, any_names: bool = False) -> Source:
        """The directory or zip at ``path``, listed; ``any_names`` says whether loose files will do.

        Raises:
            InputError: nothing is there, or it does not fit the layout; all problems are named.
        """
        return self.choose(open_source(path, self.naming, any_names=any_names))

    def choose(self, source: Source) -> Source:
        """The source without files that :attr:`asked_for` has no use for."""
        return source

    @abstractmethod
    def read(self, source: Source, files: Sequence[SourceFile]) -> ReadRecording:
        """Read the files of one recording.

        Raises:
            InputError: with every problem of every file.
        """

    def outline(self, files: Sequence[SourceFile]) -> Outline | None:  # noqa: ARG002 - the interface
        """The outline of one recording where the names of its files say all of it; None where they must be read."""
        return None

    def check_listing(self, source: Source) -> list[Problem]:  # noqa: ARG002 - the interface
        """What is wrong with a source before anything is read: recordings that are missing."""
        return []

    def check_outlines(self, outlines: Mapping[RecordingKey, Outline]) -> list[Problem]:  # noqa: ARG002 - the interface
        """What is wrong with all recordings together after they were read."""
        return []

    def read_loose(self, contents: Mapping[str, bytes]) -> LooseSegments:
        """Segments of files under any name, where :attr:`reads_loose`.

        Args:
            contents: by the names that errors call the files.
        """
        raise NotImplementedError(f"{self.spec.name}: reads no file of which it does not know whose it is")

    def make(self, folder: Path, settings: SourceSettings, progress: Progress) -> None:
        """Write synthetic recordings into ``folder``, whole or not at all, where there is a :attr:`generator`."""
        raise NotImplementedError(f"{self.spec.name}: nobody makes recordings of it")

    def acquire(self, settings: SourceSettings, data: Path | None, folder: Path, progress: Progress = silent) -> Source:
        """Open the recordings; download or make them first if need be and possible.

        Args:
            settings: what to use if ``data`` is None.
            data: directory or zip that takes the place of every kind of source.
            folder: where downloaded and synthetic recordings are kept.
            progress: called with bytes downloaded, or files made.

        Raises:
            InputError: there are no recordings, or they do not fit the layout.
            DownloadError: the download failed.
            StorageError: the disk is full.
        """
        return self.open(data) if data is not None else self.choose(acquire(self, settings, folder, progress))

    def source_version(self, settings: SourceSettings, data: Path | None) -> str:
        """Version of what :meth:`acquire` would open, downloading and making nothing; it depends on no place.

        Raises:
            InputError: there are no recordings at ``data``, or none are asked for.
        """
        if data is None:
            return self.versioned(f"{request_version(self, settings)} {self.asked_for}")
        with self.open(data) as source:
            return self.versioned(listing_version(source))

    def versioned(self, version: str) -> str:
        """A version of files, as read by this version of the data set."""
        return hashlib.sha256(f"{self.version} {version}".encode()).hexdigest()


def read_recordings(dataset: Dataset, source: Source) -> Recordings:
    """The recordings of an open source, each read when it is asked for.

    An outline that the names of files do not tell is read with its recording.
    """
    from har_core.datasets.recordings import Recordings  # noqa: PLC0415 - who only lists files needs no NumPy

    groups = source.by_recording()

    def load(key: RecordingKey) -> Recording:
        try:
            return dataset.read(source, groups[key]).recording
        except InputError as error:
            number = counted(len(error.problems), "problem")
            raise InputError(f"{source.location}: {number} in {key}", error.problems) from error

    def outline(key: RecordingKey) -> Outline:
        known = dataset.outline(groups[key])
        return load(key).outline if known is None else known

    outlines = _Outlines(tuple(groups), outline)
    return Recordings(spec=dataset.spec, outlines=outlines, load=load, origin=source.origin)


class _Outlines(Mapping["RecordingKey", "Outline"]):
    """Outlines, each made when it is asked for, and kept."""

    def __init__(self, keys: Sequence[RecordingKey], make: Callable[[RecordingKey], Outline]) -> None:
        self._known: dict[RecordingKey, Outline | None] = dict.fromkeys(keys)
        self._make = make

    def __getitem__(self, key: RecordingKey) -> Outline:
        outline = self._known[key]
        if outline is None:
            outline = self._known[key] = self._make(key)
        return outline

    def __iter__(self) -> Iterator[RecordingKey]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)
