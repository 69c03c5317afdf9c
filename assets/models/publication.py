"""What every model is published with: a logged and checked graph, a registered version, its record and predictions."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.machinery.keys import model_key
from assets.machinery.lineage import REGISTERED_MODEL, REGISTERED_MODEL_URL, REGISTERED_VERSION, latest
from assets.machinery.materialisation import Made, Work, report_failed_check
from assets.machinery.presentation import inline_png, path_to
from assets.machinery.quality import RECOGNISES, judge_recognition
from assets.models.cards import write_card
from assets.resources.addresses import model_url
from assets.resources.model_files import files_of_model, find_model
from assets.resources.store import CHALLENGER, MODEL_FILE, ORIGIN_TAG
from har_core.base.errors import HarError

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import nn

    from assets.resources.model_files import ModelFiles
    from har_core.evaluation.records import ModelRecord
    from har_core.evaluation.results import ModelResult
    from har_core.inference.likeness import TrainingWindows
    from har_core.splits.build import SplitWindows

ROUND_TRIP = "answers_as_in_memory"
MODEL_CHECKS = {
    ROUND_TRIP: "the logged model, loaded again as users load it, gives the probabilities of the model in memory",
    RECOGNISES: "every activity that the validation subjects have windows of is recognised at least once; a failure "
    "warns, and stops nothing; where nobody validates, it passes",
}
"""The checks of every model, and what must hold."""
_FIGURES = ("macro_f1", "accuracy", "macro_precision", "macro_recall", "weighted_f1", "weighted_precision")
"""What MLflow shows of each role, in the order of its table; the weighted recall is the accuracy, by another name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """A model that is logged to the run of this materialisation, and what is kept of it beside MLflow."""

    uri: str
    largest_difference: float | None
    """Between its probabilities and those of the model in memory; None where it was compared when it was first logged.
    """
    weights: str
    record: "ModelRecord"
    predictions: "pa.Table"


def log_checked(work: Work, name: str, model: "nn.Module", training: "TrainingWindows") -> tuple[str, float]:
    """Log the model that will be a version of ``name``, and compare it with the one in memory.

    Returns:
        Its URI, and the largest difference between their probabilities.
    """
    from assets.resources.export import RoundTripError, log_model

    try:
        return log_model(
            work.run,
            name,
            model,
            num_timepoints=work.experiment.window_length,
            join_segments=work.experiment.windows.join_segments,
            training=training,
        )
    except RoundTripError as error:
        report_failed_check(work.context, ROUND_TRIP, str(error), _round_trip(error.largest_difference))
        raise


def _round_trip(largest_difference: float | None) -> dict[str, float]:
    """The numbers of the check."""
    from assets.resources.export import ROUND_TRIP_TOLERANCE

    measured = {} if largest_difference is None else {"largest_difference": largest_difference}
    return {**measured, "tolerance": ROUND_TRIP_TOLERANCE}


def files_of_latest(name: str, work: Work) -> "ModelFiles":
    """The files of the version that the latest materialisation of the model ``name`` registered.

    Raises:
        HarError: it was never materialised.
    """
    key = model_key(name)
    made = latest(work.context.instance, key)
    if made is None or REGISTERED_VERSION not in made.metadata:
        needed = key.to_user_string()
        raise HarError(f"{work.name} needs {needed}, which was never materialised; run that first")
    address = f"models:/{made.metadata[REGISTERED_MODEL]}/{made.metadata[REGISTERED_VERSION]}"
    return find_model(work.run.tracking, address)


def read_model_splits(work: Work, *, raw_from: Path | None = None) -> "SplitWindows":
    """The split of the models: normalised, or in sensor units from the windows at ``raw_from``."""
    from har_core.splits.build import read_splits
    from har_core.windows.store import SampleStore

    store = SampleStore(work.home.scratch, max_mib=work.experiment.runtime.samples_in_memory_mib)
    return read_splits(work.home.splits(work.experiment.splits.protocol), store, raw_from=raw_from)


