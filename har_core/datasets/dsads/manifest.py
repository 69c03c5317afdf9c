"""Ingestion: one pass over all files that reads, hashes, parses and checks them, and leaves manifest and recordings.

The manifest has one row a file. What the numbers mean, and whether they make sense, is not asked here.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import pyarrow as pa
import pyarrow.parquet as pq

from har_core.base.errors import InputError, Problem, counted
from har_core.base.files import atomic_paths
from har_core.base.progress import Progress, silent
from har_core.datasets.dsads.ingested import RecordingsWriter
from har_core.datasets.dsads.layout import ACTIVITIES, SEGMENT_LENGTH, RecordingKey, SegmentKey
from har_core.datasets.dsads.listing import SegmentFile, group_by_recording
from har_core.datasets.dsads.recordings import ParsedFiles, parse_files
from har_core.datasets.dsads.source import Source

MAX_PROBLEMS = 100_000
"""Reading stops when so many problems are known: nobody reads them, and memory is finite."""

_MAX_WORKERS = 4
_ROWS_PER_GROUP = 10_000
_MARKER = "marker"
_ORIGIN = "har.origin"


def _field(name: str, kind: pa.DataType, description: str) -> pa.Field:
    return pa.field(name, kind, nullable=False, metadata={"description": description})


MANIFEST_SCHEMA = pa.schema(
    [
        _field("activity", pa.int8(), "activity number, 1 to 19"),
        _field("subject", pa.int16(), "subject number, from 1"),
        _field("segment", pa.int16(), "number of the 5 s segment, from 1"),
        _field("path", pa.string(), "path inside the source"),
        _field("num_bytes", pa.int64(), "size of the file, uncompressed"),
        _field(_MARKER, pa.string(), "changes when the content does, without reading it: time of change, or CRC-32"),
        _field("sha256", pa.string(), "SHA-256 of the file's bytes, in hexadecimal"),
        _field("num_rows", pa.int32(), "samples in the file"),
        _field("status", pa.string(), "ok, and after a colon what was accepted: BOM, CRLF, trailing blank lines"),
    ]
)
"""One row a segment file, in order of subject, activity, segment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSummary:
    """What was ingested."""

    num_files: int
    num_rows: int
    num_bytes: int
    """Text, uncompressed."""
    num_missing_segments: int
    """Numbers absent from 1 to the largest of the set, over its subjects and activities; allowed, and for the audit to
    name."""
    subjects: tuple[int, ...]
    activities: tuple[int, ...]
    origin: Literal["real", "synthetic"]
    content_version: str
    """Hash of what the files hold and where they came from (made or measured), not of where they lie."""
    notes: tuple[str, ...]
    """What was accepted though not canonical, with counts: ``CRLF: 60 files``."""


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One row of the manifest, in the order of its columns."""

    activity: int
    subject: int
    segment: int
    path: str
    num_bytes: int
    marker: str
    """Of the place where the file lay, so that no version may depend on it; empty in a manifest from before there were
    markers."""
    sha256: str
    num_rows: int
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A manifest as it was written."""

    rows: tuple[ManifestRow, ...]
    """In order of subject, activity, segment."""
    origin: str
    """``real`` or ``synthetic``."""


def ingest(source: Source, *, manifest_path: Path, recordings_path: Path, progress: Progress = silent) -> IngestSummary:
    """Read and check every file of a source, and write the manifest and the recordings; both, or neither.

    Raises:
        InputError: with every problem of every file, and every activity that a subject lacks.
        StorageError: the disk is full. What stood at the two paths still stands then, as after any error.
    """
    with atomic_paths(recordings_path, manifest_path) as (recordings, manifest):
        return ingest_into(source, manifest_path=manifest, recordings_path=recordings, progress=progress)


def ingest_into(source: Source, *, manifest_path: Path, recordings_path: Path, progress: Progress) -> IngestSummary:
    """:func:`ingest` for a caller who has more to do before the two files take their places: these are overwritten.

    Raises:
        InputError: with every problem of every file, and every activity that a subject lacks; the files are incomplete.
    """
    problems = find_missing_activities([file.key for file in source.files], location=str(source.location))
    with (
        RecordingsWriter(recordings_path, origin=source.origin) as writer,
        _ManifestWriter(manifest_path, origin=source.origin) as manifest,
        closing(_parse_all(source)) as parsed_recordings,
    ):
        num_done = 0
        for key, parsed, hashes in parsed_recordings:
            num_done += len(parsed.files)
            progress("files read", num_done, len(source.files))
            problems.extend(parsed.problems)
            if len(problems) >= MAX_PROBLEMS:
                problems.append(_gave_up(source, len(problems), num_done))
                break
            if not problems:
                writer.write(key, parsed.segments, parsed.table)
                manifest.write(_rows_of(parsed, hashes))
    if problems:
        raise InputError(_summarise(problems, source), problems)
    return manifest.summary()


def read_manifest(path: Path) -> Manifest:
    """The manifest that ingestion wrote to ``path``.

    Raises:
        InputError: the file is missing, damaged, or not written by ingestion.
    """
    try:
        with pq.ParquetFile(path) as file:
            table = file.read()
    except (OSError, pa.ArrowException) as error:
        problem = Problem(path=str(path), value=str(error), expected="a manifest as ingestion wrote it")
        raise InputError(f"{path}: cannot be read", [problem]) from error
    origin = (table.schema.metadata or {}).get(_ORIGIN.encode())
    if _MARKER not in table.column_names:
        table = table.append_column(_MARKER, pa.array([""] * table.num_rows))
    if origin is None or set(table.column_names) != set(MANIFEST_SCHEMA.names):
        problem = Problem(path=str(path), expected="the columns and metadata that ingestion writes")
        raise InputError(f"{path}: not written by ingestion", [problem])
    return Manifest(rows=tuple(ManifestRow(**row) for row in table.to_pylist()), origin=origin.decode())


