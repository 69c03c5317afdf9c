"""The first thing that readers see: a sentence and a few large figures, of a model that no test score chose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from har_core.report.fold_rows import FoldRow
from har_core.report.formats import fixed, points, significant, with_spread
from har_core.report.honest import FoldViews, ProtocolView
from har_core.report.inputs import FoldEntry, ReportEntry
from har_core.report.rankings import RankedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """One large figure."""

    value: str
    label: str
    run: ReportEntry | FoldEntry | None = None
    """The one that it is of."""
    folds: FoldRow | None = None
    """Whose runs it is a mean of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Sentence and figures."""

    lead: str
    headlines: tuple[Headline, ...]
    aside: str
    """Below the figures; empty where there is none."""


def open_report(validation: Sequence[RankedModel], test: Sequence[RankedModel], folds: FoldViews) -> Opening:
    """The score on new people where folds tell it, else that of the held-out subjects."""
    if folds.protocols:
        view = folds.protocols[0]
        row = _chosen(validation, view)
        if row is None:
            return _unchosen(view)
        first = validation[0].model.entry.result.architecture == row.summary.architecture
        chosen = "the highest on validation" if first else "the highest on validation with all its folds"
        return _of_folds(row, view, folds, chosen if len(validation) > 1 else "the only trained model")
    if not validation:
        return Opening(lead="There is no trained model to compare yet.", headlines=(), aside="")
    return _of_holdout(validation, test)


def _chosen(validation: Sequence[RankedModel], view: ProtocolView) -> FoldRow | None:
    """The highest on validation whose every fold is there."""
    complete = {row.summary.architecture: row for row in view.rows if row.is_complete}
    ranked = [complete.get(entry.model.entry.result.architecture) for entry in validation]
    return next((row for row in ranked if row is not None), None)


def _of_folds(row: FoldRow, view: ProtocolView, folds: FoldViews, chosen: str) -> Opening:
    summary = row.summary
    lead = (
        f"{view.title}: {row.name}, {chosen}, has a macro-F1 of {with_spread(summary.macro_f1)} on people it never saw"
    )
    lead += f", and {with_spread(summary.macro_f1_clean)} on their undamaged windows. " if view.has_damage else ". "
    best = view.rows[0]
    if best.is_complete and best is not row:
        lead += f"The highest of the {len(view.rows)} here is {best.name} with {with_spread(best.summary.macro_f1)}."
    elif len(view.rows) > 1:
        lead += f"It is the highest of the {len(view.rows)} here."
    subject, lowest = min(summary.per_subject.items(), key=lambda item: item[1])
    headlines = [Headline(value=with_spread(summary.macro_f1), label="macro-F1 on new people", folds=row)]
    if view.has_damage:
        headlines.append(Headline(value=with_spread(summary.macro_f1_clean), label="on undamaged windows", folds=row))
    else:
        headlines.append(Headline(value=with_spread(summary.accuracy), label="accuracy", folds=row))
    label = f"macro-F1 on subject {subject}, the hardest for it"
    headlines.append(Headline(value=fixed(lowest), label=label, run=row.fold_testing(subject)))
    flattered = [leak for leak in (folds.leak.rows if folds.leak else ()) if leak.architecture == summary.architecture]
    if flattered:
        label = f"{points(flattered[0].flatters_by)} in a random split, which flatters"
        headlines.append(Headline(value=fixed(flattered[0].leaky), label=label, folds=flattered[0].row))
    num_folds, num_seeds = len(summary.folds), len(summary.seeds)
    aside = (
        f"All of {row.name}: mean ± standard deviation over {num_folds} folds"
        + (f", each the mean of {num_seeds} seeds" if num_seeds > 1 else ", one seed each")
        + ". No test score chose anything."
    )
    return Opening(lead=lead.strip(), headlines=tuple(headlines), aside=aside)


def _unchosen(view: ProtocolView) -> Opening:
    """Nothing but test scores to go by: told, and no model is put in front."""
    best = view.rows[0]
    of = "" if best.is_complete else f" over {len(best.summary.folds)} of {best.num_planned} folds"
    lead = (
        f"{view.title}: the highest macro-F1 on people that the model never saw is "
        f"{with_spread(best.summary.macro_f1)}, of {best.name}{of}."
    )
    return Opening(lead=lead, headlines=(), aside="")


def _of_holdout(validation: Sequence[RankedModel], test: Sequence[RankedModel]) -> Opening:
    first = validation[0]
    on_test, entry = first.model.scores("test"), first.model.entry
    latency_ms = entry.result.latency.batch1_median_ms
    lead = f"{first.model.name} is the only model here"
    if len(validation) > 1:
        lead = f"{first.model.name} ranks first of {len(validation)} on validation"
    lead += (
        f", with a macro-F1 of {fixed(first.scores.macro_f1)}. "
        f"On the test subjects, whose scores chose nothing, it reaches {fixed(on_test.macro_f1)}"
    )
    if len(test) > 1:
        best = test[0]
        same = best.model is first.model
        lead += (
            ", the highest there"
            if same
            else f"; the highest there is {best.model.name} with {fixed(best.scores.macro_f1)}"
        )
    return Opening(
        lead=lead + ".",
        headlines=(
            Headline(value=fixed(first.scores.macro_f1), label="macro-F1 on validation", run=entry),
            Headline(value=fixed(on_test.macro_f1), label="macro-F1 on test", run=entry),
            Headline(value=fixed(on_test.accuracy), label="accuracy on test", run=entry),
            Headline(value=f"{significant(latency_ms)} ms", label="for one window", run=entry),
        ),
        aside=f"All four are of {first.model.name}, the first on validation.",
    )
