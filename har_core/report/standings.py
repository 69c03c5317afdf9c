"""Models by the scores that a stored report holds: the honest protocol first, the holdout of those without folds."""

from __future__ import annotations

import math
from dataclasses import dataclass

from har_core.evaluation.intervals import SubjectSpread, spread_of
from har_core.report.stored import StoredReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One model over the folds of a protocol."""

    model: str
    spread: SubjectSpread
    num_folds: int
    num_folds_planned: int

    @property
    def is_complete(self) -> bool:
        """Whether no fold is missing: only then can means be compared."""
        return self.num_folds >= self.num_folds_planned


@dataclass(frozen=True, slots=True, kw_only=True)
class Standings:
    """Every model of a report, once."""

    protocol: str | None
    """The first with folds in which every subject tests once; None where there is none."""
    by_folds: tuple[Standing, ...]
    """Complete ones first, then by mean."""
    by_holdout: tuple[tuple[str, float | None], ...]
    """Macro-F1 on test windows of models without a fold of the protocol, best first; None where not computed."""
    missing: tuple[str, ...]
    """In words: what the report names as missing, then models that lack folds."""


def standings_of(report: StoredReport) -> Standings:
    """The models of ``report``."""
    protocol = next(iter(report.honest_protocols), None)
    rows = []
    for model, scores in report.scores(protocol).items() if protocol else ():
        if not any(scores.values()):
            continue
        there, planned = report.folds_of(protocol or "", model)
        rows.append(Standing(model=model, spread=spread_of(scores), num_folds=there, num_folds_planned=planned))
    rows.sort(key=lambda row: (not row.is_complete, -row.spread.mean, row.model))
    done = {row.model for row in rows}
    holdout = [(model, score) for model, score in report.holdout.items() if model not in done]
    holdout.sort(key=lambda entry: (-(entry[1] if entry[1] is not None else -math.inf), entry[0]))
    lacking = (
        f"folds/{row.model}: {row.num_folds} of {row.num_folds_planned} folds of {protocol}"
        for row in rows
        if not row.is_complete
    )
    unfolded = (f"folds/{model}: no fold of {protocol}" for model, _ in holdout if protocol)
    return Standings(
        protocol=protocol,
        by_folds=tuple(rows),
        by_holdout=tuple(holdout),
        missing=(*report.missing, *lacking, *unfolded),
    )
