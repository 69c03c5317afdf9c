"""Tables of windows as Parquet: written batch by batch, read row group by row group; and what names their content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pyarrow as pa
import pyarrow.parquet as pq

from har_core.base.checks import Check, require
from har_core.base.errors import InputError, Problem
from har_core.base.files import atomic_path
from har_core.base.progress import Progress, silent
from har_core.spec.dataset import DatasetSpec
from har_core.windows.schema import (
    KEY_COLUMNS,
    NAMED_COLUMNS,
    NO_GROUP,
    channel_columns,
    flat_values,
    is_window_schema,
    length_of,
)

if TYPE_CHECKING:  # for the annotation only: an import would make all that reads windows depend on the audit's code
    from har_core.windows.checks import WindowChecks

_CONTENT_VERSION = "har.content_version"
_VALUES_PER_ROW_GROUP = 2**22  # 16 MiB of float32: small enough to stream, large enough that headers cost nothing

_WHY_NOT_CUT = {"num_dropped": "damaged", "num_mixed": "of several labels", "num_other": "of labels that are left out"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsSummary:
    """What was written."""

    num_windows: int
    window_length: int
    """Samples."""
    num_subjects: int
    num_damaged: int
    """Windows that touch a damaged run."""
    num_in_duplicate_groups: int
    """Windows with rows that the recordings hold more than once."""
    num_dropped: int
    """Windows that were not cut because they touch a damaged run."""
    num_repaired: int
    """Windows that hold interpolated samples."""
    num_mixed: int
    """Windows that were not cut because their rows have several labels."""
    num_other: int
    """Windows that were not cut because their label is left out."""
    checks: tuple[Check, ...]
    """All passed; none if there were no findings to compare the windows with."""
    content_version: str
    """See :class:`ContentHash`."""


def write_windows(
    reader: pa.RecordBatchReader, path: Path, progress: Progress = silent, *, checks: WindowChecks | None = None
) -> WindowsSummary:
    """Write the windows of ``reader`` (of :func:`har_core.windows.segment`) to ``path``, whole or not at all.

    They come in ascending order of their keys, and memory does not grow with their number. ``checks`` compares them
    with what the audit found, before the file takes its place.

    Raises:
        InputError: there are none, they are out of order, one comes twice, or a check failed.
        StorageError: the disk is full.
    """
    subjects: set[int] = set()
    length = length_of(reader.schema)
    num_damaged = num_in_groups = 0
    results: tuple[Check, ...] = ()
    with atomic_path(path) as temporary:
        with WindowsWriter(temporary, reader.schema) as writer:
            for batch in reader:
                writer.write(batch)
                subjects.update(batch["subject"].unique().to_pylist())
                num_damaged += batch["damaged"].true_count
                num_in_groups += int((batch["duplicate_group"].to_numpy() != NO_GROUP).sum())
                if checks is not None:
                    checks.update(batch, length)
                progress("windows", writer.num_windows, writer.num_windows)
        if not writer.num_windows:
            found = [f"{num} {_WHY_NOT_CUT[name]}" for name, num in _not_cut(reader.schema).items() if num]
            value = f"no windows; not cut: {', '.join(found)}" if found else "no windows"
            problem = Problem(path=str(path), value=value, expected="at least one")
            raise InputError("There is nothing to cut windows from", [problem])
        if checks is not None:
            results = checks.result()
            require(results, summary="The windows are not what the audit asks for; nothing was replaced.")
    return WindowsSummary(
        num_windows=writer.num_windows,
        window_length=length,
        num_subjects=len(subjects),
        num_damaged=num_damaged,
        num_in_duplicate_groups=num_in_groups,
        num_repaired=int(reader.schema.metadata[b"har.num_repaired"]),
        **_not_cut(reader.schema),
        checks=results,
        content_version=writer.content_version,
    )


def _not_cut(schema: pa.Schema) -> dict[str, int]:
    """Windows that were not cut, by the fields of the summary."""
    return {name: int(schema.metadata[f"har.{name}".encode()]) for name in _WHY_NOT_CUT}


class WindowsWriter:
    """Writes batches of windows in ascending order of their keys; a context manager that completes the file.

    Two threads of its own hash and encode a row group while the caller prepares the next one.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        """Begin a file at ``path`` with the columns and metadata of ``schema``, a description of windows among them."""
        # Dictionaries and statistics of sensor values cost time and help nobody; lz4 costs next to nothing, and stores
        # only once what overlapping windows repeat (docs/decisions).
        self._file = pq.ParquetWriter(
            path, schema, compression="lz4", use_dictionary=False, write_statistics=list(KEY_COLUMNS)
        )
        self._schema = schema
        self._content = ContentHash(schema)
        self._pending: list[pa.RecordBatch] = []
        self._rows_per_group = max(1, _VALUES_PER_ROW_GROUP // (length_of(schema) * len(channel_columns(schema))))
        self._workers = ThreadPoolExecutor(2, thread_name_prefix="windows")
        self._working: list[Future[None]] = []
        self._last_key: tuple[int, ...] | None = None
        self.num_windows = 0
        self.content_version = ""
        """Version of what was written, once the file is complete."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows.

        Raises:
            InputError: a key is not above the one before it.
        """
        self._check_order(batch)
        self._pending.append(batch)
        self.num_windows += batch.num_rows
        if sum(pending.num_rows for pending in self._pending) >= self._rows_per_group:
            self._end_row_group()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._file, self._workers:
            if kind is None:
                self._end_row_group()
                self._await_workers()
                self.content_version = self._content.hexdigest()
                self._file.add_key_value_metadata({_CONTENT_VERSION: self.content_version})

    def _end_row_group(self) -> None:
        # Short chunks double the time of encoding.
        rows = pa.Table.from_batches(self._pending, schema=self._schema).combine_chunks()
        self._pending = []
        self._await_workers()  # at most one row group waits, and errors are raised
        if rows.num_rows:
            self._working = [
                self._workers.submit(self._content.update, rows),
                self._workers.submit(self._file.write_table, rows, row_group_size=rows.num_rows),
            ]

    def _await_workers(self) -> None:
        for working in self._working:
            working.result()
        self._working = []

    def _check_order(self, batch: pa.RecordBatch) -> None:
        for key in zip(*(batch[name].to_pylist() for name in KEY_COLUMNS), strict=True):
            if self._last_key is not None and key <= self._last_key:
                value = f"{', '.join(KEY_COLUMNS)} {key} after {self._last_key}"
                problem = Problem(path="window", value=value, expected="ascending keys, each once")
                raise InputError("The windows are not in order", [problem])
            self._last_key = key


class ContentHash:
    """SHA-256 over keys, labels, flags, channel values, length, description and origin, in the order of the rows.

    Row groups, compression, other metadata and the size of batches do not count. The origin does: made values are not
    the same as measured ones. So does whether rows that are none of the activities are for testing alone. Each column
    has a hash of its own, so that a batch is hashed as Arrow holds it.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._length = length_of(schema)
        self._spec = DatasetSpec.from_metadata(schema.metadata, where="windows").version
        self._origin = schema.metadata.get(b"har.origin", b"unknown").decode()
        self._none_only_tests = schema.metadata.get(b"har.none") == b"test"
        self._columns = {field.name: hashlib.sha256() for field in schema}

    def update(self, rows: pa.Table) -> None:
        """Add rows."""
        for name, digest in self._columns.items():
            for chunk in rows[name].chunks:
                # The width of keys and flags in the file is no part of what they say.
                named = name in NAMED_COLUMNS
                values = chunk.to_numpy(zero_copy_only=False).astype("<i8") if named else flat_values(chunk)
                digest.update(values.data)

    def hexdigest(self) -> str:
        """The version of all rows so far."""
        columns = [[name, digest.hexdigest()] for name, digest in self._columns.items()]
        content = [self._length, self._spec, self._origin, self._none_only_tests, columns]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


@contextmanager
def open_windows(path: Path) -> Iterator[pq.ParquetFile]:
    """Open a table of windows; :func:`spec_of` has its description.

    Raises:
        InputError: the file is missing, damaged, or has other columns than it says.
    """
    expected = "a Parquet table of windows (docs/data_contract.md)"
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowInvalid) as error:
        problem = Problem(path=str(path), value=str(error), expected=expected)
        raise InputError("The windows cannot be read", [problem]) from error
    with file:
        if not is_window_schema(file.schema_arrow):
            problem = Problem(path=str(path), value="other columns", expected=expected)
            raise InputError("These are no windows", [problem])
        names, described = channel_columns(file.schema_arrow), spec_of(file).channel_names
        if names != described:
            problem = Problem(path=str(path), value=" ".join(names), expected=f"the channels {' '.join(described)}")
            raise InputError("The windows have other channels than they say", [problem])
        yield file


def content_version_of(path: Path) -> str:
    """What :class:`ContentHash` said of a table of windows when it was written; only the end of the file is read.

    Raises:
        InputError: the file is missing, damaged, or no complete table of windows.
    """
    with open_windows(path) as file:
        version: bytes = (file.metadata.metadata or {}).get(_CONTENT_VERSION.encode(), b"")
    if not version:
        problem = Problem(path=str(path), value=f"no {_CONTENT_VERSION}", expected="windows that har has written")
        raise InputError("Nothing says what the windows hold", [problem])
    return version.decode()


def spec_of(file: pq.ParquetFile) -> DatasetSpec:
    """The description of the windows of a file.

    Raises:
        InputError: it has none.
    """
    return DatasetSpec.from_metadata(file.schema_arrow.metadata, where="windows")
