"""``models/<architecture>``: fits one model, keeps its predictions, logs and registers it. One asset each."""

import hashlib
import json
from functools import partial

import dagster as dg
from pydantic import Field

from assets.machinery.code_versions import INGREDIENTS, ingredients
from assets.machinery.keys import MODELS_GROUP, OWNERS, SPLITS, model_key
from assets.machinery.lineage import (
    REGISTERED_MODEL,
    REGISTERED_VERSION,
    require_upstream,
    upstream_origin,
    upstream_versions,
)
from assets.machinery.publication import inline_png, publish, report_failed_check
from assets.resources.addresses import model_url
from assets.resources.display import Display
from assets.resources.home import Home
from assets.resources.model_files import RoundTripError
from assets.resources.occupation import HomeResource
from assets.resources.registry import Registry
from assets.resources.store import CHALLENGER, ORIGIN_TAG, RegisteredVersion
from assets.resources.tracking import TrackedRun, TrackingResource
from har_core.base.files import atomic_paths
from har_core.evaluation.plots import confusion_matrix_png, training_curves_png
from har_core.fitting.fit import code_roots, settings_read
from har_core.fitting.holdout import Trained, train_and_score
from har_core.inference.classifier import weights_version
from har_core.inference.predictions import write_predictions
from har_core.settings.experiment import Experiment
from har_core.splits.build import read_splits
from har_core.windows.store import SampleStore

ROUND_TRIP = "answers_as_in_memory"
REGISTERED_MODEL_URL = "har/registered_model_url"


class TrainingConfig(dg.Config):
    """What a single run may ask of a model, whatever the experiment file says. No part of its code version."""

    seed: int | None = Field(default=None, ge=0, lt=2**32, description="Train with this seed instead.")


def build_model(architecture: str, experiment: Experiment) -> dg.AssetsDefinition:
    """The asset of one architecture; its score over folds will be ``folds/<architecture>``, below ``windows``."""
    key = model_key(architecture)
    settings = experiment.model_settings(architecture)
    made_with = ingredients(
        code_roots(architecture),
        {**settings_read(architecture, settings), "window_length": experiment.windows.length},
        section=f"models.{architecture}",
        names={"window_length": "windows.length"},
    )

    @dg.asset(
        key=key,
        deps=[SPLITS],
        group_name=MODELS_GROUP,
        kinds={"pytorch", "mlflow"},
        owners=OWNERS,
        description=f"The architecture {architecture}, trained, scored on validation and test, registered as "
        f"`har-{architecture}` (alias `{CHALLENGER}`).",
        code_version=made_with.version,
        metadata={INGREDIENTS: made_with.to_metadata()},
        check_specs=[dg.AssetCheckSpec(ROUND_TRIP, asset=key)],
    )
    def model(
        context: dg.AssetExecutionContext,
        config: TrainingConfig,
        home: HomeResource,
        tracking: TrackingResource,
        display: dg.ResourceParam[Display],
    ) -> dg.MaterializeResult:
        asked = experiment if config.seed is None else experiment.reseeded(architecture, config.seed)
        place, name = home.home(), key.to_user_string()
        folder, upstream = place.splits(experiment.splits.protocol), upstream_versions(context)
        checkpoint = place.checkpoint(name)
        store = SampleStore(place.scratch, max_mib=experiment.runtime.samples_in_memory_mib)
        with tracking.tracking().materialisation(context, asked) as run:
            run.log_input("splits", require_upstream(context, SPLITS), folder)
            trained = train_and_score(
                architecture,
                asked,
                read_splits(folder, store),
                origin=upstream_origin(context),
                checkpoint_path=checkpoint,
                checkpoint_key=_checkpoint_key(
                    made_with.version, upstream, None, asked.model_settings(architecture).training.seed
                ),
                listener=run.listener(then=partial(display.training, name)),
            )
            try:
                registered = _register(run, trained, num_timepoints=experiment.windows.length)
            except RoundTripError as error:
                report_failed_check(context, ROUND_TRIP, str(error))
                raise
            result = _publish(run, place, trained, registered, protocol=experiment.splits.protocol)
        checkpoint.unlink(missing_ok=True)
        return result

    return model


