"""``models/<architecture>``: fits one model, keeps its predictions, logs and registers it. One asset each."""

from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.machinery.code_versions import ingredients
from assets.machinery.keys import MODELS_GROUP, SPLITS, WINDOWS, model_key
from assets.machinery.lineage import REGISTERED_MODEL, REGISTERED_MODEL_URL, REGISTERED_VERSION, upstream_versions
from assets.machinery.materialisation import Made, Work, make_asset, report_failed_check
from assets.machinery.presentation import inline_png, path_to
from assets.resources.addresses import model_url
from assets.resources.model_files import files_of_model
from assets.resources.store import CHALLENGER, ORIGIN_TAG
from har_core.fitting.recipe import code_roots, settings_read, takes_raw_windows
from har_core.settings.experiment import Experiment

if TYPE_CHECKING:
    import pyarrow as pa

    from har_core.evaluation.records import ModelRecord
    from har_core.evaluation.results import ModelResult
    from har_core.fitting.trained import Trained
    from har_core.splits.build import SplitWindows

ROUND_TRIP = "answers_as_in_memory"
_CONFIG = {"seed": dg.Field(dg.Noneable(int), is_required=False, description="Train with this seed instead.")}


def build_model(architecture: str, experiment: Experiment) -> dg.AssetsDefinition:
    """The asset of one architecture; its score over folds is ``folds/<architecture>``, below ``windows``."""
    key, protocol = model_key(architecture), experiment.splits.protocol
    splits = {SPLITS: lambda home: home.splits(protocol)}
    windows = {WINDOWS: lambda home: home.windows} if takes_raw_windows(architecture) else {}
    return make_asset(
        key,
        partial(_fit, architecture),
        experiment,
        ingredients(
            [*code_roots(architecture), "har_core.inference.likeness"],
            {
                **settings_read(architecture, experiment.model_settings(architecture)),
                "window_length": experiment.windows.length,
            },
            section=f"models.{architecture}",
            names={"window_length": "windows.length"},
        ),
        group_name=MODELS_GROUP,
        kinds={"pytorch", "mlflow"},
        description=f"The architecture {architecture}, fitted, with its predictions of validation and test windows; "
        f"registered as `har-{architecture}` (alias `challenger`).",
        inputs={**splits, **windows},
        outputs=lambda home, _: [home.record(architecture), home.predictions(key.to_user_string(), protocol)],
        checks=[ROUND_TRIP],
        config_schema=_CONFIG,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Logged:
    """A model that is logged to the run of this materialisation, and what is kept of it beside MLflow."""

    uri: str
    weights: str
    record: "ModelRecord"
    predictions: "pa.Table"


def _fit(architecture: str, work: Work) -> Made:
    from har_core.evaluation.records import write_record
    from har_core.evaluation.results import score_model
    from har_core.inference.predictions import write_predictions

    config_seed = (work.context.op_execution_context.op_config or {}).get("seed")
    seed = work.experiment.model_settings(architecture).training.seed if config_seed is None else int(config_seed)
    tracking, name, checkpoint = work.run.tracking, f"har-{architecture}", work.home.checkpoint(work.name)
    logged = _log_kept(architecture, work, name, seed) or _train(architecture, work, name, seed)
    tags = {ORIGIN_TAG: work.origin, "har.data_version": logged.weights}
    registered = tracking.register(name, logged.uri, work.run.run_id, tags)
    staged_record, staged_predictions = work.staged
    write_record(staged_record, logged.record)
    write_predictions(staged_predictions, logged.predictions)
    work.run.log_bytes("result.json", staged_record.read_bytes())
    work.run.log_bytes("predictions.parquet", staged_predictions.read_bytes())
    return Made(
        version=logged.weights,
        metadata={
            **_describe(work, score_model(logged.record, logged.predictions)),
            "dagster/row_count": logged.predictions.num_rows,
            REGISTERED_MODEL: name,
            REGISTERED_VERSION: str(registered.version),
            REGISTERED_MODEL_URL: dg.MetadataValue.url(model_url(name, registered.version)),
            "path": path_to(work.home.predictions(work.name, work.experiment.splits.protocol)),
        },
        checks=[dg.AssetCheckResult(check_name=ROUND_TRIP, passed=True)],
        logged=files_of_model(tracking.folder_of(logged.uri)),
        alias=CHALLENGER,
        aliases={name: registered.version},
        last=lambda: checkpoint.unlink(missing_ok=True),
    )


def _log_kept(architecture: str, work: Work, name: str, seed: int) -> _Logged | None:
    """Log what the latest materialisation trained, where its files are there and MLflow's record of them is not."""
    from assets.resources.relogging import log_again
    from har_core.evaluation.records import ModelRecord, read_record
    from har_core.inference.predictions import read_predictions

    if work.kept is None or work.kept.entry.metadata.get("seed") != seed:
        return None
    files = [work.home.root / path for path in work.kept.entry.outputs]
    [description] = [path for path in files if path.name == "MLmodel"]
    return _Logged(
        uri=log_again(work.run, name, description.parent),
        weights=work.kept.entry.data_version,
        record=read_record(work.home.record(architecture), ModelRecord),
        predictions=read_predictions(work.home.predictions(work.name, work.experiment.splits.protocol)),
    )


def _train(architecture: str, work: Work, name: str, seed: int) -> _Logged:
    from har_core.evaluation.describe import describe_model
    from har_core.fitting.trained import checkpoint_key, train_and_predict

    windows = _windows(architecture, work)
    version = work.context.assets_def.get_asset_spec(work.context.asset_key).code_version or ""
    trained = train_and_predict(
        architecture,
        work.experiment.model_settings(architecture),
        work.experiment.runtime,
        windows,
        seed=seed,
        checkpoint_path=work.home.checkpoint(work.name),
        checkpoint_key=checkpoint_key(version, upstream_versions(work.context), None, seed),
        listener=work.run.listener(then=partial(work.display.training, work.name)),
    )
    return _Logged(
        uri=_log(architecture, work, name, windows, trained),
        weights=trained.weights,
        record=describe_model(architecture, work.experiment, windows, trained, origin=work.origin),
        predictions=trained.predictions,
    )


def _windows(architecture: str, work: Work) -> "SplitWindows":
    from har_core.splits.build import read_splits
    from har_core.windows.store import SampleStore

    store = SampleStore(work.home.scratch, max_mib=work.experiment.runtime.samples_in_memory_mib)
    raw_from = work.home.windows if takes_raw_windows(architecture) else None
    return read_splits(work.home.splits(work.experiment.splits.protocol), store, raw_from=raw_from)


def _log(architecture: str, work: Work, name: str, windows: "SplitWindows", trained: "Trained") -> str:
    """Log the model, and compare it with the one in memory."""
    from assets.resources.export import RoundTripError, log_model
    from har_core.fitting.recipe import channels_seen
    from har_core.inference.likeness import describe_training

    settings = work.experiment.model_settings(architecture)
    try:
        return log_model(
            work.run,
            name,
            trained.classifier,
            num_timepoints=work.experiment.windows.length,
            join_segments=work.experiment.windows.join_segments,
            training=describe_training(windows.raw("training"), channels_seen(settings.training)),
        )
    except RoundTripError as error:
        report_failed_check(work.context, ROUND_TRIP, str(error))
        raise


def _describe(work: Work, result: "ModelResult") -> dict[str, Any]:
    """What the result says, for Dagster's UI; details and plots go to the MLflow run."""
    from har_core.evaluation.plots import confusion_matrix_png, training_curves_png

    plots = {
        "confusion_matrix_validation": confusion_matrix_png(result.scores["validation"]),
        "confusion_matrix_test": confusion_matrix_png(result.scores["test"]),
        **({"training_curves": training_curves_png(result.history)} if result.history else {}),
    }
    work.run.log_params({f"resolved.{name}": value for name, value in result.training_settings.items()})
    work.run.log_params({"computed.num_threads": result.num_threads, "computed.cpu_capability": result.cpu_capability})
    clean = {f"{role}_clean": scores for role, scores in result.scores_clean.items()}
    for role, scores in {**result.scores, **clean}.items():
        figures = {name: value for name, value in asdict(scores).items() if isinstance(value, float)}
        work.run.log_metrics({f"{role}/{name}": value for name, value in figures.items()})
    for role, scores in result.scores.items():
        rows = [asdict(activity) for activity in scores.per_class]
        work.run.log_table(f"tables/per_class_{role}.json", {name: [row[name] for row in rows] for name in rows[0]})
    for name, content in plots.items():
        work.run.log_bytes(f"plots/{name}.png", content)
    return {
        "validation_macro_f1_best": result.scores["validation"].macro_f1,
        "test_macro_f1": result.scores["test"].macro_f1,
        "test_accuracy": result.scores["test"].accuracy,
        **{f"{role}_macro_f1_clean": scores.macro_f1 for role, scores in result.scores_clean.items()},
        "num_parameters": result.complexity.num_parameters,
        "macs": result.complexity.macs,
        **({} if result.complexity.mean_macs is None else {"mean_macs": result.complexity.mean_macs}),
        "seed": dg.MetadataValue.int(result.seed),  # no metric of the run
        "best_epoch": result.best_epoch,
        "num_epochs": len(result.history),
        "batch1_latency_ms": result.latency.batch1_median_ms,
        "training_seconds": result.training_seconds,
        **{name: inline_png(name, content) for name, content in plots.items()},
    }
