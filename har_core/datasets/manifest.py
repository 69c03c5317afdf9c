"""Ingestion: one pass that reads, hashes, parses and checks every file, and writes the manifest and the recordings.

The manifest has one row a file. Whether the numbers make sense is the audit's question.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import get_args

import pyarrow as pa
import pyarrow.parquet as pq

from har_core.base.ahead import ahead
from har_core.base.errors import InputError, Problem, counted
from har_core.base.progress import Progress, silent
from har_core.base.text import printable
from har_core.datasets.dsads.ingested import recordings_writer
from har_core.datasets.dsads.layout import ACTIVITIES, SEGMENT_LENGTH
from har_core.datasets.dsads.listing import SegmentFile, Source
from har_core.datasets.dsads.recordings import Recording, read_recording
from har_core.datasets.origin import Origin

MAX_PROBLEMS = 100_000
"""Reading stops after so many problems: nobody reads them, and memory is finite."""

_NUM_THREADS = min(os.cpu_count() or 1, 4)
_ROWS_PER_GROUP = 10_000
_ORIGIN = "har.origin"


_COLUMNS = {
    "activity": (pa.int8(), "activity number, 1 to 19"),
    "subject": (pa.int16(), "subject number, from 1"),
    "segment": (pa.int16(), "number of the 5 s segment, from 1"),
    "path": (pa.string(), "path inside the source"),
    "num_bytes": (pa.int64(), "size of the file, uncompressed"),
    "marker": (pa.string(), "changes when the content does, without reading it: time of change, or CRC-32"),
    "sha256": (pa.string(), "SHA-256 of the file's bytes, in hexadecimal"),
    "num_rows": (pa.int32(), "samples in the file"),
    "status": (pa.string(), "ok, and after a colon what was accepted: BOM, CRLF, trailing blank lines"),
}
MANIFEST_SCHEMA = pa.schema(
    [
        pa.field(name, kind, nullable=False, metadata={"description": description})
        for name, (kind, description) in _COLUMNS.items()
    ]
)
"""One row a segment file, in order of subject, activity, segment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSummary:
    """What was ingested."""

    num_rows: int
    num_bytes: int
    """Text, uncompressed."""
    num_missing_segments: int
    """Numbers absent from 1 to the largest of the set, over its subjects and activities; allowed, and the audit names
    them."""
    subjects: tuple[int, ...]
    origin: Origin
    content_version: str
    """See :attr:`Manifest.content_version`."""


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One row of the manifest, in the order of its columns."""

    activity: int
    subject: int
    segment: int
    path: str
    num_bytes: int
    marker: str
    """Says something of the place where the file lay, so no version may depend on it."""
    sha256: str
    num_rows: int
    status: str

    def hashed(self) -> bytes:
        """What the row adds to the version of the content."""
        parts = (self.subject, self.activity, self.segment, self.sha256, self.num_rows, self.status)
        return f"\n{' '.join(map(str, parts))}".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A manifest as it was written."""

    rows: tuple[ManifestRow, ...]
    """In order of subject, activity, segment."""
    origin: str
    """``real`` or ``synthetic``."""

    @property
    def content_version(self) -> str:
        """Hash of what the files hold and where it comes from (made or measured), not of where the files are."""
        digest = hashlib.sha256(self.origin.encode())
        for row in self.rows:
            digest.update(row.hashed())
        return digest.hexdigest()


def ingest(source: Source, *, manifest_path: Path, recordings_path: Path, progress: Progress = silent) -> IngestSummary:
    """Read and check every file of a source, and write the manifest and the recordings.

    Raises:
        InputError: with every problem of every file, and every activity that a subject lacks; the two files are
            incomplete then, so write them beside their places (:func:`har_core.base.files.atomic_paths`).
    """
    digest, num_bytes = hashlib.sha256(source.origin.encode()), 0
    pending: list[ManifestRow] = []  # rows need not wait for the last file
    schema = MANIFEST_SCHEMA.with_metadata({_ORIGIN: source.origin})
    with (
        closing(_read_all(source, progress)) as recordings,
        recordings_writer(recordings_path, origin=source.origin) as write_recording,
        pq.ParquetWriter(manifest_path, schema, compression="zstd") as manifest,
    ):
        for recording, rows in recordings:
            write_recording(recording)
            pending += rows
            num_bytes += sum(row.num_bytes for row in rows)
            for row in rows:
                digest.update(row.hashed())
            if len(pending) >= _ROWS_PER_GROUP:
                manifest.write_table(_as_table(pending, schema))
                pending = []
        if pending:
            manifest.write_table(_as_table(pending, schema))
        manifest.add_key_value_metadata({"har.content_version": digest.hexdigest()})
    keys, num_files = source.by_recording().keys(), len(source.files)
    num_numbered = len(keys) * max(file.key.segment for file in source.files)  # no subject lacks an activity
    return IngestSummary(
        num_rows=num_files * SEGMENT_LENGTH,
        num_bytes=num_bytes,
        num_missing_segments=num_numbered - num_files,
        subjects=tuple(sorted({key.subject for key in keys})),
        origin=source.origin,
        content_version=digest.hexdigest(),
    )


