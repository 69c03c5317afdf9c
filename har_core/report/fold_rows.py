"""One line for each architecture in a protocol: its means over folds, and its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from har_core.evaluation.folds import ProtocolSummary, summarise
from har_core.report.inputs import FoldEntry
from har_core.report.rankings import name_of, place_among


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldRow:
    """One architecture in one protocol."""

    rank: int | None
    """By mean macro-F1, among those with all their folds."""
    name: str
    summary: ProtocolSummary
    num_planned: int
    """Folds that there should be."""
    num_parameters: int
    entries: tuple[FoldEntry, ...]
    """Its folds, in the order of ``summary.folds``."""

    @property
    def slug(self) -> str:
        """Ends the id of the row that leads to its runs; unique on the page."""
        return f"{self.summary.protocol}-{self.summary.architecture}"

    @property
    def is_complete(self) -> bool:
        """Whether no fold is missing: only then do means compare."""
        return len(self.summary.folds) >= self.num_planned

    def fold_testing(self, subject: int) -> FoldEntry | None:
        """The fold that ``subject`` tests in; None where there is none, or more than one."""
        found = [entry for entry in self.entries if subject in entry.result.subjects["test"]]
        return found[0] if len(found) == 1 else None


def fold_rows(
    protocol: str, groups: Sequence[Sequence[FoldEntry]], planned: Mapping[str, tuple[str, ...]]
) -> tuple[FoldRow, ...]:
    """The rows of one protocol: complete ones first, then by mean macro-F1.

    Args:
        protocol: of all results.
        groups: folds of one architecture each, at least one, with a seed in common.
        planned: names of the folds of all protocols that each architecture should have.
    """
    ordered = [tuple(sorted(entries, key=lambda entry: entry.result.fold)) for entries in groups]
    summaries = [(summarise([entry.result for entry in entries]), entries) for entries in ordered]
    counts = {
        architecture: sum(_protocol(name) == protocol for name in names) for architecture, names in planned.items()
    }
    num_planned = {s.architecture: max(counts.get(s.architecture, 0), len(s.folds)) for s, _ in summaries}
    complete = [s.macro_f1.mean for s, _ in summaries if len(s.folds) >= num_planned[s.architecture]]
    rows = [
        FoldRow(
            rank=place_among(summary.macro_f1.mean, complete)
            if len(summary.folds) >= num_planned[summary.architecture]
            else None,
            name=name_of(summary.architecture),
            summary=summary,
            num_planned=num_planned[summary.architecture],
            num_parameters=entries[0].result.num_parameters,
            entries=entries,
        )
        for summary, entries in summaries
    ]
    return tuple(sorted(rows, key=lambda row: (not row.is_complete, -row.summary.macro_f1.mean, row.name)))


def _protocol(fold: str) -> str:
    return fold.partition("-")[0]