def _register(run: TrackedRun, trained: Trained, *, num_timepoints: int) -> RegisteredVersion:
    """Log the model, compare it with the one in memory, and make it a version; no alias moves yet."""
    registry, name = Registry(run.tracking), f"har-{trained.result.architecture}"
    model_uri = registry.log(run, name, trained.classifier, num_timepoints=num_timepoints)
    tags = {ORIGIN_TAG: trained.result.origin, "har.data_version": weights_version(trained.classifier)}
    return registry.register(run, name, model_uri, tags)


def _publish(
    run: TrackedRun, home: Home, trained: Trained, registered: RegisteredVersion, *, protocol: str
) -> dg.MaterializeResult:
    """Log and tell everything, then move the alias and the files: what fails before leaves the earlier model there."""
    result = trained.result
    key = model_key(result.architecture).to_user_string()
    predictions = home.predictions(key, protocol)
    plots = {
        "confusion_matrix_validation": confusion_matrix_png(result.scores["validation"]),
        "confusion_matrix_test": confusion_matrix_png(result.scores["test"]),
        **({"training_curves": training_curves_png(result.history)} if result.history else {}),
    }
    _log_details(run, trained, plots)
    outputs = [home.result(result.architecture), predictions]
    with atomic_paths(*outputs) as (new_result, new_predictions):
        result.write(new_result)
        write_predictions(new_predictions, trained.predictions)
        run.log_bytes("result.json", new_result.read_bytes())
        run.log_bytes("predictions.parquet", new_predictions.read_bytes())
        materialised = publish(
            run,
            data_version=weights_version(trained.classifier),
            origin=result.origin,
            outputs=outputs,
            staged=[new_result, new_predictions],
            metadata={
                "validation_macro_f1_best": result.scores["validation"].macro_f1,
                "test_macro_f1": result.scores["test"].macro_f1,
                "test_accuracy": result.scores["test"].accuracy,
                **{f"{role}_macro_f1_clean": scores.macro_f1 for role, scores in result.scores_clean.items()},
                "num_parameters": result.complexity.num_parameters,
                "macs": result.complexity.macs,
                "seed": dg.MetadataValue.int(result.seed),  # no metric of the run
                "best_epoch": result.best_epoch,
                "num_epochs": len(result.history),
                "batch1_latency_ms": result.latency.batch1_median_ms,
                "training_seconds": result.training_seconds,
                "dagster/row_count": sum(table.num_rows for table in trained.predictions),
                REGISTERED_MODEL: registered.name,
                REGISTERED_VERSION: str(registered.version),
                REGISTERED_MODEL_URL: dg.MetadataValue.url(model_url(registered.name, registered.version)),
                "path": dg.MetadataValue.path(str(predictions)),
                **{name: inline_png(name, content) for name, content in plots.items()},
            },
            checks=[dg.AssetCheckResult(check_name=ROUND_TRIP, passed=True)],
        )
        Registry(run.tracking).set_alias(registered.name, CHALLENGER, registered.version)
        return materialised


def _log_details(run: TrackedRun, trained: Trained, plots: dict[str, bytes]) -> None:
    result = trained.result
    run.log_params({f"resolved.{name}": value for name, value in result.training_settings.items()})
    for role, scores in {**result.scores, **{f"{role}_clean": s for role, s in result.scores_clean.items()}}.items():
        figures = {name: value for name, value in scores.to_dict().items() if isinstance(value, float)}
        run.log_metrics({f"{role}/{name}": value for name, value in figures.items()})
    for role, scores in result.scores.items():
        rows = scores.to_dict()["per_class"]
        run.log_table(f"tables/per_class_{role}.json", {name: [row[name] for row in rows] for name in rows[0]})
    for name, content in plots.items():
        run.log_bytes(f"plots/{name}.png", content)


def _checkpoint_key(version: str, upstream: dict[str, str], partition: str | None, seed: int) -> str:
    """What an unfinished training belongs to; another one starts from the beginning."""
    parts = json.dumps([version, upstream, partition, seed], sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()
