"""Findings counted by kind: what people read first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from har_core.audit.kinds import Kind, Severity

_MAX_PLACES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class KindSummary:
    """All findings of one kind."""

    kind: Kind
    severity: Severity
    """The worst among them."""
    num_findings: int
    num_rows: int
    """Sum over the findings; a row in several of them counts for each."""
    places: str
    """Recordings concerned, those with the most rows first, the rest counted: ``p1 session 5 (1,500)``, where p1 is
    subject 1."""


def summarise_findings(findings: pa.Table) -> dict[Kind, KindSummary]:
    """A summary of each kind in a table of findings, the worst severity first, then the most rows."""
    rows_of: dict[Kind, list[dict[str, Any]]] = {}
    for row in findings.to_pylist():
        rows_of.setdefault(Kind(row["kind"]), []).append(row)
    order = list(Severity)  # the worst first
    found = [
        KindSummary(
            kind=kind,
            severity=min((Severity(row["severity"]) for row in rows), key=order.index),
            num_findings=len(rows),
            num_rows=sum(row["num_rows"] for row in rows),
            places=_places(rows),
        )
        for kind, rows in rows_of.items()
    ]
    found.sort(key=lambda summary: (order.index(summary.severity), -summary.num_rows, summary.kind))
    return {summary.kind: summary for summary in found}


def _places(rows: list[dict[str, Any]]) -> str:
    num_rows: Counter[tuple[int, int]] = Counter()
    for row in rows:
        num_rows[row["subject"], row["session"]] += row["num_rows"]
    ordered = sorted(num_rows.items(), key=lambda item: (-item[1], item[0]))
    named = [f"p{subject} session {session} ({number:,})" for (subject, session), number in ordered[:_MAX_PLACES]]
    rest = len(ordered) - _MAX_PLACES
    return ", ".join(named) + (f" and {rest} more" if rest > 0 else "")
