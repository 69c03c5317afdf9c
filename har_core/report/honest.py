"""Scores over folds: each protocol, each subject, and published scores next to ours.

Nothing here chooses anything: every score is on test windows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from har_core.evaluation.folds import Spread, common_seeds, mean_by_subject
from har_core.report.charts import Dots, swarm
from har_core.report.fold_problems import problems_of_folds
from har_core.report.fold_rows import FoldRow, fold_rows
from har_core.report.formats import lowest, with_spread
from har_core.report.inputs import FoldEntry, ReportInputs
from har_core.report.leaks import Leak, leak
from har_core.report.published import PUBLISHED_BY_PROTOCOL
from har_core.report.rankings import place_among

LEAKY = "leaky"
TITLES = {
    "loso": "Leave one subject out",
    "pairs": "Leave two subjects out",
    "group": "Leave groups of subjects out",
    LEAKY: "Random split",
}
"""By protocol, the headline first; last the one that tests people it trained on."""
_WHO_TESTS = {"loso": "Each subject", "pairs": "Each pair of subjects", "group": "Each group of subjects"}
_NUM_HARDEST_NAMED = 2
NUM_DRAWN = 6
"""Models in a chart of many until the reader chooses, and among published scores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedScore:
    """Ours or a published score."""

    name: str
    score: Spread
    source: str
    measured: str
    """How: ``one seed, windows of 3 s``."""
    ours: FoldRow | None = None
    """None where it is published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolView:
    """One protocol."""

    protocol: str
    rows: tuple[FoldRow, ...]
    """Complete ones first, then by mean macro-F1."""
    folds: tuple[str, ...]
    """Names of all folds. First those that there should be, in their order."""
    subjects: tuple[int, ...]
    hardest: str
    num_test_windows: int
    num_clean_windows: int
    compared: tuple[ComparedScore, ...]
    """Ours among published scores of the same protocol, best first; empty where there are none."""

    @property
    def title(self) -> str:
        """What readers call it."""
        return TITLES[self.protocol]

    @property
    def who_tests(self) -> str:
        """``Each subject``, of whom in turn nobody trains; of honest protocols."""
        return _WHO_TESTS[self.protocol]

    @property
    def metric(self) -> str:
        """Of :attr:`compared`."""
        return PUBLISHED_BY_PROTOCOL[self.protocol].metric

    @property
    def notes(self) -> tuple[str, ...]:
        """How each source of :attr:`compared` measured: ``WHAR Arena 2026: one seed, windows of 3 s``."""
        by_source = sorted(self.compared, key=lambda entry: entry.ours is not None)
        return tuple(dict.fromkeys(f"{entry.source}: {entry.measured}" for entry in by_source))

    @property
    def num_drawn(self) -> int:
        """Models in the chart, and among published scores."""
        return min(NUM_DRAWN, len(self.rows))

    @property
    def has_damage(self) -> bool:
        """Whether any test window is damaged."""
        return self.num_clean_windows < self.num_test_windows

    def place(self, row: FoldRow) -> int | None:
        """By mean macro-F1, among those with all their folds; None for others."""
        complete = [other.summary.macro_f1.mean for other in self.rows if other.is_complete]
        return place_among(row.summary.macro_f1.mean, complete) if row.is_complete else None

    @property
    def charts(self) -> list[Markup]:
        """Every subject's score, a chart for each of :attr:`rows`, and last the axis of them all; empty without any."""
        models = []
        for row in self.rows:
            missing = "" if row.is_complete else f", {len(row.entries)} of {row.num_planned} folds"
            spread, by_subject = row.summary.macro_f1, row.summary.per_subject
            tested = {subject: row.fold_testing(subject) for subject in by_subject}
            runs = {subject: fold.mlflow_run_id for subject, fold in tested.items() if fold and fold.mlflow_run_id}
            words = with_spread(spread) + missing
            models.append(Dots(name=row.name, words=words, spread=spread, by_subject=by_subject, runs=runs))
        return swarm(models, label="Macro-F1 of each subject")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldViews:
    """Everything that folds say."""

    protocols: tuple[ProtocolView, ...]
    """The honest ones, the headline first."""
    leaky: ProtocolView | None
    leak: Leak | None
    problems: tuple[str, ...]
    """Folds that are missing or do not belong together, in words."""

    @property
    def leaky_scores(self) -> dict[str, float]:
        """What the random split would claim of each architecture that has all folds of both."""
        rows = self.leak.architectures if self.leak else ()
        return {row.architecture: row.leaky_macro_f1 for row in rows}

    @property
    def every(self) -> tuple[ProtocolView, ...]:
        """The honest ones, then the leaky one."""
        return (*self.protocols, self.leaky) if self.leaky else self.protocols


