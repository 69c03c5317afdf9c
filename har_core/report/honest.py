"""Scores over folds: each protocol, each subject, and published figures beside them.

Nothing here chooses anything: every figure is of test windows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from har_core.datasets.dsads.layout import SAMPLING_RATE_HZ
from har_core.evaluation.folds import ProtocolSummary
from har_core.report.charts.swarm import Spots, Swarm, swarm
from har_core.report.fold_problems import common_seeds, problems_of_folds
from har_core.report.fold_rows import FoldRow, fold_rows
from har_core.report.fold_runs import FoldRuns, fold_runs
from har_core.report.formats import fixed, listed, with_spread
from har_core.report.inputs import FoldEntry, ReportInputs
from har_core.report.leaks import Leak, leak
from har_core.report.published import LOSO_SOURCE, PAIRS_SOURCE, PUBLISHED_LOSO, PUBLISHED_PAIRS

HONEST_PROTOCOLS = ("loso", "pairs")
"""Those whose test subjects are new to the model, the headline first."""
LEAKY = "leaky"
TITLES = {"loso": "Leave one subject out", "pairs": "Leave two subjects out", LEAKY: "Random split"}
_PUBLISHED = {"loso": ("macro-F1", PUBLISHED_LOSO, LOSO_SOURCE), "pairs": ("accuracy", PUBLISHED_PAIRS, PAIRS_SOURCE)}
_OURS = "here"
_NUM_HARDEST_NAMED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectRow:
    """One subject as a test subject, by each architecture."""

    subject: int
    all_windows: tuple[float | None, ...]
    clean: tuple[float | None, ...]
    folds: tuple[FoldEntry | None, ...]
    """The one that each figure is of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedScore:
    """Ours or a published score."""

    name: str
    value: float
    text: str
    source: str
    ours: FoldRow | None
    """None where it is published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Ours among published scores of the same protocol, best first."""

    metric: str
    scores: tuple[ComparedScore, ...]
    notes: tuple[str, ...]
    """How each source measured: ``WHAR Arena 2026: one seed, windows of 3 s``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolView:
    """One protocol."""

    protocol: str
    title: str
    rows: tuple[FoldRow, ...]
    """Complete ones first, then by mean macro-F1."""
    subjects: tuple[SubjectRow, ...]
    hardest: str
    chart: Swarm | None
    num_test_windows: int
    num_clean_windows: int
    compared: Compared | None
    runs: FoldRuns

    @property
    def has_damage(self) -> bool:
        """Whether clean test windows are others than all test windows."""
        return self.num_clean_windows < self.num_test_windows


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldViews:
    """Everything that folds say."""

    protocols: tuple[ProtocolView, ...]
    """The honest ones, the headline first."""
    leaky: ProtocolView | None
    leak: Leak | None
    problems: tuple[str, ...]
    """What is missing or does not belong together, in words."""

    @property
    def every(self) -> tuple[ProtocolView, ...]:
        """The honest ones, then the leaky one."""
        return (*self.protocols, self.leaky) if self.leaky else self.protocols


def view_folds(inputs: ReportInputs) -> FoldViews:
    """What the report says of ``inputs.folds``."""
    groups: dict[tuple[str, str], list[FoldEntry]] = {}
    for entry in inputs.folds:
        if entry.result.origin == inputs.origin:
            groups.setdefault((entry.result.protocol, entry.result.architecture), []).append(entry)
    results = {named: [entry.result for entry in entries] for named, entries in groups.items()}
    problems = problems_of_folds(inputs, results)
    views = {}
    for protocol in (*HONEST_PROTOCOLS, LEAKY):
        of_protocol = [groups[named] for named in groups if named[0] == protocol and common_seeds(results[named])]
        if of_protocol:
            views[protocol] = _view(protocol, of_protocol, inputs)
    honest = tuple(views[protocol] for protocol in HONEST_PROTOCOLS if protocol in views)
    leaky = views.get(LEAKY)
    return FoldViews(
        protocols=honest,
        leaky=leaky,
        leak=leak(honest[0].rows, leaky.rows, against=honest[0].protocol) if honest and leaky else None,
        problems=problems,
    )


def _view(protocol: str, groups: Sequence[Sequence[FoldEntry]], inputs: ReportInputs) -> ProtocolView:
    rows = fold_rows(protocol, groups, inputs.planned_folds)
    subjects = sorted({subject for row in rows for subject in row.summary.per_subject} | _asked(protocol, inputs))
    by_subject = tuple(
        SubjectRow(
            subject=subject,
            all_windows=tuple(row.summary.per_subject.get(subject) for row in rows),
            clean=tuple(row.summary.per_subject_clean.get(subject) for row in rows),
            folds=tuple(row.fold_testing(subject) for row in rows),
        )
        for subject in subjects
    )
    num_windows, num_clean = _windows(groups)
    return ProtocolView(
        protocol=protocol,
        title=TITLES[protocol],
        rows=rows,
        subjects=by_subject,
        hardest=_hardest(by_subject),
        chart=swarm([_spots(row) for row in rows]) if protocol != LEAKY else None,
        num_test_windows=num_windows,
        num_clean_windows=num_clean,
        compared=_compared(protocol, rows, inputs),
        runs=fold_runs(protocol, rows, inputs.planned_folds),
    )


def _spots(row: FoldRow) -> Spots:
    spread = row.summary.macro_f1
    return Spots(
        name=row.name,
        text=with_spread(spread)
        + ("" if row.is_complete else f", {len(row.summary.folds)} of {row.num_planned} folds"),
        by_subject=row.summary.per_subject,
        mean=spread.mean,
        standard_deviation=spread.standard_deviation,
    )


def _asked(protocol: str, inputs: ReportInputs) -> set[int]:
    """Every subject of the data has its row, also one whose fold is missing."""
    return set(inputs.subjects) if protocol in HONEST_PROTOCOLS else set()


def _windows(groups: Iterable[Sequence[FoldEntry]]) -> tuple[int, int]:
    """Test windows, all and clean, of the architecture with the most folds."""
    counts = []
    for entries in groups:
        results = [entry.result for entry in entries]
        clean = [result.seeds[0].scores_clean.get("test") for result in results]
        counts.append(
            (
                sum(result.num_windows["test"] for result in results),
                sum(scores.num_windows for scores in clean if scores is not None),
            )
        )
    return max(counts)


def _hardest(rows: Sequence[SubjectRow]) -> str:
    means = []
    for row in rows:
        values = [value for value in row.all_windows if value is not None]
        if values:
            means.append((float(np.mean(values)), row.subject))
    return listed([f"subject {subject} ({fixed(mean, 2)})" for mean, subject in sorted(means)[:_NUM_HARDEST_NAMED]])


def _compared(protocol: str, rows: Sequence[FoldRow], inputs: ReportInputs) -> Compared | None:
    if inputs.origin != "real" or protocol not in _PUBLISHED:
        return None
    metric, published, (source, note) = _PUBLISHED[protocol]
    scores = [
        ComparedScore(name=name, value=value, text=fixed(value), source=source, ours=None)
        for name, value in published.items()
    ]
    notes = [f"{source}: {note}"]
    for row in rows:
        spread = row.summary.macro_f1 if metric == "macro-F1" else row.summary.accuracy
        if row.is_complete:
            notes.append(f"{_OURS}: {_how_we_measure(row.summary, inputs)}")
            scores.append(
                ComparedScore(name=row.name, value=spread.mean, text=with_spread(spread), source=_OURS, ours=row)
            )
    return Compared(
        metric=metric,
        scores=tuple(sorted(scores, key=lambda score: (-score.value, score.name))),
        notes=tuple(dict.fromkeys(notes)),
    )


def _how_we_measure(summary: ProtocolSummary, inputs: ReportInputs) -> str:
    num_seeds = len(summary.seeds)
    length = inputs.experiment.get("windows", {}).get("length")
    seconds = f", windows of {length / SAMPLING_RATE_HZ:g} s" if length else ""
    return f"{len(summary.folds)} folds, {num_seeds} {'seed' if num_seeds == 1 else 'seeds'}{seconds}"
