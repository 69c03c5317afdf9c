"""What the audit found, and what became of it in windows, in the words of the report.

How findings are made is :mod:`har_core.audit`'s business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from har_core.audit.findings import Kind, Severity
from har_core.audit.summary import KindSummary, summarise
from har_core.datasets.dsads.layout import ACTIVITIES, NUM_ACTIVITIES
from har_core.report.charts.squares import Squares, squares
from har_core.report.honest import HONEST_PROTOCOLS, LEAKY, TITLES
from har_core.report.inputs import ReportInputs, WindowCounts
from har_core.splits.roles import DROPS

_KIND_WORDS = {
    Kind.ZERO_RUN: "Rows that are zero where a sensor cannot be",
    Kind.CONSTANT_RUN: "Rows that repeat the one before, value for value",
    Kind.DUPLICATE_ROWS: "Rows that also stand in another place",
    Kind.DISCONTINUOUS_JOIN: "Segments that do not go on where the last one ends",
    Kind.WRONG_ORDER: "Segments that go on in another one than the next",
    Kind.MISSING_SEGMENT: "Segment numbers that are not there",
    Kind.OUT_OF_RANGE: "Values beyond what the sensor measures",
    Kind.SATURATION: "A channel that stays at its extreme",
    Kind.MAGNETOMETER_NORM: "A magnetic field far from the Earth's",
    Kind.DUPLICATED_CHANNELS: "Two channels with the same values",
    Kind.SWAPPED_CHANNELS: "Channels in each other's place",
}
_DROP_WORDS = {
    "damaged_training": "Damaged: left training",
    "duplicate_training": "Copies of rows in another role: left training",
    "duplicate_validation": "Copies of test rows: left validation",
    "overlapping_training": "Share samples with another role: left training",
    "overlapping_validation": "Share samples with test: left validation",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KindRow:
    """All findings of one kind."""

    words: str
    summary: KindSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingCell:
    """The findings in one recording."""

    activity: str
    count: int
    severity: str
    """The worst; empty where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingRow:
    """The findings of one subject, a cell an activity."""

    subject: int
    count: int
    cells: tuple[RecordingCell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DropRow:
    """Windows that left a role for one reason: in the split of the models, and in the folds of each protocol."""

    reason: str
    words: str
    counts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditView:
    """The section on the recordings' content."""

    num_findings: int
    severities: tuple[tuple[str, int], ...]
    """Findings of each severity that there is, the worst first."""
    kinds: tuple[KindRow, ...]
    recordings: tuple[RecordingRow, ...]
    chart: Squares | None
    counts: WindowCounts | None
    drops: tuple[DropRow, ...]
    drop_columns: tuple[str, ...]
    drop_folds: tuple[int, ...]
    """Folds behind each of :attr:`drop_columns`; 0 for the split of the models."""

    @property
    def in_words(self) -> str:
        """How many findings each subject has, for those who do not see the drawing."""
        return ", ".join(f"subject {row.subject} {row.count:,}" for row in self.recordings)

    @property
    def windows_in_words(self) -> str:
        """What the findings came to in windows; empty where nobody counted."""
        if self.counts is None:
            return ""
        counts = self.counts
        words = (
            f"Of {counts.num_windows:,} windows, {counts.num_damaged:,} touch a damaged run, and "
            f"{counts.num_in_duplicate_groups:,} hold rows that stand in another window too."
        )
        if counts.num_dropped:
            words += f" {counts.num_dropped:,} more were dropped as damaged before any role."
        if counts.num_repaired:
            words += f" {counts.num_repaired:,} were repaired: short runs in them were interpolated."
        return words


def view_audit(inputs: ReportInputs) -> AuditView | None:
    """What the report says of ``inputs.findings``; None where there was no audit."""
    if inputs.findings is None:
        return None
    findings = inputs.findings
    by_recording = _by_recording(findings)
    subjects = sorted({*inputs.subjects, *(subject for subject, _ in by_recording)})
    severities = findings["severity"].to_pylist()
    columns, folds, drops = _drops(inputs)
    return AuditView(
        num_findings=findings.num_rows,
        severities=tuple((str(s), severities.count(s)) for s in Severity if s in severities),
        kinds=tuple(KindRow(words=_KIND_WORDS[kind], summary=entry) for kind, entry in summarise(findings).items()),
        recordings=tuple(_row(subject, by_recording) for subject in subjects),
        chart=squares(subjects, by_recording),
        counts=inputs.window_counts,
        drops=drops,
        drop_columns=columns,
        drop_folds=folds,
    )


def _by_recording(findings: pa.Table) -> dict[tuple[int, int], tuple[int, str]]:
    """(subject, activity) -> number of findings, and the worst severity."""
    order = [str(severity) for severity in Severity]
    found: dict[tuple[int, int], tuple[int, str]] = {}
    columns = [findings[name].to_pylist() for name in ("subject", "activity", "severity")]
    for subject, activity, severity in zip(*columns, strict=True):
        count, worst = found.get((subject, activity), (0, severity))
        found[subject, activity] = count + 1, min(worst, severity, key=order.index)
    return found


def _row(subject: int, found: dict[tuple[int, int], tuple[int, str]]) -> RecordingRow:
    entries = [found.get((subject, activity), (0, "")) for activity in range(1, NUM_ACTIVITIES + 1)]
    return RecordingRow(
        subject=subject,
        count=sum(count for count, _ in entries),
        cells=tuple(
            RecordingCell(activity=activity, count=count, severity=severity)
            for activity, (count, severity) in zip(ACTIVITIES, entries, strict=True)
        ),
    )


def _drops(inputs: ReportInputs) -> tuple[tuple[str, ...], tuple[int, ...], tuple[DropRow, ...]]:
    """Names of the columns, folds behind each, and a row for each reason."""
    columns: list[tuple[str, list[dict[str, int]]]] = []
    if inputs.split_drops:
        columns.append(("Split of the models", [dict(inputs.split_drops)]))
    for protocol in (*HONEST_PROTOCOLS, LEAKY):
        by_fold = {e.result.fold: e.result.num_dropped for e in inputs.folds if e.result.protocol == protocol}
        if by_fold:
            columns.append((TITLES[protocol], list(by_fold.values())))
    reasons = [r for r in DROPS if any(drops.get(r, 0) for _, entries in columns for drops in entries)]
    rows = tuple(
        DropRow(
            reason=reason,
            words=_DROP_WORDS[reason],
            counts=tuple(_range([drops.get(reason, 0) for drops in entries]) for _, entries in columns),
        )
        for reason in reasons
    )
    is_split = [bool(inputs.split_drops) and index == 0 for index in range(len(columns))]
    folds = tuple(0 if own else len(entries) for own, (_, entries) in zip(is_split, columns, strict=True))
    return tuple(name for name, _ in columns), folds, rows


def _range(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
