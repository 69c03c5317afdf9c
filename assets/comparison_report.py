"""``comparison_report``: everything there is, side by side, as the latest materialisations tell it."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg

import har_core.report
from assets.code_versions import code_version
from assets.lineage import Latest, latest
from assets.models import REGISTERED_MODEL, REGISTERED_VERSION
from assets.publication import RUN_ID, RUN_URL, publish
from assets.resources.home import Home, HomeResource
from assets.resources.tracking import TrackingResource
from assets.versions import git_commit
from assets.vocabulary import (
    COMPARISON_GROUP,
    COMPARISON_REPORT,
    OWNERS,
    PARTIAL_INPUTS,
    RAW_RECORDINGS,
    SPLITS,
    WINDOWS,
    model_key,
)
from har_core.errors import HarError
from har_core.evaluation.result import ModelResult
from har_core.files import sha256_of_file
from har_core.report.build import build_report, write_report
from har_core.report.inputs import ReportEntry, ReportInputs
from har_core.settings.experiment import Experiment

_RESULT = "result.json"


def build_comparison_report(experiment: Experiment) -> dg.AssetsDefinition:
    """The asset; scores of ``folds/<architecture>`` and findings of ``recording_audit`` will join it."""
    settings = {name: value for name, value in experiment.resolved().items() if name != "runtime"}

    @dg.asset(
        key=COMPARISON_REPORT,
        deps=[model_key(architecture) for architecture in experiment.models.architectures],
        group_name=COMPARISON_GROUP,
        kinds={"html", "markdown"},
        owners=OWNERS,
        tags=PARTIAL_INPUTS,
        description="One page that compares every model there is, and names what is missing.",
        code_version=code_version(["har_core.report.build"], settings, _templates()),
    )
    def comparison_report(
        context: dg.AssetExecutionContext, home: HomeResource, tracking: TrackingResource
    ) -> dg.MaterializeResult:
        place = home.home()
        with tracking.tracking().materialisation(context, experiment) as run:
            inputs, versions = _gather(context.instance, experiment, place)
            for name, version in versions.items():
                run.log_input(name, version, place.result(name.rpartition("/")[2]))
            paths = write_report(build_report(inputs), place.report_folder)
            for path in paths:
                run.log_file(path)
            return publish(
                run,
                data_version=hashlib.sha256(repr(sorted(versions.items())).encode()).hexdigest(),
                origin=inputs.origin,
                outputs=paths,
                metadata={
                    "num_models": len(inputs.entries),
                    "missing": ", ".join(inputs.missing) or "nothing",
                    "path": dg.MetadataValue.path(str(paths[0])),
                    "summary": dg.MetadataValue.md(_ranking(inputs)),
                },
            )

    return comparison_report


def _templates() -> list[Path]:
    folder = Path(har_core.report.__file__).parent
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix in {".j2", ".css", ".html", ".js"}]


def _gather(instance: dg.DagsterInstance, experiment: Experiment, home: Home) -> tuple[ReportInputs, dict[str, str]]:
    """What the report shows, and the data version of each model in it.

    Raises:
        HarError: no model is there, or a result was altered after it was written.
    """
    found = {name: latest(instance, model_key(name)) for name in experiment.models.architectures}
    present = {name: entry for name, entry in found.items() if entry is not None}
    missing = tuple(f"models/{name}: not trained yet" for name, entry in found.items() if entry is None)
    if not present:
        raise HarError(f"There is nothing to compare: {', '.join(missing)}")
    entries = tuple(_entry(home, entry) for entry in present.values())
    inputs = ReportInputs(
        title=experiment.report.title,
        origin="real" if {entry.result.origin for entry in entries} == {"real"} else "synthetic",
        created=datetime.now(tz=UTC),
        entries=entries,
        missing=missing,
        experiment=experiment.resolved(),
        dataset=_describe_data(instance),
        git_commit=git_commit(),
    )
    return inputs, {entry.key.to_user_string(): entry.data_version for entry in present.values()}


def _entry(home: Home, model: Latest) -> ReportEntry:
    [(name, sha256)] = [item for item in model.outputs.items() if item[0].endswith(_RESULT)]
    path = home.root / name
    if not path.is_file() or sha256_of_file(path) != sha256:
        raise HarError(f"{path} is not what {model.key.to_user_string()} wrote; materialise that asset again")
    return ReportEntry(
        result=ModelResult.read(path),
        mlflow_run_id=model.metadata[RUN_ID],
        mlflow_run_url=model.metadata[RUN_URL],
        registered_model=model.metadata[REGISTERED_MODEL],
        version=model.metadata[REGISTERED_VERSION],
    )


def _describe_data(instance: dg.DagsterInstance) -> dict[str, Any]:
    """A few lines about the data, from the metadata of the assets that made it."""
    wanted = {
        RAW_RECORDINGS: {"dagster/row_count": "segment files", "subjects": "subjects"},
        WINDOWS: {"dagster/row_count": "windows", "window_length": "samples in a window"},
        SPLITS: {f"{role}_subjects": f"subjects for {role}" for role in ("training", "validation", "test")},
    }
    described = {}
    for key, names in wanted.items():
        entry = latest(instance, key)
        if entry is not None:
            described |= {label: entry.metadata[name] for name, label in names.items() if name in entry.metadata}
    return described


def _ranking(inputs: ReportInputs) -> str:
    """A small table for Dagster's UI, best validation macro-F1 first."""
    results = [entry.result for entry in inputs.entries]
    results.sort(key=lambda result: -result.scores["validation"].macro_f1)
    rows = [
        f"| {result.architecture} | {result.scores['validation'].macro_f1:.4f} | {result.scores['test'].macro_f1:.4f} |"
        for result in results
    ]
    return "\n".join(["| model | validation macro-F1 | test macro-F1 |", "|---|---|---|", *rows])
