"""Where a finding lies, in the words of the table: rows of a recording, and names of channels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from har_core.audit.findings import Finding, Kind, Severity
from har_core.datasets.dsads.layout import CHANNELS, NUM_CHANNELS, SEGMENT_LENGTH, UNITS, RecordingKey

ALL_CHANNELS = "all"
"""What the column ``channels`` says of a finding on every channel."""
CHANNELS_PER_UNIT = NUM_CHANNELS // len(UNITS)


@dataclass(frozen=True, slots=True)
class Place:
    """Where rows begin: a recording, a segment of it, and a row counted from the segment's first."""

    recording: RecordingKey
    segment: int
    row: int


def place_at(recording: RecordingKey, segments: Sequence[int], row: int) -> Place:
    """The place of a row that is counted from the start of a recording with these segments."""
    return Place(recording, segments[row // SEGMENT_LENGTH], row % SEGMENT_LENGTH)


def finding_at(
    kind: Kind, severity: Severity, place: Place, *, num_rows: int, channels: str, other: Place | None = None
) -> Finding:
    """A finding on ``num_rows`` rows from ``place`` on."""
    return Finding(
        kind=kind,
        activity=place.recording.activity,
        subject=place.recording.subject,
        segment=place.segment,
        first_row=place.row,
        last_row=place.row + num_rows - 1,
        channels=channels,
        other_activity=None if other is None else other.recording.activity,
        other_subject=None if other is None else other.recording.subject,
        other_segment=None if other is None else other.segment,
        other_first_row=None if other is None else other.row,
        num_rows=num_rows,
        severity=severity,
    )


def name_channels(indices: Iterable[int]) -> str:
    """The column ``channels`` for these of the 45 channels: by unit where all of them are of whole units.

    >>> name_channels(range(45)), name_channels(range(9, 27)), name_channels([0, 9])
    ('all', 'RA LA', 'T_xacc RA_xacc')
    """
    chosen = set(indices)
    if len(chosen) == NUM_CHANNELS:
        return ALL_CHANNELS
    whole = [unit for unit in range(len(UNITS)) if chosen >= set(channels_of(unit))]
    if len(chosen) == len(whole) * CHANNELS_PER_UNIT:
        return " ".join(UNITS[unit] for unit in whole)
    return " ".join(CHANNELS[index] for index in sorted(chosen))


def channels_of(unit: int) -> range:
    """The indices of the channels of the unit ``UNITS[unit]``."""
    return range(unit * CHANNELS_PER_UNIT, (unit + 1) * CHANNELS_PER_UNIT)


def is_on_units(channels: str) -> bool:
    """Whether the column ``channels`` says all, or names whole units.

    >>> is_on_units("all"), is_on_units("T RA"), is_on_units("T_xacc")
    (True, True, False)
    """
    return channels == ALL_CHANNELS or all(name in UNITS for name in channels.split())
