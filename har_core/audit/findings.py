"""The table of findings: its kinds and columns, how a place in a recording is written in it, and how it is stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from har_core.audit.kinds import Kind, Severity
from har_core.base.errors import InputError, Problem
from har_core.base.files import atomic_path
from har_core.datasets.recordings import RecordingKey
from har_core.spec.dataset import METADATA_KEY, DatasetSpec

ALL_CHANNELS = "all"
"""What the column ``channels`` says of a finding on every channel."""
SKIPPED_KEY = "har.skipped"
"""Where the metadata of a table says what was not looked at, as JSON."""

_COLUMNS = {
    "kind": (pa.string(), "what is wrong (docs/audit.md)"),
    "activity": (pa.int8(), "activity number of the first row; 0 for none"),
    "subject": (pa.int16(), "subject number"),
    "session": (pa.int32(), "session number"),
    "segment": (pa.int32(), "segment in which the first row lies"),
    "first_row": (pa.int32(), "first row, from 0 at the beginning of the segment"),
    "last_row": (pa.int32(), "last row, counted on over the following segments if it is in one"),
    "channels": (pa.string(), "all, places (T RA), or channels (T_xacc), separated by spaces"),
    "other_activity": (pa.int8(), "activity of the other place, where there is one"),
    "other_subject": (pa.int16(), "subject of the other place"),
    "other_session": (pa.int32(), "session of the other place"),
    "other_segment": (pa.int32(), "segment of the other place"),
    "other_first_row": (pa.int32(), "first row of the other place, in its segment"),
    "num_rows": (pa.int32(), "rows concerned"),
    "severity": (pa.string(), "error, warning or info"),
}
FINDINGS_SCHEMA = pa.schema(
    [
        pa.field(name, kind, nullable=name.startswith("other_"), metadata={"description": description})
        for name, (kind, description) in _COLUMNS.items()
    ]
)
"""One row a finding, in ascending order of subject, session, segment, first_row, kind, channels, other place."""

_ORDER = (
    *("subject", "session", "segment", "first_row", "kind", "channels"),
    *("other_subject", "other_session", "other_segment", "other_first_row", "last_row", "num_rows", "severity"),
)


class Place(NamedTuple):
    """Where rows begin: a recording, a segment of it, a row counted from the segment's first, and its activity."""

    recording: RecordingKey
    segment: int
    row: int
    activity: int

    def columns(self, prefix: str = "") -> dict[str, int]:
        """The place as columns of the table, with ``prefix`` before their names."""
        (subject, session), segment, row, activity = self
        names = {"activity": activity, "subject": subject, "session": session, "segment": segment, "first_row": row}
        return {f"{prefix}{name}": number for name, number in names.items()}


class Finding(NamedTuple):
    """What is wrong with ``num_rows`` rows from ``place`` on, and on which channels."""

    kind: Kind
    severity: Severity
    place: Place
    num_rows: int
    channels: Collection[int]
    other: Place | None = None
    """Where the rows occur too, or what should have followed them."""

    def columns(self, spec: DatasetSpec) -> dict[str, str | int]:
        """The finding as one row of the table, without columns that say nothing."""
        return {
            "kind": self.kind,
            "severity": self.severity,
            **self.place.columns(),
            "last_row": self.place.row + self.num_rows - 1,
            "num_rows": self.num_rows,
            "channels": name_channels(self.channels, spec),
            **(self.other.columns("other_") if self.other else {}),
        }


class Skipped(NamedTuple):
    """What the audit did not look for, in the whole data set or where the reason says."""

    kind: Kind
    reason: str


def name_channels(indices: Collection[int], spec: DatasetSpec) -> str:
    """The column ``channels`` for these channels: ``all``, or names of places if whole places make them up.

    In DSADS ``T RA`` are channels 0 to 17, and ``T_xacc RA_xacc`` are 0 and 9.
    """
    if len(indices) == spec.num_channels:
        return ALL_CHANNELS
    whole = [place for place, own in enumerate(spec.channels_of_place) if set(own) <= set(indices)]
    if len(indices) == sum(len(spec.channels_of_place[place]) for place in whole):
        return " ".join(spec.places[place] for place in whole)
    return " ".join(spec.channel_names[index] for index in sorted(indices))


def concerns_places(channels: str, spec: DatasetSpec, place: str | None = None) -> bool:
    """Whether the column ``channels`` says all, or names whole places: ``place`` among them, or any if absent."""
    names = channels.split()
    return channels == ALL_CHANNELS or (all(name in spec.places for name in names) if place is None else place in names)


def tabulate(findings: Iterable[Finding], spec: DatasetSpec, skipped: Sequence[Skipped] = ()) -> pa.Table:
    """The findings as a table in :data:`FINDINGS_SCHEMA`, sorted; its metadata has the spec and what was skipped."""
    schema = FINDINGS_SCHEMA.with_metadata({**spec.to_metadata(), SKIPPED_KEY: json.dumps(skipped)})
    table = pa.Table.from_pylist([finding.columns(spec) for finding in findings], schema=schema)
    return table.sort_by([(name, "ascending") for name in _ORDER]).combine_chunks()


def spec_of(findings: pa.Table) -> DatasetSpec:
    """The data set in which these were found.

    Raises:
        InputError: the metadata of the table does not say.
    """
    return _read_spec((findings.schema.metadata or {}).get(METADATA_KEY.encode()))


@lru_cache(maxsize=4)  # asked for each recording
def _read_spec(text: bytes | None) -> DatasetSpec:
    metadata = {} if text is None else {METADATA_KEY.encode(): text}
    return DatasetSpec.from_metadata(metadata, where="findings")


def skipped_of(findings: pa.Table) -> tuple[Skipped, ...]:
    """What the audit did not look for, in order of the kinds; the metadata of the table says it."""
    written = json.loads((findings.schema.metadata or {}).get(SKIPPED_KEY.encode(), b"[]"))
    return tuple(Skipped(Kind(kind), reason) for kind, reason in written)


def content_version(findings: pa.Table) -> str:
    """SHA-256 of the rows, of the data set, and of what was skipped, independent of the file they are in."""
    told = [findings.to_pydict(), spec_of(findings).version, skipped_of(findings)]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def write_findings(findings: pa.Table, path: Path) -> None:
    """Write a table in :data:`FINDINGS_SCHEMA` as Parquet, whole or not at all.

    Raises:
        StorageError: the disk is full.
    """
    with atomic_path(path) as temporary:
        pq.write_table(findings, temporary, compression="zstd")


def read_findings(path: Path) -> pa.Table:
    """Read what :func:`write_findings` wrote.

    Raises:
        InputError: the file is missing, no Parquet, has other columns, or says of no data set what was found.
    """
    expected = "a Parquet table of findings, as the audit writes it"
    try:
        table = pq.ParquetFile(path).read()  # pq.read_table takes columns from the names of folders
    except (OSError, pa.ArrowInvalid) as error:
        problem = Problem(path=str(path), value=str(error), expected=expected)
        raise InputError("The findings of the audit cannot be read", [problem]) from error
    if not table.schema.equals(FINDINGS_SCHEMA):
        problem = Problem(path=str(path), value="other columns", expected=expected)
        raise InputError("These are no findings of the audit", [problem])
    DatasetSpec.from_metadata(table.schema.metadata, where=str(path))
    return table
