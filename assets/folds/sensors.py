"""``sensors/<architecture>``: what an architecture recognises with each unit and each kind of sensor, and without it.

It has the folds of the protocol that leads.
"""

import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.folds.fold import HOLDS, RULES_HOLD, checkpoints, cut, fold_ingredients, told_of
from assets.folds.partitions import SENSOR_FOLDS
from assets.machinery.keys import FOLDS_GROUP, WINDOWS, sensors_key
from assets.machinery.lineage import upstream_versions
from assets.machinery.materialisation import Made, Work, make_asset
from assets.machinery.presentation import markdown_table, path_to
from har_core.settings.experiment import Experiment

if TYPE_CHECKING:
    import pyarrow as pa

    from har_core.base.checks import Check

    _Measured = tuple[pa.Table, tuple[Check, ...]]
    """Predictions, and the rules of the split; none where they were kept."""


def build_sensors(architecture: str, experiment: Experiment) -> dg.AssetsDefinition:
    """The asset of one architecture; it trains with the first seed, and needs the windows alone."""
    key, seeds = sensors_key(architecture), experiment.evaluation.seeds[:1]
    return make_asset(
        key,
        partial(_measure, architecture),
        experiment,
        fold_ingredients(architecture, experiment, seeds=seeds, roots=("har_core.sensors.measure",)),
        group_name=FOLDS_GROUP,
        kinds={"pytorch", "mlflow"},
        description=f"The architecture {architecture}, trained once on all of its channels, on each unit and each kind "
        "of sensor alone, and without it: its predictions for whole subjects that it never saw; those of the first "
        "also where a unit is missing.",
        inputs={WINDOWS: lambda home: home.windows},
        outputs=lambda home, fold: [home.predictions(key.to_user_string(), fold or "")],
        checks=HOLDS,
        partitions_def=SENSOR_FOLDS,
    )


def _measure(architecture: str, work: Work) -> Made:
    from har_core.inference.predictions import write_predictions
    from har_core.sensors.table import sensors_version

    predictions, rules = _keep(work) or _train(architecture, work)
    [staged] = work.staged
    write_predictions(staged, predictions)
    work.run.log_bytes("predictions.parquet", staged.read_bytes())
    return Made(
        version=sensors_version(predictions),
        metadata={
            **_describe(predictions),
            "dagster/row_count": predictions.num_rows,
            "path": path_to(_place(work)),
        },
        checks=[dg.AssetCheckResult(check_name=RULES_HOLD, passed=True, metadata=told_of(rules))],
        last=lambda: shutil.rmtree(checkpoints(work), ignore_errors=True),
    )


def _keep(work: Work) -> "_Measured | None":
    """What the latest materialisation made, where its file is there and MLflow's record of it is not."""
    from har_core.inference.predictions import read_predictions
    from har_core.sensors.table import sensors_schema

    return None if work.kept is None else (read_predictions(_place(work), sensors_schema), ())


def _train(architecture: str, work: Work) -> "_Measured":
    from har_core.fitting.trained import checkpoint_key
    from har_core.sensors.measure import measure_sensors
    from har_core.training.devices import computed_with

    fold, windows = cut(architecture, work)
    version = work.context.assets_def.get_asset_spec(work.context.asset_key).code_version or ""
    seed, runtime = work.experiment.evaluation.seeds[0], work.experiment.runtime
    predictions = measure_sensors(
        architecture,
        work.experiment.model_settings(architecture),
        runtime,
        windows,
        seed=seed,
        checkpoints=checkpoints(work),
        checkpoint_key=checkpoint_key(version, upstream_versions(work.context), fold.name, seed),
        progress=lambda what, num_done, num_total: work.display.progress(f"{work.name} {what}", num_done, num_total),
        listener=partial(work.display.training, work.name),
    )
    computed = computed_with(runtime)
    work.run.log_params({"seed": seed, **{f"computed.{name}": value for name, value in computed.items()}})
    return predictions, windows.checks


def _place(work: Work) -> Path:
    return work.home.predictions(work.context.asset_key.to_user_string(), work.context.partition_key)


def _describe(predictions: "pa.Table") -> dict[str, Any]:
    """What came of it, for Dagster's UI and the MLflow run."""
    from har_core.evaluation.sensors import score_sensors

    scores = score_sensors(predictions)
    rows = [(score.way.replace("_", " "), score.name, f"{score.macro_f1:.4f}") for score in scores]
    return {
        "macro_f1": next(score.macro_f1 for score in scores if score.way == "all"),
        "scores": markdown_table(["channels", "unit or sensor", "macro-F1"], rows),
    }
