"""``comparison_report``: everything there is, side by side, as the latest materialisations say it."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

import har_core.report
from assets.machinery.code_versions import ingredients
from assets.machinery.keys import (
    CHAMPION,
    COMPARISON_GROUP,
    COMPARISON_REPORT,
    FOLDS_GROUP,
    MODELS_GROUP,
    PARTIAL_INPUTS,
    RECORDING_AUDIT,
    SPLITS,
    WINDOWS,
    fold_key,
    model_key,
    sensors_key,
    transferred_key,
)
from assets.machinery.materialisation import Made, Work, make_asset
from assets.machinery.presentation import markdown_table, path_to
from har_core.settings.experiment import Experiment

if TYPE_CHECKING:
    from har_core.report.honest import FoldViews
    from har_core.report.inputs import ReportInputs

_WITHOUT_EFFECT = ("runtime", "automation", "search")
"""Sections of the experiment file that change no result."""


def build_comparison_report(experiment: Experiment) -> dg.AssetsDefinition:
    """The asset; of ``folds/<architecture>`` it takes every current partition that there is."""
    settings = {name: value for name, value in experiment.resolved().items() if name not in _WITHOUT_EFFECT}
    return make_asset(
        COMPARISON_REPORT,
        _compare,
        experiment,
        ingredients(
            ["har_core.report.build", "har_core.evaluation.results", "har_core.evaluation.sensors"],
            settings,
            _templates(),
            names={"name": "file name"},
        ),
        group_name=COMPARISON_GROUP,
        kinds={"html", "markdown"},
        description="One page that compares every model there is, on held-out subjects and over folds, says what the "
        "audit found, and names what is missing. Scores are computed here, from predictions.",
        deps=[
            CHAMPION,
            RECORDING_AUDIT,
            WINDOWS,
            SPLITS,
            *(model_key(architecture) for architecture in experiment.model_names),
            *(fold_key(architecture) for architecture in experiment.fold_names),
            *map(sensors_key, experiment.evaluation.sensors),
            *map(transferred_key, experiment.transferred.models),
        ],
        outputs=lambda home, _: [home.report_folder / name for name in har_core.report.FILES],
        in_own_folder=True,
        tags={PARTIAL_INPUTS: f"{MODELS_GROUP}.{FOLDS_GROUP}.{COMPARISON_GROUP}"},
    )


def _compare(work: Work) -> Made:
    from assets.comparison.report_inputs import gather
    from har_core.report.build import build_report, write_report
    from har_core.report.honest import view_folds

    gathered = gather(work.context.instance, work.experiment, work.home)
    inputs, views = gathered.inputs, view_folds(gathered.inputs)
    for name, (version, source) in gathered.sources.items():
        work.run.log_input(name, version, source)
    work.run.log_json("inputs.json", gathered.versions)
    for path in write_report(build_report(inputs), work.staged[0].parent):
        work.run.log_file(path)
    return Made(
        version=hashlib.sha256(repr(sorted(gathered.versions.items())).encode()).hexdigest(),
        origin=inputs.origin,
        metadata={
            "num_models": len(inputs.entries),
            "num_folds": len(inputs.folds),
            "num_sensors": len(inputs.sensors),
            "num_transferred": len(inputs.transferred),
            "num_findings": inputs.findings.num_rows if inputs.findings is not None else 0,
            "missing": ", ".join([*inputs.missing, *views.problems]) or "nothing",
            "path": path_to(work.home.report_folder / "report.html"),
            "summary": _ranking(inputs),
            **{f"ranking_{name}": table for name, table in _fold_rankings(views).items()},
        },
    )


def _templates() -> list[Path]:
    folder = Path(har_core.report.__file__).parent
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix in {".j2", ".css", ".html", ".js"}]


def _ranking(inputs: "ReportInputs") -> dg.MarkdownMetadataValue:
    """A small table for Dagster's UI, best validation macro-F1 first."""
    from har_core.report.formats import fixed

    scored = [
        (entry.result.architecture, entry.macro_f1("validation"), entry.macro_f1("test")) for entry in inputs.entries
    ]
    scored.sort(key=lambda row: -(row[1] or 0.0))
    rows = [(name, fixed(validation, 4), fixed(test, 4)) for name, validation, test in scored]
    return markdown_table(["model", "validation macro-F1", "test macro-F1"], rows)


def _fold_rankings(views: "FoldViews") -> dict[str, dg.MarkdownMetadataValue]:
    """A small table for each protocol, best mean test macro-F1 first; nobody is chosen by it."""
    from har_core.report.formats import with_spread

    head = ["model", "test macro-F1", "on clean windows", "folds"]
    return {
        view.protocol: markdown_table(
            head,
            [
                (
                    row.summary.architecture,
                    with_spread(row.summary.macro_f1),
                    with_spread(row.summary.macro_f1_clean),
                    f"{len(row.summary.folds)} of {row.num_planned}",
                )
                for row in view.rows
            ],
        )
        for view in views.every
    }
