"""What has changed in a source since its manifest was written: by the listing, and by content where that differs."""

from __future__ import annotations

import hashlib
from collections.abc import Set
from dataclasses import dataclass

from har_core.base.errors import InputError, counted
from har_core.datasets.dataset import Dataset
from har_core.datasets.manifest import Manifest, ManifestRow
from har_core.datasets.source import FileName, Source, SourceFile

_NUM_NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """How a source differs from a manifest; files are named by their paths inside it, in the order of a manifest."""

    changed: tuple[str, ...] = ()
    """Files that hold something else, or cannot be read any more."""
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    new_origin: str | None = None
    """``real`` or ``synthetic``, where the manifest says the other."""
    read_otherwise: str | None = None
    """The data set, where it reads files in another way than the one that wrote the manifest."""
    touched: tuple[str, ...] = ()
    """Files with another marker and the same content: no change."""

    @property
    def is_empty(self) -> bool:
        """Whether the source holds what the manifest says, and nothing else."""
        return not (self.changed or self.added or self.removed or self.new_origin or self.read_otherwise)

    def __str__(self) -> str:
        """In words, with the first names.

        >>> str(Changes(changed=("a01/p1/s01.txt", "a01/p1/s02.txt"), added=("a19/p8/s61.txt",)))
        '2 files changed, 1 added: a01/p1/s01.txt, a01/p1/s02.txt, a19/p8/s61.txt'
        >>> str(Changes(touched=("a01/p1/s01.txt",)))
        'same content; 1 file read again'
        """
        if self.is_empty:
            return f"same content; {counted(len(self.touched), 'file')} read again" if self.touched else "same content"
        parts = [f"the recordings are {self.new_origin} now"] if self.new_origin else []
        parts += [f"{self.read_otherwise} says other things of them now"] if self.read_otherwise else []
        names = [*self.changed, *self.added, *self.removed]
        if names:
            kinds = (("changed", self.changed), ("added", self.added), ("removed", self.removed))
            (first, num_first), *others = [(what, len(of_kind)) for what, of_kind in kinds if of_kind]
            numbers = [f"{counted(num_first, 'file')} {first}", *(f"{number} {what}" for what, number in others)]
            num_hidden = len(names) - _NUM_NAMES_SHOWN
            more = f" and {num_hidden} more" if num_hidden > 0 else ""
            parts.append(f"{', '.join(numbers)}: {', '.join(names[:_NUM_NAMES_SHOWN])}{more}")
        return "; ".join(parts)


def compare(dataset: Dataset, source: Source, manifest: Manifest) -> Changes:
    """How ``source``, which ``dataset`` opened, differs from ``manifest``, wherever it lies, in a folder or a zip.

    A file with the size and the marker that the manifest has for it counts as unchanged, and one of another size as
    changed; only the others are read and hashed.
    """
    listed = {row.name: row for row in manifest.rows}
    present = {file.name: file for file in source.files}
    paths = {name: row.path for name, row in listed.items()} | {name: file.path for name, file in present.items()}
    changed: set[FileName] = set()
    touched: set[FileName] = set()
    for name in present.keys() & listed.keys():
        file, row = present[name], listed[name]
        if (file.num_bytes, file.marker) != (row.num_bytes, row.marker):
            (touched if _holds_the_same(source, file, row) else changed).add(name)

    def of(names: Set[FileName]) -> tuple[str, ...]:
        return tuple(paths[name] for name in sorted(names))

    return Changes(
        changed=of(changed),
        added=of(present.keys() - listed.keys()),
        removed=of(listed.keys() - present.keys()),
        new_origin=source.origin if source.origin != manifest.origin else None,
        read_otherwise=dataset.reference if dataset.version != manifest.version else None,
        touched=of(touched),
    )


def _holds_the_same(source: Source, file: SourceFile, row: ManifestRow) -> bool:
    if file.num_bytes != row.num_bytes:
        return False
    try:
        return hashlib.sha256(source.read(file)).hexdigest() == row.sha256
    except InputError:  # not what the manifest lists; ingestion will name the reason, with those of all other files
        return False
