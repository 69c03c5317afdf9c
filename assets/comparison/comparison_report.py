"""``comparison_report``: everything there is, side by side, as the latest materialisations tell it."""

import hashlib
from pathlib import Path

import dagster as dg

import har_core.report
from assets.comparison.report_inputs import gather
from assets.machinery.code_versions import INGREDIENTS, ingredients
from assets.machinery.keys import (
    COMPARISON_GROUP,
    COMPARISON_REPORT,
    OWNERS,
    PARTIAL_INPUTS,
    RECORDING_AUDIT,
    fold_key,
    model_key,
)
from assets.machinery.publication import publish
from assets.resources.occupation import HomeResource
from assets.resources.tracking import TrackingResource
from har_core.base.files import atomic_folder
from har_core.report.build import build_report, write_report
from har_core.report.formats import with_spread
from har_core.report.honest import view_folds
from har_core.report.inputs import ReportInputs
from har_core.settings.experiment import Experiment

WITHOUT_EFFECT = ("runtime", "automation")
"""Sections of the experiment file that change no result."""


def build_comparison_report(experiment: Experiment) -> dg.AssetsDefinition:
    """The asset; of ``folds/<architecture>`` it takes every current partition that there is."""
    settings = {name: value for name, value in experiment.resolved().items() if name not in WITHOUT_EFFECT}
    made_with = ingredients(["har_core.report.build"], settings, _templates(), names={"name": "file name"})

    @dg.asset(
        key=COMPARISON_REPORT,
        deps=[
            RECORDING_AUDIT,
            *(model_key(architecture) for architecture in experiment.models.architectures),
            *(fold_key(architecture) for architecture in experiment.fold_architectures),
        ],
        group_name=COMPARISON_GROUP,
        kinds={"html", "markdown"},
        owners=OWNERS,
        tags=PARTIAL_INPUTS,
        description="One page that compares every model there is, on held-out subjects and over folds, says what the "
        "audit found, and names what is missing.",
        code_version=made_with.version,
        metadata={INGREDIENTS: made_with.to_metadata()},
    )
    def comparison_report(
        context: dg.AssetExecutionContext, home: HomeResource, tracking: TrackingResource
    ) -> dg.MaterializeResult:
        place = home.home()
        with tracking.tracking().materialisation(context, experiment) as run, atomic_folder(place.report_folder) as new:
            gathered = gather(context.instance, experiment, place)
            inputs = gathered.inputs
            for name, (version, source) in gathered.sources.items():
                run.log_input(name, version, source)
            run.log_json("inputs.json", gathered.versions)
            staged = write_report(build_report(inputs), new)
            for path in staged:
                run.log_file(path)
            outputs = [place.report_folder / path.name for path in staged]
            return publish(
                run,
                data_version=hashlib.sha256(repr(sorted(gathered.versions.items())).encode()).hexdigest(),
                origin=inputs.origin,
                outputs=outputs,
                staged=staged,
                metadata={
                    "num_models": len(inputs.entries),
                    "num_folds": len(inputs.folds),
                    "num_findings": inputs.findings.num_rows if inputs.findings is not None else 0,
                    "missing": ", ".join([*inputs.missing, *view_folds(inputs).problems]) or "nothing",
                    "path": dg.MetadataValue.path(str(outputs[0])),
                    "summary": dg.MetadataValue.md(_ranking(inputs)),
                    **{f"ranking_{name}": dg.MetadataValue.md(table) for name, table in _fold_rankings(inputs).items()},
                },
            )

    return comparison_report


def _templates() -> list[Path]:
    folder = Path(har_core.report.__file__).parent
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix in {".j2", ".css", ".html", ".js"}]


def _ranking(inputs: ReportInputs) -> str:
    """A small table for Dagster's UI, best validation macro-F1 first."""
    results = [entry.result for entry in inputs.entries]
    results.sort(key=lambda result: -result.scores["validation"].macro_f1)
    rows = [
        f"| {result.architecture} | {result.scores['validation'].macro_f1:.4f} | {result.scores['test'].macro_f1:.4f} |"
        for result in results
    ]
    return "\n".join(["| model | validation macro-F1 | test macro-F1 |", "|---|---|---|", *rows])


def _fold_rankings(inputs: ReportInputs) -> dict[str, str]:
    """A small table for each protocol, best mean test macro-F1 first; nobody is chosen by it."""
    views = view_folds(inputs)
    tables = {}
    for view in (*views.protocols, *((views.leaky,) if views.leaky else ())):
        rows = [
            f"| {row.summary.architecture} | {with_spread(row.summary.macro_f1)} | "
            f"{with_spread(row.summary.macro_f1_clean)} | {len(row.summary.folds)} of {row.num_planned} |"
            for row in view.rows
        ]
        head = ["| model | test macro-F1 | on clean windows | folds |", "|---|---|---|---|"]
        tables[view.protocol] = "\n".join([*head, *rows])
    return tables
