"""The MLflow run behind each fold of a protocol: what the means of its rows lead to."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from har_core.report.fold_rows import FoldRow
from har_core.report.inputs import FoldEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldRun:
    """One fold of one architecture, and the figure that its means count."""

    entry: FoldEntry
    macro_f1: float
    """On all test windows; the mean over seeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldRuns:
    """The runs of one protocol: a line for each architecture, a place in it for each fold."""

    folds: tuple[str, ...]
    """Names without their protocol: ``p1``. First those that there should be, in their order."""
    lines: tuple[tuple[FoldRow, tuple[FoldRun | None, ...]], ...]
    """In the order of the rows; None stands for a fold that is missing."""


def fold_runs(protocol: str, rows: Sequence[FoldRow], planned: Mapping[str, tuple[str, ...]]) -> FoldRuns:
    """The runs that ``rows`` are means of.

    Args:
        protocol: of all rows.
        rows: of any number of architectures.
        planned: names of the folds of all protocols that each architecture should have.
    """
    start = f"{protocol}-"
    wanted = [name for row in rows for name in planned.get(row.summary.architecture, ()) if name.startswith(start)]
    folds = tuple(dict.fromkeys([*wanted, *(name for row in rows for name in row.summary.folds)]))
    lines = []
    for row in rows:
        runs = {entry.result.fold: _run(entry) for entry in row.entries}
        lines.append((row, tuple(runs.get(fold) for fold in folds)))
    return FoldRuns(folds=tuple(fold.removeprefix(start) for fold in folds), lines=tuple(lines))


def _run(entry: FoldEntry) -> FoldRun:
    return FoldRun(entry=entry, macro_f1=statistics.fmean(seed.scores["test"].macro_f1 for seed in entry.result.seeds))