def read_manifest(path: Path) -> Manifest:
    """The manifest that ingestion wrote to ``path``.

    Raises:
        InputError: the file is missing, damaged, or not written by ingestion.
    """
    try:
        with pq.ParquetFile(path) as file:
            table = file.read()
        origin = (table.schema.metadata or {}).get(_ORIGIN.encode(), b"").decode()
        rows = table.to_pylist()
    except (OSError, pa.ArrowException, ValueError) as error:  # the last for names that are no text
        problem = Problem(path=str(path), value=str(error), expected="a manifest as ingestion wrote it")
        raise InputError(f"{path}: cannot be read", [problem]) from error
    if origin not in get_args(Origin) or set(table.column_names) != set(MANIFEST_SCHEMA.names):
        problem = Problem(path=str(path), expected="the columns and metadata that ingestion writes")
        raise InputError(f"{path}: not written by ingestion", [problem])
    return Manifest(rows=tuple(ManifestRow(**row) for row in rows), origin=origin)


def _read_all(source: Source, progress: Progress) -> Generator[tuple[Recording, Sequence[ManifestRow]]]:
    """Recordings and the rows of their files in the manifest, as long as nothing is wrong; then every problem."""
    problems = _missing_activities(source)
    groups = source.by_recording()
    num_done = 0
    with closing(ahead(partial(_read, source), groups.values(), num_threads=_NUM_THREADS)) as results:
        for files, found in zip(groups.values(), results, strict=True):
            num_done += len(files)
            progress("files read", num_done, len(source.files))
            if isinstance(found, InputError):
                problems += found.problems
            elif not problems:
                yield found
            if len(problems) >= MAX_PROBLEMS:
                value = f"{len(problems)} problems in the first {num_done} of {len(source.files)} files"
                expected = "fewer problems; the other files were not read"
                problems.append(Problem(path=str(source.location), value=value, expected=expected))
                break
    if problems:
        places = counted(len({problem.path for problem in problems}), "place")
        summary = f"{source.location}: {counted(len(problems), 'problem')} in {places}; nothing was replaced"
        raise InputError(summary, problems)


def _missing_activities(source: Source) -> list[Problem]:
    """What no subject does, as one problem; and one for each activity that some subjects lack. Segments may be missing.

    Those that ``[source]`` does not choose are not asked for.
    """
    present = source.by_recording().keys()
    done = {activity for _, activity in present}
    subjects = sorted({subject for subject, _ in present})
    absent = [activity for activity in source.activities if activity not in done]
    problems = []
    if absent:
        listed = ", ".join(map(str, absent))
        value = f"no recording of {'activity' if len(absent) == 1 else 'activities'} {listed}, of any subject"
        complete = [activity for activity in source.activities if all((who, activity) in present for who in subjects)]
        names = ", ".join(f'"{ACTIVITIES[activity - 1]}"' for activity in complete)
        expected = f"all {len(source.activities)} activities that [source] asks for, from every subject"
        if subjects and len(complete) > 1:
            expected += f"; to use only those that every subject has, write in [source]: activities = [{names}]"
        problems.append(Problem(path=str(source.location), value=value, expected=expected))
    problems += [
        Problem(
            path=f"{source.location}/a{activity:02d}/p{subject}",
            expected=f"at least one segment of activity {activity} ({ACTIVITIES[activity - 1]}) from subject {subject}"
            "; or, in [source], a list of activities without it",
        )
        for subject in subjects
        for activity in sorted(done)
        if (subject, activity) not in present
    ]
    return problems


def _read(source: Source, files: Sequence[SegmentFile]) -> tuple[Recording, Sequence[ManifestRow]] | InputError:
    """A recording and the rows of its files in the manifest; or what is wrong with the files."""
    try:
        recording, contents, texts = read_recording(source, files)
    except InputError as error:
        return error
    rows = [
        ManifestRow(
            **file.key._asdict(),
            path=printable(file.path),
            num_bytes=len(content),
            marker=file.marker,
            sha256=hashlib.sha256(content).hexdigest(),
            num_rows=SEGMENT_LENGTH,
            status=text.status,
        )
        for file, content, text in zip(files, contents, texts, strict=True)
    ]
    return recording, rows


def _as_table(rows: Sequence[ManifestRow], schema: pa.Schema) -> pa.Table:
    return pa.table({name: [getattr(row, name) for row in rows] for name in schema.names}, schema=schema)
