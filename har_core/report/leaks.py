"""How much a random split flatters, next to the same architectures tested on new subjects."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from har_core.report.charts import dumbbells
from har_core.report.fold_rows import FoldRow
from har_core.report.formats import fixed, points


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakRow:
    """One architecture, tested on a random split and on new subjects."""

    name: str
    architecture: str
    leaky_macro_f1: float
    honest_macro_f1: float
    flatters_by: float
    """Macro-F1 that the random split adds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """How much a random split flatters."""

    against: str
    """The honest protocol."""
    words: str
    architectures: tuple[LeakRow, ...]
    """The most flattered first."""

    @property
    def chart(self) -> Markup | None:
        """From the random split to new people."""
        rows = [(row.name, row.leaky_macro_f1, row.honest_macro_f1) for row in self.architectures]
        return dumbbells(rows, label="Macro-F1 from a random split to new people")


def leak(honest: Sequence[FoldRow], leaky: Sequence[FoldRow], *, against: str) -> Leak | None:
    """What the random split adds to each architecture that has all folds of both; None where there is none.

    Args:
        honest: rows of the protocol ``against``, whose test subjects are new to the model.
        leaky: rows of the random split.
        against: name of that protocol.
    """
    fair = {row.summary.architecture: row.summary.macro_f1.mean for row in honest if row.is_complete}
    rows = [
        LeakRow(
            name=row.name,
            architecture=row.summary.architecture,
            leaky_macro_f1=row.summary.macro_f1.mean,
            honest_macro_f1=fair[row.summary.architecture],
            flatters_by=row.summary.macro_f1.mean - fair[row.summary.architecture],
        )
        for row in leaky
        if row.is_complete and row.summary.architecture in fair
    ]
    rows.sort(key=lambda row: (-row.flatters_by, row.name))
    return Leak(against=against, words=_in_words(rows), architectures=tuple(rows)) if rows else None


def _in_words(rows: Sequence[LeakRow]) -> str:
    most, least = rows[0], rows[-1]
    words = (
        f"Tested on random parts of recordings of people it was trained on, {most.name} seems to reach a macro-F1 of "
        f"{fixed(most.leaky_macro_f1)}, but on people it never saw it reaches {fixed(most.honest_macro_f1)}. "
        f"The random split gives it {points(most.flatters_by)}"
    )
    if most is not least:
        mean = statistics.fmean(row.flatters_by for row in rows)
        words += f", {least.name} {points(least.flatters_by)}, and the models {points(mean)} on average"
    first, fair = max(rows, key=lambda row: row.leaky_macro_f1), max(rows, key=lambda row: row.honest_macro_f1)
    return words + ("." if first is fair else f". It would also rank {first.name} first instead of {fair.name}.")
