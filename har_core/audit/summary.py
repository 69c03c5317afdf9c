"""Findings counted by kind: what people read first. How it is shown belongs to the caller."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from har_core.audit.findings import Kind, Severity

_MAX_PLACES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class KindSummary:
    """All findings of one kind."""

    kind: Kind
    severity: Severity
    """The worst among them."""
    num_findings: int
    num_rows: int
    """Sum over the findings; a row that several of them name counts for each."""
    places: str
    """Recordings concerned, those with the most rows first, the rest counted: ``a05/p1 (1500), a06/p1 (1500)``."""


def summarise(findings: pa.Table) -> dict[Kind, KindSummary]:
    """A summary of each kind that was found, the worst severity first, then the most rows.

    Args:
        findings: in :data:`~har_core.audit.findings.FINDINGS_SCHEMA`.
    """
    columns = [findings[name].to_pylist() for name in ("kind", "severity", "activity", "subject", "num_rows")]
    rows_at: dict[Kind, dict[str, int]] = {}
    severities: dict[Kind, list[Severity]] = {}
    for name, severity, activity, subject, num_rows in zip(*columns, strict=True):
        kind, place = Kind(name), f"a{activity:02d}/p{subject}"
        places = rows_at.setdefault(kind, {})
        places[place] = places.get(place, 0) + num_rows
        severities.setdefault(kind, []).append(Severity(severity))
    order = list(Severity)  # the worst first
    found = [
        KindSummary(
            kind=kind,
            severity=min(severities[kind], key=order.index),
            num_findings=len(severities[kind]),
            num_rows=sum(places.values()),
            places=_named(places),
        )
        for kind, places in rows_at.items()
    ]
    found.sort(key=lambda summary: (order.index(summary.severity), -summary.num_rows, summary.kind))
    return {summary.kind: summary for summary in found}


def _named(rows_at: dict[str, int]) -> str:
    ordered = sorted(rows_at.items(), key=lambda item: (-item[1], item[0]))
    named = ", ".join(f"{place} ({num_rows:,})" for place, num_rows in ordered[:_MAX_PLACES])
    rest = len(ordered) - _MAX_PLACES
    return f"{named} and {rest} more" if rest > 0 else named
