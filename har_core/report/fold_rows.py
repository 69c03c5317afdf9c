"""One row for each architecture in a protocol: its means over folds, and its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from har_core.evaluation.folds import ProtocolSummary, summarise_folds
from har_core.report.choices import chosen_in_folds, trained_on_in_folds
from har_core.report.inputs import FoldEntry
from har_core.report.published import name_of


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldRow:
    """One architecture in one protocol."""

    summary: ProtocolSummary
    num_planned: int
    """Folds that there should be."""
    entries: Mapping[str, FoldEntry]
    """By the name of the fold, in the order of ``summary.folds``."""

    @property
    def name(self) -> str:
        """What readers call it."""
        return name_of(self.summary.architecture)

    @property
    def slug(self) -> str:
        """Ends the id of the row that leads to its runs; unique on the page."""
        return f"{self.summary.protocol}-{self.summary.architecture}"

    @property
    def num_parameters(self) -> int:
        """Of the model of its first fold."""
        return next(iter(self.entries.values())).result.num_parameters

    @property
    def is_complete(self) -> bool:
        """Whether no fold is missing: only then can means be compared."""
        return len(self.entries) >= self.num_planned

    @property
    def trained_on(self) -> str:
        """Training subjects of a fold."""
        return trained_on_in_folds(entry.result for entry in self.entries.values())

    @property
    def chosen(self) -> str:
        """What validation chose, by the first fold."""
        return chosen_in_folds(next(iter(self.entries.values())).result)

    def fold_testing(self, subject: int) -> FoldEntry | None:
        """The fold that ``subject`` is tested in; None where there is none, or more than one."""
        found = [entry for entry in self.entries.values() if subject in entry.result.subjects["test"]]
        return found[0] if len(found) == 1 else None


def fold_rows(groups: Sequence[Sequence[FoldEntry]], planned: Mapping[str, Sequence[str]]) -> tuple[FoldRow, ...]:
    """The rows of one protocol: complete ones first, then by mean macro-F1.

    Args:
        groups: folds of one architecture each, at least one, with a seed in common.
        planned: names of the folds of this protocol that each architecture should have.
    """
    rows = []
    for group in groups:
        entries = {entry.result.fold: entry for entry in sorted(group, key=lambda entry: entry.result.fold)}
        summary = summarise_folds([entry.result for entry in entries.values()])
        num_planned = max(len(planned.get(summary.architecture, ())), len(entries))
        rows.append(FoldRow(summary=summary, num_planned=num_planned, entries=entries))
    return tuple(sorted(rows, key=lambda row: (not row.is_complete, -row.summary.macro_f1.mean, row.name)))