def publish(
    work: Work,
    name: str,
    logged: Logged,
    *,
    checks: Sequence[dg.AssetCheckResult] = (),
    last: Callable[[], object] = lambda: None,
) -> Made:
    """Register ``logged`` as the newest version of ``name``, and write its record and predictions."""
    from har_core.evaluation.records import write_record
    from har_core.evaluation.results import score_model
    from har_core.inference.predictions import learnt_of, write_predictions

    tracking, tags = work.run.tracking, {ORIGIN_TAG: work.origin, "har.data_version": logged.weights}
    registered = tracking.register(name, logged.uri, work.run.run_id, tags)
    staged_record, staged_predictions = work.staged
    file_bytes = (tracking.folder_of(logged.uri) / MODEL_FILE).stat().st_size
    record = replace(logged.record, file_bytes=file_bytes)
    write_record(staged_record, record)
    write_predictions(staged_predictions, logged.predictions)
    work.run.log_bytes("result.json", staged_record.read_bytes())
    work.run.log_bytes("predictions.parquet", staged_predictions.read_bytes())
    card = write_card(work, registered, record, logged.predictions)
    result = score_model(record, logged.predictions)
    validation = [own for role, own in result.scores.items() if role == "validation"]
    return Made(
        version=logged.weights,
        metadata={
            **_describe(work, result),
            **{str(check.check_name): dg.MetadataValue.bool(check.passed) for check in checks},
            "dagster/row_count": logged.predictions.num_rows,
            REGISTERED_MODEL: name,
            REGISTERED_VERSION: str(registered.version),
            REGISTERED_MODEL_URL: dg.MetadataValue.url(model_url(name, registered.version)),
            "path": path_to(work.home.predictions(work.name, work.experiment.splits.protocol)),
        },
        checks=[
            dg.AssetCheckResult(check_name=ROUND_TRIP, passed=True, metadata=_round_trip(logged.largest_difference)),
            judge_recognition(validation, learnt_of(logged.predictions)),
            *checks,
        ],
        logged=files_of_model(tracking.folder_of(logged.uri)),
        alias=CHALLENGER,
        aliases={name: registered.version},
        note=card,
        last=last,
    )


def _describe(work: Work, result: "ModelResult") -> dict[str, Any]:
    """What the result says, for Dagster's UI, costs last; details and plots go to the MLflow run.

    Dagster and MLflow show tables in the order given, and plots by name: what is named here decides both.
    """
    from har_core.evaluation.plots import confusion_matrix_png, training_curves_png

    plots = {
        **{f"confusion_matrix_{role}": confusion_matrix_png(scores) for role, scores in result.scores.items()},
        **({"training_curves": training_curves_png(result.history)} if result.history else {}),
    }
    work.run.log_params(
        {
            "seed": result.seed,
            **({} if result.parent is None else {"parent": result.parent}),
            "computed.num_threads": result.num_threads,
            "computed.cpu_capability": result.cpu_capability,
        }
    )
    clean = {f"{role}_clean": own for role, own in result.scores_clean.items() if own != result.scores[role]}
    by_role = {**result.scores, **clean}
    work.run.log_metrics({f"{role}/{name}": getattr(by_role[role], name) for name in _FIGURES for role in by_role})
    for role, scores in result.scores.items():
        rows = [asdict(activity) for activity in scores.per_class]
        work.run.log_table(f"tables/per_class_{role}.json", {name: [row[name] for row in rows] for name in rows[0]})
    num_parameters, num_nonzero = result.complexity.num_parameters, result.complexity.num_nonzero
    for name, content in plots.items():
        work.run.log_bytes(f"plots/{name}.png", content)
    scored = {
        **{f"{role}_macro_f1": scores.macro_f1 for role, scores in result.scores.items()},
        **{f"{role}_accuracy": scores.accuracy for role, scores in result.scores.items()},
        **{f"{role}_macro_f1_clean": scores.macro_f1 for role, scores in result.scores_clean.items()},
    }
    return {
        **{name: dg.MetadataValue.float(score) for name, score in scored.items()},  # metrics already, by role
        **{name: inline_png(name, content) for name, content in plots.items()},
        "seed": dg.MetadataValue.int(result.seed),  # no metric of the run
        "best_epoch": result.best_epoch,
        "num_epochs": len(result.history),
        "num_parameters": num_parameters,
        **({} if num_nonzero in {None, num_parameters} else {"num_nonzero": num_nonzero}),
        "macs": result.complexity.macs,
        **({} if result.file_bytes is None else {"file_bytes": result.file_bytes}),
        **({} if result.complexity.mean_macs is None else {"mean_macs": result.complexity.mean_macs}),
        "window_latency_ms": result.latency.batch1_median_ms,
        "training_seconds": result.training_seconds,
    }
