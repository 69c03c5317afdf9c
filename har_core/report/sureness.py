"""How sure the order of the models is, over the subjects of the protocol that leads."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from har_core.base.errors import counted
from har_core.evaluation.critical_difference import CriticalDifference, critical_difference
from har_core.evaluation.intervals import SubjectSpread, scores_of_folds, spread_of
from har_core.evaluation.pairwise import ROPE, SURE, Pair, Verdict, compare_all, detectable, holm
from har_core.report.diagrams import ranks
from har_core.report.fold_rows import FoldRow
from har_core.report.formats import fixed, listed, signed
from har_core.report.honest import ProtocolView
from har_core.report.published import name_of

MARKS: dict[Verdict, str] = {"better": "+", "equivalent": "=", "worse": "−", "cannot be told": "?"}
"""In the table of all pairs."""

_WORDS: dict[Verdict, tuple[str, str]] = {
    "better": ("is surely better", "are surely better"),
    "worse": ("is surely worse", "are surely worse"),
    "equivalent": ("is as good in practice", "are as good in practice"),
    "cannot be told": ("cannot be told from it", "cannot be told from it"),
}
"""One model, and several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sure:
    """One model with all its folds."""

    row: FoldRow
    spread: SubjectSpread
    beside: Pair | None
    """This model beside the one in front; None of that one."""
    holm_p: float | None
    """Wilcoxon's p of the same, corrected for as many comparisons as there are other models."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sureness:
    """All models with all their folds, at least two with three subjects in common."""

    rows: tuple[Sure, ...]
    front: FoldRow
    """What the others are compared with."""
    pairs: Mapping[tuple[str, str], Pair]
    """By the architectures of both."""
    ranks: CriticalDifference | None
    """None with fewer than three models."""
    test_share: float
    """Of the subjects, in a fold."""
    left_out: tuple[str, ...]
    """Names of models that lack folds."""

    @property
    def sure(self) -> float:
        """Probability from which on a verdict is given."""
        return SURE

    @property
    def equivalent(self) -> float:
        """What two models may differ by and be as good in practice."""
        return ROPE

    @property
    def marks(self) -> dict[Verdict, str]:
        """By verdict."""
        return MARKS

    @property
    def num_subjects(self) -> int:
        """Of the first pair."""
        return len(next(iter(self.pairs.values())).differences)

    @property
    def detectable(self) -> float:
        """The difference from which on a verdict is given, of the pair in the middle."""
        return statistics.median(
            detectable([*pair.differences.values()], test_share=self.test_share) for pair in self.pairs.values()
        )

    @property
    def diagram(self) -> Markup | None:
        """Mean ranks, and who does not differ; None with fewer than three models."""
        if self.ranks is None:
            return None
        named = [(name_of(name), rank) for name, rank in self.ranks.mean_ranks.items()]
        listed_ranks = ", ".join(f"{name} {fixed(rank, 1)}" for name, rank in named)
        names = {name: name_of(name) for name in self.ranks.mean_ranks}
        return ranks(self.ranks, names, label=f"Mean ranks over the subjects: {listed_ranks}")

    def mark(self, one: Sure, other: Sure) -> str:
        """The verdict of one beside another, as in :data:`MARKS`; nothing of itself."""
        pair = self.pairs.get((one.row.summary.architecture, other.row.summary.architecture))
        return MARKS[pair.verdict] if pair else ""

    def told(self, one: Sure, other: Sure) -> str:
        """The verdict in words."""
        pair = self.pairs.get((one.row.summary.architecture, other.row.summary.architecture))
        if pair is None:
            return ""
        verdict = {"better": "better than", "worse": "worse than", "equivalent": "equivalent to"}.get(pair.verdict)
        return f"{one.row.name}: {verdict or 'cannot be told from'} {other.row.name}, {signed(pair.mean)}"

    @property
    def words(self) -> str:
        """How sure the model in front is, and what nobody can tell."""
        verdicts = [sure.beside.verdict for sure in self.rows if sure.beside]
        told = [
            f"{number} {words[number != 1]}" for verdict, words in _WORDS.items() if (number := verdicts.count(verdict))
        ]
        [interval] = [sure.spread.interval for sure in self.rows if sure.row is self.front]
        between = f" (95 % interval {fixed(interval[0])} to {fixed(interval[1])})" if interval else ""
        return (
            f"Beside {self.front.name}{between}, of {counted(len(verdicts), 'other model')} {listed(told)}. "
            f"With {self.num_subjects} subjects, differences below about {fixed(self.detectable, 2)} cannot be told."
        )


def view_sureness(view: ProtocolView | None, *, first: str | None) -> Sureness | None:
    """How sure the scores of ``view`` are; None where there is nothing to compare.

    Args:
        view: the protocol that leads, if there is one.
        first: the architecture that the report puts in front, if there is one.
    """
    rows = [row for row in view.rows if row.is_complete] if view is not None else []
    scores = {row.summary.architecture: row.summary.per_subject for row in rows}
    test_share = 1 / max(2, *(len(row.entries) for row in rows)) if rows else 0.0  # each subject tests in one fold
    found = [pair for pair in compare_all(scores, test_share=test_share) if pair.probabilities is not None]
    if view is None or not found:
        return None
    pairs = {(own.first, own.second): own for pair in found for own in (pair, pair.swapped())}
    front = next((row for row in rows if row.summary.architecture == first), rows[0])
    beside = {
        row.summary.architecture: pair
        for row in rows
        if (pair := pairs.get((row.summary.architecture, front.summary.architecture)))
    }
    corrected = dict(zip(beside, holm([pair.wilcoxon_p or 0.0 for pair in beside.values()]), strict=True))
    return Sureness(
        rows=tuple(
            Sure(
                row=row,
                spread=spread_of(scores_of_folds([entry.result for entry in row.entries.values()])),
                beside=beside.get(row.summary.architecture),
                holm_p=corrected.get(row.summary.architecture),
            )
            for row in rows
        ),
        front=front,
        pairs=pairs,
        ranks=critical_difference(scores),
        test_share=test_share,
        left_out=tuple(row.name for row in view.rows if not row.is_complete),
    )
