"""Ingestion: one pass that reads, hashes, parses and checks every file, and writes the manifest and the recordings.

The manifest has one row a file. Whether the numbers make sense is the audit's question.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from har_core.base.ahead import ahead
from har_core.base.errors import InputError, Problem, counted
from har_core.base.progress import Progress, silent
from har_core.base.text import printable
from har_core.datasets.dataset import Dataset, ReadFile
from har_core.datasets.ingested import recordings_writer
from har_core.datasets.origin import Origin
from har_core.datasets.recordings import Outline, Recording, RecordingKey
from har_core.datasets.source import MAX_SESSION, MAX_SUBJECT, FileName, Source, SourceFile

MAX_PROBLEMS = 100_000
"""Reading stops after so many problems: nobody reads them, and memory is finite."""

NUM_THREADS = min(os.cpu_count() or 1, 4)
_ROWS_PER_GROUP = 10_000
_ORIGIN, _READ_AS, _SAMPLES = "har.origin", "har.read_as", "har.samples"

_COLUMNS = {
    "subject": (pa.int16(), "subject number, from 1; 0 for a file of no single recording"),
    "session": (pa.int32(), "session number, from 1; 0 for a file of no single recording"),
    "segment": (pa.int32(), "number of the segment, from 1"),
    "stream": (pa.string(), "which of several files side by side; empty where there is one"),
    "label": (pa.string(), "the activity as its path writes it; empty where the path need not say it"),
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
"""One row a file, in order of subject, session, segment, stream."""


class _Read(NamedTuple):
    """Files that were read together."""

    recording: Recording | None
    """None of files that belong to no single one."""
    files: Sequence[ReadFile]
    digest: bytes
    """Hash of the recording."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSummary:
    """What was ingested."""

    num_rows: int
    num_bytes: int
    """Text, uncompressed."""
    num_missing_segments: int
    """Where segments are parts of one length: numbers absent from 1 to the largest of the set, over its recordings.
    Allowed, and the audit names them."""
    lacking: dict[int, tuple[str, ...]]
    """Activities that others do, by the subjects who lack them."""
    subjects: tuple[int, ...]
    origin: Origin
    content_version: str
    """See :attr:`Manifest.content_version`."""


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One row of the manifest, in the order of its columns."""

    subject: int
    session: int
    segment: int
    stream: str
    label: str
    path: str
    num_bytes: int
    marker: str
    """Says something of the place where the file lay, so no version may depend on it."""
    sha256: str
    num_rows: int
    status: str

    @property
    def name(self) -> FileName:
        """What the path said."""
        return FileName(self.subject, self.session, self.segment, self.stream, self.label)

    def hashed(self) -> bytes:
        """What the row adds to the version of the content."""
        return f"\n{tuple(self.name)} {self.sha256} {self.num_rows} {self.status}".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A manifest as it was written."""

    rows: tuple[ManifestRow, ...]
    """In order of the files' names."""
    origin: str
    """``real`` or ``synthetic``."""
    reference: str
    """What :func:`har_core.datasets.catalogue.find_dataset` finds the data set by that read the files."""
    asked_for: tuple[str, ...] | None
    """The activities that it was asked for; None for all."""
    version: str
    """:attr:`har_core.datasets.dataset.Dataset.version`."""
    samples: str
    """Hash of the recordings as they were read: of values, times, labels and segments."""

    @property
    def content_version(self) -> str:
        """Hash of what files hold, what was read of them, and whether it was made or measured; not of their place."""
        digest = hashlib.sha256(_origin(self.origin, self.version))
        for row in self.rows:
            digest.update(row.hashed())
        digest.update(self.samples.encode())
        return digest.hexdigest()