def content_version(rows: Iterable[ManifestRow], origin: str) -> str:
    """Hash of what the files hold and where they came from, for rows in the order of the manifest."""
    digest = hashlib.sha256(origin.encode())
    for row in rows:
        digest.update(_hashed(row))
    return digest.hexdigest()


def _hashed(row: ManifestRow) -> bytes:
    return f"\n{row.subject} {row.activity} {row.segment} {row.sha256} {row.num_rows} {row.status}".encode()


def find_missing_activities(keys: Iterable[SegmentKey], *, location: str) -> list[Problem]:
    """A problem for each activity of which a subject has no segment; single segments may be missing."""
    present = {(key.subject, key.activity) for key in keys}
    return [
        Problem(
            path=f"{location}/a{activity:02d}/p{subject}",
            expected=f"at least one segment of activity {activity} ({name}) from subject {subject}",
        )
        for subject in sorted({subject for subject, _ in present})
        for activity, name in enumerate(ACTIVITIES, start=1)
        if (subject, activity) not in present
    ]


def _parse_all(source: Source) -> Generator[tuple[RecordingKey, ParsedFiles, tuple[str, ...]]]:
    """Parse recordings on all cores, in order, a few ahead of the consumer."""

    def work(files: tuple[SegmentFile, ...]) -> tuple[ParsedFiles, tuple[str, ...]]:
        parsed = parse_files(source, files)
        return parsed, tuple(hashlib.sha256(content).hexdigest() for content in parsed.contents)

    num_workers = min(os.cpu_count() or 1, _MAX_WORKERS)
    groups = deque(group_by_recording(source.files).items())
    pending: deque[tuple[RecordingKey, Future[tuple[ParsedFiles, tuple[str, ...]]]]] = deque()
    pool = ThreadPoolExecutor(num_workers, thread_name_prefix="ingest")
    try:
        while groups or pending:
            while groups and len(pending) < 2 * num_workers:
                key, files = groups.popleft()
                pending.append((key, pool.submit(work, files)))
            key, future = pending.popleft()
            parsed, hashes = future.result()
            yield key, parsed, hashes
    finally:
        pool.shutdown(cancel_futures=True)


def _rows_of(parsed: ParsedFiles, hashes: Sequence[str]) -> Iterator[ManifestRow]:
    for file, content, sha256, status in zip(parsed.files, parsed.contents, hashes, parsed.statuses, strict=True):
        yield ManifestRow(
            activity=file.key.activity,
            subject=file.key.subject,
            segment=file.key.segment,
            path=file.path,
            num_bytes=len(content),
            marker=file.marker,
            sha256=sha256,
            num_rows=SEGMENT_LENGTH,
            status=status,
        )


class _ManifestWriter:
    """Writes the manifest and keeps what its summary says, so that rows need not wait for the last file.

    A context manager that completes the file.
    """

    def __init__(self, path: Path, *, origin: Literal["real", "synthetic"]) -> None:
        self._file = pq.ParquetWriter(path, MANIFEST_SCHEMA.with_metadata({_ORIGIN: origin}), compression="zstd")
        self._origin = origin
        self._digest = hashlib.sha256(origin.encode())
        self._pending: list[ManifestRow] = []
        self._num_files = self._num_rows = self._num_bytes = self._largest_segment = 0
        self._subjects: set[int] = set()
        self._activities: set[int] = set()
        self._notes: Counter[str] = Counter()

    def write(self, rows: Iterable[ManifestRow]) -> None:
        """Append rows, in order of subject, activity, segment."""
        for row in rows:
            self._pending.append(row)
            self._digest.update(_hashed(row))
            self._num_files += 1
            self._num_rows += row.num_rows
            self._num_bytes += row.num_bytes
            self._largest_segment = max(self._largest_segment, row.segment)
            self._subjects.add(row.subject)
            self._activities.add(row.activity)
            self._notes.update(note for note in row.status.removeprefix("ok").removeprefix(": ").split(", ") if note)
        if len(self._pending) >= _ROWS_PER_GROUP:
            self._end_row_group()

    def summary(self) -> IngestSummary:
        """What was written."""
        num_expected = len(self._subjects) * len(self._activities) * self._largest_segment
        return IngestSummary(
            num_files=self._num_files,
            num_rows=self._num_rows,
            num_bytes=self._num_bytes,
            num_missing_segments=num_expected - self._num_files,
            subjects=tuple(sorted(self._subjects)),
            activities=tuple(sorted(self._activities)),
            origin=self._origin,
            content_version=self._digest.hexdigest(),
            notes=tuple(f"{note}: {counted(count, 'file')}" for note, count in sorted(self._notes.items())),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if kind is None:
                self._end_row_group()
                self._file.add_key_value_metadata({"har.content_version": self._digest.hexdigest()})

    def _end_row_group(self) -> None:
        if self._pending:
            columns = {name: [getattr(row, name) for row in self._pending] for name in MANIFEST_SCHEMA.names}
            self._file.write_table(pa.table(columns, schema=self._file.schema))
            self._pending = []


def _summarise(problems: Sequence[Problem], source: Source) -> str:
    places = counted(len({problem.path for problem in problems}), "place")
    return f"{source.location}: {counted(len(problems), 'problem')} in {places}; nothing was replaced"


def _gave_up(source: Source, num_problems: int, num_done: int) -> Problem:
    return Problem(
        path=str(source.location),
        value=f"{num_problems} problems in the first {num_done} of {len(source.files)} files",
        expected="fewer problems; the other files were not read",
    )
