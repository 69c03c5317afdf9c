"""What the audit found, and which windows were left out of a role, in the words of the report.

How findings are made is :mod:`har_core.audit`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
from markupsafe import Markup

from har_core.audit.findings import Skipped, skipped_of, spec_of
from har_core.audit.kinds import Severity
from har_core.audit.summary import KindSummary, summarise_findings
from har_core.report.charts import squares
from har_core.report.honest import TITLES
from har_core.report.inputs import ReportInputs, WindowCounts
from har_core.splits.names import DROPS

DROP_WORDS = {
    "damaged_training": "Damaged, left out of training",
    "duplicate_training": "Copies of rows in another role, left out of training",
    "duplicate_validation": "Copies of test rows, left out of validation",
    "overlapping_training": "Samples shared with another role, left out of training",
    "overlapping_validation": "Samples shared with test, left out of validation",
    "none_training": "None of the activities, left out of training",
    "none_validation": "None of the activities, left out of validation",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditView:
    """The section on the recordings' content."""

    kinds: tuple[KindSummary, ...]
    skipped: tuple[Skipped, ...]
    """What was not looked for."""
    num_findings: int
    severities: dict[str, int]
    """Findings of each severity that there is, the worst first."""
    subjects: tuple[int, ...]
    activities: Mapping[int, str]
    """Number -> name, of the recordings; 0 only where a finding begins in rows that are none of them."""
    found: Mapping[tuple[int, int], tuple[int, str]]
    """(subject, activity) -> number of findings, at least one, and the worst severity."""
    counts: WindowCounts | None
    drops: dict[str, list[Mapping[str, int]]]
    """Windows left out of a role, by reason: in the split of the models, and in each fold of a protocol."""
    reasons: tuple[str, ...]
    """Those for which any window was left out."""

    def left_out(self, title: str, reason: str) -> str:
        """Windows, or the fewest and the most of a fold, in ``drops[title]``."""
        counts = [drops.get(reason, 0) for drops in self.drops[title]]
        low, high = min(counts), max(counts)
        return f"{low:,}" if low == high else f"{low:,} to {high:,}"

    @property
    def chart(self) -> Markup | None:
        """Findings by subject and activity."""
        words = []
        for subject in self.subjects:
            count = sum(count for (own, _), (count, _) in self.found.items() if own == subject)
            words.append(f"subject {subject} {count:,}")
        label = f"Findings by subject and activity, also in the table below: {', '.join(words)}"
        return squares(self.subjects, self.activities, self.found, label=label)

    @property
    def windows_in_words(self) -> str:
        """What the findings mean for windows; empty where nobody counted."""
        counts = self.counts
        if counts is None:
            return ""
        words = (
            f"Of {counts.num_windows:,} windows, {counts.num_damaged:,} touch a damaged run, and "
            f"{counts.num_in_duplicate_groups:,} contain rows that another window contains too."
        )
        if counts.num_dropped:
            words += f" {counts.num_dropped:,} more were damaged and dropped before roles were assigned."
        if counts.num_repaired:
            words += f" In {counts.num_repaired:,}, damaged runs were interpolated or filled."
        return words


def view_audit(inputs: ReportInputs) -> AuditView | None:
    """What the report says about ``inputs.findings``; None where there was no audit."""
    if inputs.findings is None:
        return None
    found = _by_activity(inputs.findings)
    spec = spec_of(inputs.findings)
    numbers = [*range(1, spec.num_activities + 1), *([0] if any(not activity for _, activity in found) else [])]
    severities = inputs.findings["severity"].to_pylist()
    drops: dict[str, list[Mapping[str, int]]] = (
        {"Split of the models": [inputs.split_drops]} if inputs.split_drops else {}
    )
    for protocol, title in TITLES.items():
        by_fold = {
            entry.result.fold: entry.result.num_dropped for entry in inputs.folds if entry.result.protocol == protocol
        }
        if by_fold:
            drops[title] = list(by_fold.values())
    return AuditView(
        kinds=tuple(summarise_findings(inputs.findings).values()),
        skipped=skipped_of(inputs.findings),
        num_findings=inputs.findings.num_rows,
        severities={str(s): severities.count(s) for s in Severity if s in severities},
        subjects=tuple(sorted({*inputs.subjects, *(subject for subject, _ in found)})),
        activities={number: spec.activity_name(number) for number in numbers},
        found=found,
        counts=inputs.window_counts,
        drops=drops,
        reasons=tuple(r for r in DROPS if any(own.get(r, 0) for column in drops.values() for own in column)),
    )


def _by_activity(findings: pa.Table) -> dict[tuple[int, int], tuple[int, str]]:
    severities: dict[tuple[int, int], list[str]] = {}
    for finding in findings.select(["subject", "activity", "severity"]).to_pylist():
        severities.setdefault((finding["subject"], finding["activity"]), []).append(finding["severity"])
    order: list[str] = list(Severity)
    return {place: (len(own), min(own, key=order.index)) for place, own in severities.items()}
