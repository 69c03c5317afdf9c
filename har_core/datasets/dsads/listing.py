"""Which files of a source are segments, in an order that never depends on the file system, and their version.

Finding candidates is the business of the kinds of source; reading their content is the reader's.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from har_core.base.errors import InputError, Problem, counted
from har_core.datasets.dsads.layout import RecordingKey, SegmentKey, parse_segment_path

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
    """Changes when the content does, at no cost of reading it: time of change, or CRC-32."""


def list_segments(candidates: Iterable[SegmentFile], *, location: str) -> tuple[SegmentFile, ...]:
    """Sort the segment files by key.

    Raises:
        InputError: no candidate, a number that cannot be (``a20``), or two files of one key; all are named.
    """
    by_key: defaultdict[SegmentKey, list[SegmentFile]] = defaultdict(list)
    for file in candidates:
        by_key[file.key].append(file)
    if not by_key:
        raise InputError(
            f"{location}: no recordings here",
            [Problem(path=location, expected="segment files aNN/pN/sNN.txt, here or one level below")],
        )
    problems: list[Problem] = []
    for key, files in sorted(by_key.items()):
        expected = key.expectation()
        value = f"activity {key.activity}, subject {key.subject}, segment {key.segment}"
        if expected is None and len(files) > 1:
            expected, value = f"one file for {key.path}", f"{len(files)} files"
        if expected is not None:
            paths = sorted(f"{location}/{file.path}" for file in files)
            problems.extend(Problem(path=path, value=value, expected=expected) for path in paths)
    if problems:
        raise InputError(f"{location}: {counted(len(problems), 'file')} outside the layout", problems)
    return tuple(by_key[key][0] for key in sorted(by_key))


def parse_segment_file(path: str, *, num_bytes: int, marker: str) -> SegmentFile | None:
    """The segment file at ``path``; None where the path names none."""
    key = parse_segment_path(path)
    return None if key is None else SegmentFile(key=key, path=path, num_bytes=num_bytes, marker=marker)


def hash_listing(files: Sequence[SegmentFile], *, origin: str) -> str:
    """Hash of keys, sizes, markers and origin; independent of where the files lie."""
    digest = hashlib.sha256(origin.encode())
    for file in files:
        digest.update(f"\n{file.key.path} {file.num_bytes} {file.marker}".encode())
    return digest.hexdigest()


def group_by_recording(files: Sequence[SegmentFile]) -> Mapping[RecordingKey, tuple[SegmentFile, ...]]:
    """The files of each recording, in order of subject, activity, segment."""
    ordered = sorted(files, key=lambda file: file.key)
    return {key: tuple(group) for key, group in groupby(ordered, key=lambda file: file.key.recording)}
