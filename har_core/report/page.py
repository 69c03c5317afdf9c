"""What the page and the Markdown say, computed once; how it looks belongs to the templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from markupsafe import Markup

from har_core.report.charts import curves, dumbbells
from har_core.report.cheaper import cheaper_choice, validation_over_folds
from har_core.report.costs import Costs, view_costs
from har_core.report.defects import AuditView, view_audit
from har_core.report.families import by_family
from har_core.report.formats import fixed, is_number, listed
from har_core.report.honest import NUM_DRAWN, FoldViews, view_folds
from har_core.report.inputs import ReportEntry, ReportInputs
from har_core.report.mistakes import Mistakes, view_mistakes
from har_core.report.new_people import NewPeople, people_problems, view_new_people
from har_core.report.opening import Opening, open_report
from har_core.report.published import PUBLISHED, PublishedFigures, name_of
from har_core.report.rankings import Ranked, rank
from har_core.report.sensors import Sensors, sensor_problems, view_sensors
from har_core.report.sureness import Sureness, view_sureness
from har_core.settings.champion import ChampionSettings
from har_core.settings.ensembles import EnsembleSettings

SYNTHETIC_NOTE = "Synthetic recordings: the figures below describe generated data, not people."
SCORED_ROLES = ("validation", "test")
_SAME = 5e-4
"""Two scores that read the same with three decimals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The whole report, with models in the order of the validation ranking, then those that have no place in it."""

    inputs: ReportInputs
    note: str | None
    opening: Opening
    missing: tuple[str, ...]
    folds: FoldViews
    audit: AuditView | None
    new_people: NewPeople | None
    sureness: Sureness | None
    models: tuple[ReportEntry, ...]
    rankings: dict[str, Ranked]
    """By role, validation first."""
    windows: dict[str, str]
    """By role: whose windows, and how many."""
    published: tuple[tuple[ReportEntry, PublishedFigures], ...]
    mistakes: Mistakes | None
    sensors: Sensors | None
    courses: tuple[tuple[ReportEntry, Markup], ...]
    """Of the models trained in epochs."""
    costs: Costs | None

    @property
    def fitted(self) -> list[ReportEntry]:
        """The models trained without epochs."""
        return [model for model in self.models if not model.result.history and model.result.parent is None]

    @property
    def compressed(self) -> list[tuple[ReportEntry, str]]:
        """The models made from others, and what their parents are called."""
        return [(model, name_of(model.result.parent)) for model in self.models if model.result.parent is not None]

    @property
    def activities(self) -> list[tuple[int, str]]:
        """Class id and name of those that there are test windows of."""
        per_class = self.models[0].scores("test").per_class
        return [(k, entry.activity) for k, entry in enumerate(per_class) if entry.support]

    @property
    def validated(self) -> list[ReportEntry]:
        """The models with validation windows."""
        return [model for _, model in self.rankings["validation"]]

    @property
    def weighted_differs(self) -> bool:
        """Whether weighted means differ from macro means: not where activities have equal support."""
        every = [scores for model in self.models for scores in model.result.scores.values()]
        return any(abs(scores.weighted_f1 - scores.macro_f1) > _SAME for scores in every)

    @property
    def falls(self) -> Markup | None:
        """From validation to test, where there is validation."""
        rows = [(m.name, m.scores("validation").macro_f1, m.scores("test").macro_f1) for m in self.validated]
        return dumbbells(rows, label="Macro-F1 from validation to test")

    @property
    def families(self) -> Mapping[str, dict[str, str]]:
        """What readers call all models, by architecture, under the title of their family."""
        named = [row.summary.architecture for view in self.folds.every for row in view.rows]
        named += [model.result.architecture for model in self.models]
        return by_family(named, self.inputs.experiment.get("ensembles", {}))

    @property
    def num_models(self) -> int:
        """Of all families."""
        return sum(map(len, self.families.values()))

    @property
    def num_drawn(self) -> int:
        """Models in a chart of many, until the reader chooses."""
        return NUM_DRAWN


def compose(inputs: ReportInputs) -> Page:
    """Work out everything that the report says."""
    own = [entry for entry in inputs.entries if entry.result.origin == inputs.origin]
    foreign = [
        f"models/{result.architecture}: its latest model is of {result.origin} recordings, so it is left out"
        for result in (entry.result for entry in inputs.entries)
        if result.origin != inputs.origin
    ]
    rankings = {role: rank(own, role) for role in SCORED_ROLES}
    models = (
        *(model for _, model in rankings["validation"]),
        *(model for model in own if model.macro_f1("validation") is None),
    )
    folds = view_folds(inputs)
    published = models if inputs.is_like_published else ()
    ensembles = inputs.experiment.get("ensembles", {})
    fitted = {
        name for name, given in ensembles.items() if EnsembleSettings.model_validate(given, strict=False).is_fitted
    }
    cheaper = partial(
        cheaper_choice,
        per_subject=validation_over_folds(
            (entry for entry in inputs.folds if entry.result.origin == inputs.origin),
            fitted=fitted,
            testing=inputs.experiment.get("splits", {}).get("test_subjects", ()),
        ),
        milliseconds={model.result.architecture: model.result.latency.batch1_median_ms for model in own},
        rule=ChampionSettings(**inputs.experiment.get("champion", {})),
    )
    opening = open_report(rankings["validation"], rankings["test"], folds, cheaper, inputs.champion)
    leading = folds.protocols[0] if folds.protocols else None
    sureness = view_sureness(leading, first=opening.architecture)
    if sureness is not None:
        opening = replace(opening, lead=f"{opening.lead} {sureness.words}".rstrip())
    return Page(
        inputs=inputs,
        note=SYNTHETIC_NOTE if inputs.origin == "synthetic" else None,
        opening=opening,
        missing=(*inputs.missing, *foreign, *folds.problems, *sensor_problems(inputs), *people_problems(inputs)),
        folds=folds,
        audit=view_audit(inputs),
        new_people=view_new_people(inputs),
        sureness=sureness,
        models=models,
        rankings=rankings,
        windows={role: _windows(inputs, models, role) for role in SCORED_ROLES},
        published=tuple((m, PUBLISHED[m.result.architecture]) for m in published if m.result.architecture in PUBLISHED),
        mistakes=view_mistakes(leading, models, inputs, first=opening.architecture),
        sensors=view_sensors(inputs),
        courses=_courses([model for model in models if model.result.history]),
        costs=view_costs(leading, models),
    )


def _windows(inputs: ReportInputs, models: Sequence[ReportEntry], role: str) -> str:
    subjects = [str(subject) for subject in inputs.experiment.get("splits", {}).get(f"{role}_subjects", ())]
    counts = sorted({model.scores(role).num_windows for model in models if role in model.result.scores})
    whose = f"subject{'s' if len(subjects) > 1 else ''} {listed(subjects)}" if subjects else f"{role} subjects"
    return f"{whose}, {listed([f'{count:,}' for count in counts])} windows" if counts else whose


def _courses(models: Sequence[ReportEntry]) -> tuple[tuple[ReportEntry, Markup], ...]:
    """All over the same epochs and losses, so that they can be compared."""
    records = [record for model in models for record in model.result.history]
    losses = [record.get(key) for record in records for key in ("training_loss", "validation_loss")]
    max_loss = max((loss for loss in losses if is_number(loss)), default=1.0)
    last_epoch = max((record["epoch"] for record in records), default=1)
    courses = []
    for model in models:
        result, score = model.result, model.macro_f1("validation")
        figures, scored = "losses", ""
        if score is not None:
            figures, scored = "macro-F1 on validation and losses", f", macro-F1 {fixed(score)} on validation"
        label = (
            f"{model.name}: {figures} over {len(result.history)} epochs; weights of epoch {result.best_epoch}{scored}"
        )
        chart = curves(
            result.history, best_epoch=result.best_epoch, last_epoch=last_epoch, max_loss=max_loss, label=label
        )
        courses.append((model, chart))
    return tuple(courses)
