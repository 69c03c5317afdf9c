"""The table of findings: its kinds and columns, how a place in a recording is written in it, and how it is stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from har_core.audit.kinds import Kind, Severity
from har_core.base.errors import InputError, Problem
from har_core.base.files import atomic_path
from har_core.datasets.dsads.layout import CHANNELS, NUM_CHANNELS, UNITS, RecordingKey, channels_of_unit

ALL_CHANNELS = "all"
"""What the column ``channels`` says of a finding on every channel."""

_COLUMNS = {
    "kind": (pa.string(), "what is wrong (docs/audit.md)"),
    "activity": (pa.int8(), "activity number, 1 to 19"),
    "subject": (pa.int16(), "subject number, from 1"),
    "segment": (pa.int16(), "segment in which the first row lies"),
    "first_row": (pa.int32(), "first row, from 0 at the beginning of the segment"),
    "last_row": (pa.int32(), "last row, counted on over the following segments: above 124 where it is in one"),
    "channels": (pa.string(), "all, units (T RA), or channels (T_xacc), separated by spaces"),
    "other_activity": (pa.int8(), "activity of the other place, where there is one"),
    "other_subject": (pa.int16(), "subject of the other place"),
    "other_segment": (pa.int16(), "segment of the other place"),
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
"""One row a finding, in ascending order of subject, activity, segment, first_row, kind, channels, other place."""

_ORDER = (
    *("subject", "activity", "segment", "first_row", "kind", "channels"),
    *("other_subject", "other_activity", "other_segment", "other_first_row", "last_row", "num_rows", "severity"),
)


class Place(NamedTuple):
    """Where rows begin: a recording, a segment of it, and a row counted from the segment's first."""

    recording: RecordingKey
    segment: int
    row: int

    def columns(self, prefix: str = "") -> dict[str, int]:
        """The place as columns of the table, with ``prefix`` before their names."""
        (subject, activity), segment, row = self
        names = {"subject": subject, "activity": activity, "segment": segment, "first_row": row}
        return {f"{prefix}{name}": number for name, number in names.items()}


class Finding(NamedTuple):
    """What is wrong with ``num_rows`` rows from ``place`` on, and on these of the 45 channels."""

    kind: Kind
    severity: Severity
    place: Place
    num_rows: int
    channels: Collection[int]
    other: Place | None = None
    """Where the rows occur too, or what should have followed them."""

    def columns(self) -> dict[str, str | int]:
        """The finding as one row of the table, without columns that say nothing."""
        return {
            "kind": self.kind,
            "severity": self.severity,
            **self.place.columns(),
            "last_row": self.place.row + self.num_rows - 1,
            "num_rows": self.num_rows,
            "channels": name_channels(self.channels),
            **(self.other.columns("other_") if self.other else {}),
        }


def name_channels(indices: Collection[int]) -> str:
    """The column ``channels`` for these of the 45 channels: names of units if whole units make them up.

    >>> name_channels(range(45)), name_channels(range(9, 27)), name_channels([0, 9])
    ('all', 'RA LA', 'T_xacc RA_xacc')
    """
    if len(indices) == NUM_CHANNELS:
        return ALL_CHANNELS
    whole = [unit for unit in range(len(UNITS)) if set(channels_of_unit(unit)) <= set(indices)]
    if len(indices) == sum(len(channels_of_unit(unit)) for unit in whole):
        return " ".join(UNITS[unit] for unit in whole)
    return " ".join(CHANNELS[index] for index in sorted(indices))


def concerns_units(channels: str, unit: str | None = None) -> bool:
    """Whether the column ``channels`` says all, or names whole units: ``unit`` among them, or any if absent.

    >>> concerns_units("all"), concerns_units("T RA"), concerns_units("T_xacc"), concerns_units("T RA", "LL")
    (True, True, False, False)
    """
    names = channels.split()
    return channels == ALL_CHANNELS or (all(name in UNITS for name in names) if unit is None else unit in names)


def tabulate(findings: Iterable[Finding]) -> pa.Table:
    """The findings as a table in :data:`FINDINGS_SCHEMA`, sorted."""
    table = pa.Table.from_pylist([finding.columns() for finding in findings], schema=FINDINGS_SCHEMA)
    return table.sort_by([(name, "ascending") for name in _ORDER]).combine_chunks()


def content_version(findings: pa.Table) -> str:
    """SHA-256 of the rows, independent of the file they are in."""
    rows = json.dumps(findings.to_pydict(), sort_keys=True)
    return hashlib.sha256(rows.encode()).hexdigest()


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
        InputError: the file is missing, no Parquet, or has other columns.
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
    return table
