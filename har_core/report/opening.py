"""What readers see first: a sentence and a few large figures, of a model that no test score chose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from har_core.report.fold_rows import FoldRow
from har_core.report.formats import fixed, points, significant, with_spread
from har_core.report.honest import LEAKY, FoldViews, ProtocolView
from har_core.report.inputs import Champion, FoldEntry, ReportEntry
from har_core.report.published import name_of
from har_core.report.rankings import Ranked


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """One large figure."""

    value: str
    label: str
    run: ReportEntry | FoldEntry | None = None
    """Where it comes from."""
    runs: str = ""
    """Or the slug of the row of whose folds it is the mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A sentence or two, and figures."""

    lead: str
    headlines: tuple[Headline, ...] = ()
    aside: str = ""
    """Goes below the figures."""
    architecture: str | None = None
    """Of the model that they are of."""


def open_report(
    validation: Ranked, test: Ranked, folds: FoldViews, cheaper: Callable[[str], str], champion: Champion | None
) -> Opening:
    """The score on new people where there are folds, else that on the held-out subjects; and who is champion.

    ``cheaper`` gives a sentence about a cheaper model that is as good as an architecture, if there is one.
    """
    if not folds.protocols and not test:
        opening = Opening(lead="There is no trained model to compare yet.")
    elif not folds.protocols:
        opening = _of_holdout(validation, test)
    else:
        opening = _of_protocol(validation, test, folds, cheaper, champion)
    return replace(opening, lead=f"{opening.lead} {_told(champion, opening.architecture)}".rstrip())


def _told(champion: Champion | None, architecture: str | None) -> str:
    """Which model ``har@champion`` names, where the page speaks of ``architecture`` first."""
    if champion is None:
        return ""
    name = name_of(champion.architecture)
    if champion.architecture == architecture:
        return f"{name} is har@champion, version {champion.version}."
    return f"har@champion is {name}: version {champion.version}, a copy of {champion.copied_from}."


def _of_protocol(
    validation: Ranked, test: Ranked, folds: FoldViews, cheaper: Callable[[str], str], champion: Champion | None
) -> Opening:
    """The champion, where it has all its folds; else the best of those on validation."""
    view = folds.protocols[0]
    complete = {row.summary.architecture: row for row in view.rows if row.is_complete}
    ranked = [model.result.architecture for _, model in validation or (test if len(test) == 1 else ())]
    if champion is not None and champion.architecture in complete:
        row = complete[champion.architecture]
        return _of_folds(row, "which the gate chose on validation", view, folds, cheaper(champion.architecture))
    chosen = next((complete[architecture] for architecture in ranked if architecture in complete), None)
    if chosen is None:  # nothing but test scores to go by: no model is put in front
        best = view.rows[0]
        over = "" if best.is_complete else f", over {len(best.entries)} of {best.num_planned} folds"
        lead = (
            f"{view.title}: the highest macro-F1 on people that the model never saw is "
            f"{with_spread(best.summary.macro_f1)}, by {best.name}{over}."
        )
        lead = f"{lead} {cheaper(best.summary.architecture)}".rstrip()
        return Opening(lead=lead, architecture=best.summary.architecture)
    why = "the best on validation" if len(ranked) > 1 else "the only trained model"
    if chosen.summary.architecture != ranked[0]:
        why += " of those with all their folds"
    return _of_folds(chosen, why, view, folds, cheaper(chosen.summary.architecture))


def _of_folds(row: FoldRow, why: str, view: ProtocolView, folds: FoldViews, cheaper: str) -> Opening:
    summary = row.summary
    macro_f1, clean = with_spread(summary.macro_f1), with_spread(summary.macro_f1_clean)
    lead = f"{view.title}: {row.name}, {why}, reaches a macro-F1 of {macro_f1} on people it never saw"
    lead += f", and {clean} on their undamaged windows." if view.has_damage else "."
    best = view.rows[0]
    if best is row and len(view.rows) > 1:
        lead += f" That is the highest of the {len(view.rows)} models."
    elif best is not row and best.is_complete:
        lead += f" The highest of the {len(view.rows)} models is {best.name} with {with_spread(best.summary.macro_f1)}."
    label, value = ("on undamaged windows", clean) if view.has_damage else ("accuracy", with_spread(summary.accuracy))
    subject, lowest = min(summary.per_subject.items(), key=lambda item: item[1])
    hardest = f"macro-F1 on subject {subject}, its hardest"
    headlines = [
        Headline(value=macro_f1, label="macro-F1 on new people", runs=row.slug),
        Headline(value=value, label=label, runs=row.slug),
        Headline(value=fixed(lowest), label=hardest, run=row.fold_testing(subject)),
    ]
    for leak in folds.leak.architectures if folds.leak else ():
        if leak.architecture == summary.architecture:
            label = f"{points(leak.flatters_by)} in a random split, which flatters"
            runs = f"{LEAKY}-{leak.architecture}"
            headlines.append(Headline(value=fixed(leak.leaky_macro_f1), label=label, runs=runs))
    seeds = f"each the mean of {len(summary.seeds)} seeds" if len(summary.seeds) > 1 else "one seed each"
    aside = (
        f"All figures are of {row.name}; mean ± standard deviation over {len(row.entries)} folds, {seeds}. "
        "No test score was used to choose anything."
    )
    return Opening(
        lead=f"{lead} {cheaper}".rstrip(), headlines=tuple(headlines), aside=aside, architecture=summary.architecture
    )


def _of_holdout(validation: Ranked, test: Ranked) -> Opening:
    if not validation:  # as above, where nobody validates
        best = test[0][1]
        reached = f"{fixed(best.macro_f1('test'))} on the test subjects"
        lead = f"The highest macro-F1 is {reached}, by {best.name}; without validation subjects no model is preferred."
        only = f"{best.name} is the only model here, and reaches a macro-F1 of {reached}, whose scores chose nothing."
        return Opening(lead=only if len(test) == 1 else lead, architecture=best.result.architecture)
    first, best = validation[0][1], test[0][1]
    on_validation, on_test = first.scores("validation"), first.scores("test")
    alone = len(validation) == 1
    lead = f"{first.name} is the only model here" if alone else f"{first.name} ranks first of {len(validation)} models"
    lead += (
        f", with a macro-F1 of {fixed(on_validation.macro_f1)} on validation. On the test subjects, whose scores chose "
        f"nothing, it reaches {fixed(on_test.macro_f1)}"
    )
    if best is not first:
        lead += f"; the highest there is {best.name} with {fixed(best.scores('test').macro_f1)}"
    elif not alone:
        lead += ", the highest there"
    figures = {
        "macro-F1 on validation": fixed(on_validation.macro_f1),
        "macro-F1 on test": fixed(on_test.macro_f1),
        "accuracy on test": fixed(on_test.accuracy),
        "for one window": f"{significant(first.result.latency.batch1_median_ms)} ms",
    }
    return Opening(
        lead=lead + ".",
        headlines=tuple(Headline(value=value, label=label, run=first) for label, value in figures.items()),
        aside=f"All four figures are of {first.name}, the first on validation.",
        architecture=first.result.architecture,
    )
