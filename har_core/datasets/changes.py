"""What has changed in a source since its manifest was written: by the listing, and by content where that differs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from har_core.base.errors import InputError, counted
from har_core.datasets.dsads.layout import SegmentKey
from har_core.datasets.dsads.listing import SegmentFile, Source
from har_core.datasets.dsads.manifest import Manifest, ManifestRow

_NUM_NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """How a source differs from a manifest; files are named as in ``a01/p1/s03.txt``, in the order of a manifest."""

    changed: tuple[str, ...] = ()
    """Files that hold something else, or cannot be read any more."""
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    new_origin: str | None = None
    """``real`` or ``synthetic``, where the manifest says the other."""
    touched: tuple[str, ...] = ()
    """Files with another marker and the same content: no change."""

    @property
    def is_empty(self) -> bool:
        """Whether the source holds what the manifest says, and nothing else."""
        return not (self.changed or self.added or self.removed or self.new_origin)

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
        names = [*self.changed, *self.added, *self.removed]
        if names:
            kinds = (("changed", self.changed), ("added", self.added), ("removed", self.removed))
            (first, num_first), *others = [(what, len(of_kind)) for what, of_kind in kinds if of_kind]
            numbers = [f"{counted(num_first, 'file')} {first}", *(f"{number} {what}" for what, number in others)]
            num_hidden = len(names) - _NUM_NAMES_SHOWN
            more = f" and {num_hidden} more" if num_hidden > 0 else ""
            parts.append(f"{', '.join(numbers)}: {', '.join(names[:_NUM_NAMES_SHOWN])}{more}")
        return "; ".join(parts)


def compare(source: Source, manifest: Manifest) -> Changes:
    """How ``source`` differs from ``manifest``, wherever it lies, in a folder or a zip.

    A file with the size and the marker that the manifest has for it counts as unchanged, and one of another size as
    changed; only the others are read and hashed.
    """
    listed = {SegmentKey(row.subject, row.activity, row.segment): row for row in manifest.rows}
    present = {file.key: file for file in source.files}
    changed: set[SegmentKey] = set()
    touched: set[SegmentKey] = set()
    for key in present.keys() & listed.keys():
        file, row = present[key], listed[key]
        if (file.num_bytes, file.marker) != (row.num_bytes, row.marker):
            (touched if _holds_the_same(source, file, row) else changed).add(key)
    return Changes(
        changed=_paths(changed),
        added=_paths(present.keys() - listed.keys()),
        removed=_paths(listed.keys() - present.keys()),
        new_origin=source.origin if source.origin != manifest.origin else None,
        touched=_paths(touched),
    )


def _holds_the_same(source: Source, file: SegmentFile, row: ManifestRow) -> bool:
    if file.num_bytes != row.num_bytes:
        return False
    try:
        return hashlib.sha256(source.read(file)).hexdigest() == row.sha256
    except InputError:  # not what the manifest lists; ingestion will name the reason, with those of all other files
        return False


def _paths(keys: set[SegmentKey]) -> tuple[str, ...]:
    return tuple(key.path for key in sorted(keys))
