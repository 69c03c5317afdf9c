"""``models/<architecture>``: fits one model, keeps its predictions, logs and registers it. One asset each."""

from functools import partial

import dagster as dg

from assets.machinery.code_versions import ingredients
from assets.machinery.keys import MODELS_GROUP, SPLITS, WINDOWS, model_key
from assets.machinery.lineage import upstream_versions
from assets.machinery.materialisation import Made, Work, make_asset
from assets.models.publication import MODEL_CHECKS, Logged, log_checked, publish, read_model_splits
from har_core.fitting.recipe import code_roots, settings_read, takes_raw_windows
from har_core.settings.experiment import Experiment
from har_core.training.unfinished import forget

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
                "window_length": experiment.window_length,
                "fills_gaps": experiment.windows.fills_gaps,
            },
            section=f"models.{architecture}",
            names={"window_length": "windows.length", "fills_gaps": 'windows.damaged = "fill"'},
        ),
        group_name=MODELS_GROUP,
        kinds={"pytorch", "mlflow"},
        description=f"The architecture {architecture}, fitted, with its predictions of validation and test windows; "
        f"registered as `har-{architecture}` (alias `challenger`).",
        inputs={**splits, **windows},
        outputs=lambda home, _: [home.record(architecture), home.predictions(key.to_user_string(), protocol)],
        checks=MODEL_CHECKS,
        config_schema=_CONFIG,
    )


def _fit(architecture: str, work: Work) -> Made:
    config_seed = (work.context.op_execution_context.op_config or {}).get("seed")
    seed = work.experiment.model_settings(architecture).training.seed if config_seed is None else int(config_seed)
    name, checkpoint = f"har-{architecture}", work.home.checkpoint(work.name)
    logged = _log_kept(architecture, work, name, seed) or _train(architecture, work, name, seed)
    return publish(work, name, logged, last=lambda: forget(checkpoint))


def _log_kept(architecture: str, work: Work, name: str, seed: int) -> Logged | None:
    """Log what the latest materialisation trained, where its files are there and MLflow's record of them is not."""
    from assets.resources.relogging import log_again
    from har_core.evaluation.records import ModelRecord, read_record
    from har_core.inference.predictions import read_predictions

    if work.kept is None or work.kept.entry.metadata.get("seed") != seed:
        return None
    files = [work.home.root / path for path in work.kept.entry.outputs]
    [description] = [path for path in files if path.name == "MLmodel"]
    return Logged(
        uri=log_again(work.run, name, description.parent),
        largest_difference=None,
        weights=work.kept.entry.data_version,
        record=read_record(work.home.record(architecture), ModelRecord),
        predictions=read_predictions(work.home.predictions(work.name, work.experiment.splits.protocol)),
    )


def _train(architecture: str, work: Work, name: str, seed: int) -> Logged:
    from har_core.evaluation.describe import describe_model
    from har_core.fitting.recipe import channels_seen
    from har_core.fitting.trained import checkpoint_key, train_and_predict
    from har_core.inference.likeness import describe_training

    raw_from = work.home.windows if takes_raw_windows(architecture) else None
    windows, settings = read_model_splits(work, raw_from=raw_from), work.experiment.model_settings(architecture)
    version = work.context.assets_def.get_asset_spec(work.context.asset_key).code_version or ""
    trained = train_and_predict(
        architecture,
        settings,
        work.experiment.runtime,
        windows,
        seed=seed,
        fills_gaps=work.experiment.windows.fills_gaps,
        checkpoint_path=work.home.checkpoint(work.name),
        checkpoint_key=checkpoint_key(version, upstream_versions(work.context), None, seed),
        listener=work.run.listener(then=partial(work.display.training, work.name)),
    )
    channels = channels_seen(windows.spec, settings.training)
    training = describe_training(
        windows.raw("training"), windows.spec, channels, fills_gaps=work.experiment.windows.fills_gaps
    )
    uri, largest_difference = log_checked(work, name, trained.classifier, training)
    return Logged(
        uri=uri,
        largest_difference=largest_difference,
        weights=trained.weights,
        record=describe_model(architecture, work.experiment, windows, trained, origin=work.origin),
        predictions=trained.predictions,
    )
