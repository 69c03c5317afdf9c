"""How much a random split flatters, beside the same architectures tested on new subjects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from har_core.report.charts.dumbbells import Dumbbells, dumbbells
from har_core.report.fold_rows import FoldRow
from har_core.report.formats import fixed, points


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakRow:
    """One architecture, tested on new subjects and on a random split."""

    name: str
    architecture: str
    honest: float
    leaky: float
    row: FoldRow
    """Of the random split."""

    @property
    def flatters_by(self) -> float:
        """Macro-F1 that the random split adds."""
        return self.leaky - self.honest


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """How much a random split flatters."""

    against: str
    """The honest protocol."""
    rows: tuple[LeakRow, ...]
    """The most flattered first."""
    words: str
    chart: Dumbbells | None


def leak(honest: Sequence[FoldRow], leaky: Sequence[FoldRow], *, against: str) -> Leak | None:
    """What the random split adds to each architecture that has all folds of both; None where there is none.

    Args:
        honest: rows of the protocol ``against``.
        leaky: rows of the random split.
        against: the protocol whose test subjects are new to the model.
    """
    fair = {row.summary.architecture: row for row in honest if row.is_complete}
    rows = [
        LeakRow(
            name=row.name,
            architecture=row.summary.architecture,
            honest=fair[row.summary.architecture].summary.macro_f1.mean,
            leaky=row.summary.macro_f1.mean,
            row=row,
        )
        for row in leaky
        if row.is_complete and row.summary.architecture in fair
    ]
    if not rows:
        return None
    rows.sort(key=lambda row: (-row.flatters_by, row.name))
    return Leak(
        against=against,
        rows=tuple(rows),
        words=_in_words(rows),
        chart=dumbbells([(row.name, row.leaky, row.honest) for row in rows]),
    )


def _in_words(rows: Sequence[LeakRow]) -> str:
    most, least = rows[0], rows[-1]
    words = (
        f"Tested on randomly drawn segments of people it trained on, {most.name} would be said to have a macro-F1 of "
        f"{fixed(most.leaky)}; on people it never saw it has {fixed(most.honest)}: {points(most.flatters_by)}."
    )
    if len(rows) > 1:
        mean = float(np.mean([row.flatters_by for row in rows]))
        words += f" Least flattered is {least.name}, {points(least.flatters_by)}; in the mean {points(mean)}."
        first = max(rows, key=lambda row: row.leaky)
        fair = max(rows, key=lambda row: row.honest)
        if first is not fair:
            words += f" It would also put {first.name} first, where {fair.name} is."
    return words