def view_folds(inputs: ReportInputs) -> FoldViews:
    """What the report says about ``inputs.folds``."""
    groups: dict[tuple[str, str], list[FoldEntry]] = {}
    for entry in inputs.folds:
        if entry.result.origin == inputs.origin:
            groups.setdefault((entry.result.protocol, entry.result.architecture), []).append(entry)
    views = {}
    for protocol in TITLES:
        alike = [entries for (name, _), entries in groups.items() if name == protocol]
        own = [entries for entries in alike if common_seeds(entry.result for entry in entries)]
        if own:
            views[protocol] = _view(protocol, own, inputs)
    leaky = views.pop(LEAKY, None)
    honest = tuple(views.values())
    return FoldViews(
        protocols=honest,
        leaky=leaky,
        leak=leak(honest[0].rows, leaky.rows, against=honest[0].protocol) if honest and leaky else None,
        problems=problems_of_folds(inputs, groups),
    )


def _view(protocol: str, groups: Sequence[Sequence[FoldEntry]], inputs: ReportInputs) -> ProtocolView:
    planned = {
        architecture: [name for name in names if name.startswith(f"{protocol}-")]
        for architecture, names in inputs.planned_folds.items()
    }
    rows = fold_rows(groups, planned)
    names = [name for row in rows for name in planned.get(row.summary.architecture, ())]
    expected = inputs.subjects if protocol != LEAKY else ()  # each has its row, even if its fold is missing
    num_windows, num_clean = max(map(_num_windows, groups))
    means = mean_by_subject(row.summary.per_subject for row in rows)
    return ProtocolView(
        protocol=protocol,
        rows=rows,
        folds=tuple(dict.fromkeys([*names, *(name for row in rows for name in row.entries)])),
        subjects=tuple(sorted({*expected, *means})),
        hardest=lowest({f"subject {subject}": mean for subject, mean in means.items()}, _NUM_HARDEST_NAMED),
        num_test_windows=num_windows,
        num_clean_windows=num_clean,
        compared=_compared(protocol, rows, inputs),
    )


def _num_windows(entries: Iterable[FoldEntry]) -> tuple[int, int]:
    """Test windows over all folds, all and clean."""
    results = [entry.result for entry in entries]
    clean = [result.seeds[0].scores_clean.get("test") for result in results]
    return sum(r.num_windows["test"] for r in results), sum(scores.num_windows for scores in clean if scores)


def _compared(protocol: str, rows: Sequence[FoldRow], inputs: ReportInputs) -> tuple[ComparedScore, ...]:
    published = PUBLISHED_BY_PROTOCOL.get(protocol)
    if not inputs.is_like_published or published is None:
        return ()
    scores = [
        ComparedScore(name=name, score=Spread.of([value]), source=published.source, measured=published.measured)
        for name, value in published.scores.items()
    ]
    seconds = f", windows of {inputs.window_length / inputs.spec.sampling_rate_hz:g} s" if inputs.window_length else ""
    for row in rows[:NUM_DRAWN]:
        if row.is_complete:
            score = row.summary.macro_f1 if published.metric == "macro-F1" else row.summary.accuracy
            num_seeds = len(row.summary.seeds)
            measured = f"{len(row.entries)} folds, {num_seeds} {'seed' if num_seeds == 1 else 'seeds'}{seconds}"
            scores.append(ComparedScore(name=row.name, score=score, source="here", measured=measured, ours=row))
    return tuple(sorted(scores, key=lambda entry: (-entry.score.mean, entry.name)))
