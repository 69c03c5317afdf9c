"""What the page and the Markdown say, computed once; how it looks belongs to the templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from har_core.evaluation.latency import Machine
from har_core.evaluation.records import dump_json
from har_core.report.charts.curves import Curves, curves
from har_core.report.charts.dumbbells import Dumbbells, dumbbells
from har_core.report.charts.scatter import Scatter, scatter
from har_core.report.confusions import (
    ConfusionTable,
    HeatRow,
    confusion_table,
    equal_support,
    hardest_activities,
    heat_rows,
)
from har_core.report.defects import AuditView, view_audit
from har_core.report.formats import is_number, listed
from har_core.report.honest import FoldViews, view_folds
from har_core.report.inputs import ReportEntry, ReportInputs
from har_core.report.opening import Opening, open_report
from har_core.report.published import PUBLISHED, PublishedFigures
from har_core.report.rankings import ROLES, Model, RankedModel, name_models, rank, subjects_of

SYNTHETIC_NOTE = (
    "Synthetic recordings: the figures below describe generated data, not people, "
    "and the comparison with published figures is left out."
)
_SAME = 5e-4
"""Two scores that read the same with three decimals."""
_HIGHEST_LOSS = 4.0
"""Losses above this are cut off in the drawing; guessing among 19 activities gives 2.94."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """One of the two rankings."""

    role: str
    windows: str
    """Whose windows, and how many."""
    rows: tuple[RankedModel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRow:
    """Ours and the published figures of one architecture."""

    model: Model
    published: PublishedFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The whole report, section by section, with models in the order of the validation ranking."""

    inputs: ReportInputs
    note: str | None
    opening: Opening
    missing: tuple[str, ...]
    folds: FoldViews
    audit: AuditView | None
    models: tuple[Model, ...]
    rankings: tuple[Ranking, ...]
    weighted_differs: bool
    """Whether weighted means say something that macro means do not: not where activities have equal support."""
    falls: Dumbbells | None
    published: tuple[PublishedRow, ...]
    heat: tuple[HeatRow, ...]
    support: int | None
    """Test windows of each activity, where all have as many."""
    hardest: str
    confusions: tuple[ConfusionTable, ...]
    courses: tuple[tuple[Model, Curves], ...]
    """Of those that are trained in epochs."""
    fitted: tuple[Model, ...]
    """Those that are not."""
    score_by_parameters: Scatter | None
    score_by_latency: Scatter | None
    machines: tuple[tuple[Machine, int], ...]
    """Where latency was measured, with the number of threads; more than one cannot be compared."""
    settings: str

    @property
    def has_folds(self) -> bool:
        """Whether there are scores over folds."""
        return bool(self.folds.protocols or self.folds.leaky)


def compose(inputs: ReportInputs) -> Page:
    """Work out everything that the report says."""
    entries, foreign = _comparable(inputs)
    named = name_models(entries)
    rows = {role: rank(named, role) for role in ROLES}
    models = tuple(row.model for row in rows["validation"])
    folds = view_folds(inputs)
    return Page(
        inputs=inputs,
        note=SYNTHETIC_NOTE if inputs.origin == "synthetic" else None,
        opening=open_report(rows["validation"], rows["test"], folds),
        missing=(*inputs.missing, *foreign, *folds.problems),
        folds=folds,
        audit=view_audit(inputs),
        models=models,
        rankings=tuple(
            Ranking(role=role, windows=_windows(inputs.experiment, models, role), rows=rows[role]) for role in ROLES
        ),
        weighted_differs=any(
            abs(row.scores.weighted_f1 - row.scores.macro_f1) > _SAME for role in ROLES for row in rows[role]
        ),
        falls=dumbbells([(m.name, m.scores("validation").macro_f1, m.scores("test").macro_f1) for m in models]),
        published=_published(inputs, models),
        heat=heat_rows(models),
        support=equal_support(models),
        hardest=hardest_activities(models),
        confusions=tuple(confusion_table(model) for model in models),
        courses=_courses(models),
        fitted=tuple(model for model in models if not model.entry.result.history),
        score_by_parameters=scatter(
            [(m.name, m.entry.result.complexity.num_parameters, m.scores("test").macro_f1) for m in models]
        ),
        score_by_latency=scatter(
            [(m.name, m.entry.result.latency.batch1_median_ms, m.scores("test").macro_f1) for m in models]
        ),
        machines=tuple(
            dict.fromkeys((m.entry.result.latency.machine, m.entry.result.latency.num_threads) for m in models)
        ),
        settings=dump_json(dict(inputs.experiment)) if inputs.experiment else "",
    )


def _comparable(inputs: ReportInputs) -> tuple[list[ReportEntry], list[str]]:
    """The entries of the report's own kind of recordings, and a line for each other one."""
    kept, foreign = [], []
    for entry in inputs.entries:
        if entry.result.origin == inputs.origin:
            kept.append(entry)
        else:
            of = f"of {entry.result.origin} recordings"
            foreign.append(f"models/{entry.result.architecture}: its latest model is {of}, so it is left out")
    return kept, foreign


def _windows(experiment: Mapping[str, Any], models: Sequence[Model], role: str) -> str:
    subjects = [str(subject) for subject in subjects_of(experiment, role)]
    counts = sorted({model.scores(role).num_windows for model in models})
    whose = f"subject{'s' if len(subjects) > 1 else ''} {listed(subjects)}" if subjects else f"{role} subjects"
    return f"{whose}, {listed([f'{count:,}' for count in counts])} windows" if counts else whose


def _published(inputs: ReportInputs, models: Sequence[Model]) -> tuple[PublishedRow, ...]:
    if inputs.origin != "real":
        return ()
    return tuple(
        PublishedRow(model=model, published=PUBLISHED[model.entry.result.architecture])
        for model in models
        if model.entry.result.architecture in PUBLISHED
    )


def _courses(models: Sequence[Model]) -> tuple[tuple[Model, Curves], ...]:
    histories = [model.entry.result.history for model in models]
    losses = [
        record.get(key) for history in histories for record in history for key in ("training_loss", "validation_loss")
    ]
    highest_loss = max((loss for loss in losses if is_number(loss)), default=1.0)
    last_epoch = max((record["epoch"] for history in histories for record in history), default=1)
    return tuple(
        (
            model,
            curves(
                epochs=[record["epoch"] for record in history],
                score=[record.get("validation_macro_f1") for record in history],
                losses=[
                    (kind, [record.get(f"{kind}_loss") for record in history]) for kind in ("training", "validation")
                ],
                best_epoch=model.entry.result.best_epoch,
                last_epoch=last_epoch,
                highest_loss=min(highest_loss * 1.05, _HIGHEST_LOSS) or 1.0,
            ),
        )
        for model, history in zip(models, histories, strict=True)
        if history
    )