def ingest(
    dataset: Dataset, source: Source, *, manifest_path: Path, recordings_path: Path, progress: Progress = silent
) -> IngestSummary:
    """Read and check every file of a source, and write the manifest and the recordings.

    Raises:
        InputError: with every problem of every file, and every recording that is missing; the two files are
            incomplete then, so write them beside their places (:func:`har_core.base.files.atomic_paths`).
    """
    digest, samples = hashlib.sha256(_origin(source.origin, dataset.version)), hashlib.sha256()
    num_bytes = num_rows = 0
    pending: list[ManifestRow] = []  # rows need not wait for the last file
    done: dict[int, set[int]] = {}  # activity numbers by subject
    read_as = json.dumps([dataset.reference, dataset.asked_for, dataset.version])
    schema = MANIFEST_SCHEMA.with_metadata({_ORIGIN: source.origin, _READ_AS: read_as, **dataset.spec.to_metadata()})
    with (
        closing(_read_all(dataset, source, progress)) as parts,
        recordings_writer(recordings_path, dataset.spec, origin=source.origin) as write_recording,
        pq.ParquetWriter(manifest_path, schema, compression="zstd") as manifest,
    ):
        for recording, files, content in parts:
            rows = list(map(_as_row, files))
            if recording is not None:
                write_recording(recording)
                samples.update(content)
                num_rows += recording.outline.num_rows
                done.setdefault(recording.subject, set()).update(recording.outline.activities - {0})
            pending += rows
            num_bytes += sum(row.num_bytes for row in rows)
            for row in rows:
                digest.update(row.hashed())
            if len(pending) >= _ROWS_PER_GROUP:
                manifest.write_table(_as_table(pending, schema))
                pending = []
        if pending:
            manifest.write_table(_as_table(pending, schema))
        digest.update(samples.hexdigest().encode())
        manifest.add_key_value_metadata({"har.content_version": digest.hexdigest(), _SAMPLES: samples.hexdigest()})
    return IngestSummary(
        num_rows=num_rows,
        num_bytes=num_bytes,
        num_missing_segments=_num_missing_segments(source) if dataset.spec.segment_length else 0,
        lacking=_lacking(dataset, done),
        subjects=source.subjects,
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
        metadata = table.schema.metadata or {}
        origin = metadata.get(_ORIGIN.encode(), b"").decode()
        samples = metadata.get(_SAMPLES.encode(), b"").decode()
        reference, asked_for, version = json.loads(metadata.get(_READ_AS.encode(), b"[null, null, null]"))
        rows = table.to_pylist()
    except (OSError, pa.ArrowException, ValueError) as error:  # the last for text that is none
        problem = Problem(path=str(path), value=str(error), expected="a manifest as ingestion wrote it")
        raise InputError(f"{path}: cannot be read", [problem]) from error
    if origin not in get_args(Origin) or set(table.column_names) != set(MANIFEST_SCHEMA.names):
        problem = Problem(path=str(path), expected="the columns and metadata that ingestion writes")
        raise InputError(f"{path}: not written by ingestion", [problem])
    return Manifest(
        rows=tuple(ManifestRow(**row) for row in rows),
        origin=origin,
        reference=reference,
        asked_for=None if asked_for is None else tuple(asked_for),
        version=version,
        samples=samples,
    )


def _origin(origin: str, version: str) -> bytes:
    """What the version of the content begins with."""
    return f"{origin} {version}".encode()


def _lacking(dataset: Dataset, done: Mapping[int, set[int]]) -> dict[int, tuple[str, ...]]:
    every = set().union(*done.values())
    lacks = {subject: sorted(every - own) for subject, own in sorted(done.items())}
    return {subject: tuple(map(dataset.spec.activity_name, own)) for subject, own in lacks.items() if own}


def _num_missing_segments(source: Source) -> int:
    numbers = [file.name.segment for file in source.files]
    return len(source.by_recording()) * max(numbers) - len(numbers)


def _read_all(dataset: Dataset, source: Source, progress: Progress) -> Generator[_Read]:
    """Recordings, as long as nothing is wrong; then every problem.

    Files that belong to no single recording come first, without one.
    """
    problems = dataset.check_listing(source)
    outlines: dict[RecordingKey, Outline] = {}
    groups = [*((file,) for file in source.shared), *source.by_recording().values()]
    num_done = 0
    with closing(ahead(partial(_read, dataset, source), groups, num_threads=NUM_THREADS)) as results:
        for files, found in zip(groups, results, strict=True):
            num_done += len(files)
            progress("files read", num_done, len(source.files))
            if isinstance(found, InputError):
                problems += found.problems
            elif not problems:
                yield found
                if found[0] is not None:
                    outlines[found[0].key] = found[0].outline
            if len(problems) >= MAX_PROBLEMS:
                value = f"{len(problems)} problems in the first {num_done} of {len(source.files)} files"
                expected = "fewer problems; the other files were not read"
                problems.append(Problem(path=str(source.location), value=value, expected=expected))
                break
    problems = list(dict.fromkeys(problems)) or dataset.check_outlines(outlines)  # a shared file's come again
    if problems:
        places = counted(len({problem.path for problem in problems}), "place")
        summary = f"{source.location}: {counted(len(problems), 'problem')} in {places}; nothing was replaced"
        raise InputError(summary, problems)


def _read(dataset: Dataset, source: Source, files: Sequence[SourceFile]) -> _Read | InputError:
    """A recording and what was found in its files; or what is wrong with them."""
    try:
        if not files[0].name.subject:
            return _Read(None, [ReadFile.of(file, source.read(file), num_rows=0) for file in files], b"")
        recording, found = dataset.read(source, files)
        _check(recording, dataset)
        return _Read(recording, found, _digest(recording))
    except InputError as error:
        return error


def _check(recording: Recording, dataset: Dataset) -> None:
    """Refuse what the tables cannot hold, or the description does not know."""
    limits = {"subject": (recording.subject, MAX_SUBJECT), "session": (recording.session, MAX_SESSION)}
    limits["activity number"] = (max(recording.outline.activities), dataset.spec.num_activities)
    limits["number of channels"] = (len(recording.samples), dataset.spec.num_channels)
    problems = [
        Problem(path=str(recording.key), value=f"{what} {value}", expected=f"at most {most}")
        for what, (value, most) in limits.items()
        if value > most
    ]
    if min(recording.outline.activities) < 0:
        problems.append(Problem(path=str(recording.key), value="a negative activity number", expected="0 or more"))
    if problems:
        raise InputError(f"{recording.key}: not as {dataset.spec.name} describes it", problems)


def _digest(recording: Recording) -> bytes:
    outline = recording.outline
    named = [*recording.key, outline.segments, outline.lengths, outline.labels, outline.in_parts]
    digest = hashlib.sha256(json.dumps(named).encode())
    digest.update(b"" if recording.times is None else np.ascontiguousarray(recording.times).data)
    digest.update(np.ascontiguousarray(recording.samples).data)
    return digest.digest()


def _as_row(read: ReadFile) -> ManifestRow:
    return ManifestRow(
        **read.file.name._asdict(),
        path=printable(read.file.path),
        num_bytes=read.num_bytes,
        marker=read.file.marker,
        sha256=read.sha256,
        num_rows=read.num_rows,
        status=read.status,
    )


def _as_table(rows: Sequence[ManifestRow], schema: pa.Schema) -> pa.Table:
    return pa.table({name: [getattr(row, name) for row in rows] for name in schema.names}, schema=schema)
