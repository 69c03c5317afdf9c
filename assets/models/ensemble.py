"""``models/<ensemble>``: fitted models that answer as one, registered as one model. It lies below its members."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import dagster as dg

from assets.machinery.code_versions import Ingredients, ingredients
from assets.machinery.keys import MODELS_GROUP, model_key
from assets.machinery.materialisation import Made, Work, make_asset
from assets.models.publication import MODEL_CHECKS, Logged, files_of_latest, log_checked, publish
from assets.resources.home import Home
from har_core.settings.ensembles import EnsembleSettings
from har_core.settings.experiment import Experiment


def build_ensemble(name: str, experiment: Experiment) -> dg.AssetsDefinition:
    """The asset of one ensemble; it is stale exactly where a member or its own settings are."""
    key, protocol, settings = model_key(name), experiment.splits.protocol, experiment.ensembles[name]

    def predictions_of(member: str) -> Callable[[Home], Path]:
        return lambda home: home.predictions(model_key(member).to_user_string(), protocol)

    return make_asset(
        key,
        partial(_combine, name),
        experiment,
        ensemble_ingredients(name, settings),
        group_name=MODELS_GROUP,
        kinds={"pytorch", "mlflow"},
        description=f"{' and '.join(settings.members)}, combined by {settings.combine}; registered as `har-{name}` "
        "(alias `challenger`).",
        inputs={model_key(member): predictions_of(member) for member in settings.members},
        outputs=lambda home, _: [home.record(name), home.predictions(key.to_user_string(), protocol)],
        checks=MODEL_CHECKS,
    )


def ensemble_ingredients(name: str, settings: EnsembleSettings) -> Ingredients:
    """What an ensemble is made with, besides its members."""
    return ingredients(
        ["har_core.fitting.ensemble", "har_core.inference.likeness"],
        settings.model_dump(mode="json"),
        section=f"ensembles.{name}",
    )


def _combine(name: str, work: Work) -> Made:
    from har_core.evaluation.describe_ensemble import describe_ensemble
    from har_core.evaluation.records import ModelRecord, read_record
    from har_core.fitting.ensemble import combine
    from har_core.inference.classifier import weights_version
    from har_core.inference.ensemble import Ensemble
    from har_core.inference.graph import load_graph
    from har_core.inference.likeness import seen_together
    from har_core.inference.predictions import read_predictions

    settings, protocol = work.experiment.ensembles[name], work.experiment.splits.protocol
    files = [files_of_latest(member, work) for member in settings.members]
    records = [read_record(work.home.record(member), ModelRecord) for member in settings.members]
    predictions = {
        member: read_predictions(work.home.predictions(model_key(member).to_user_string(), protocol))
        for member in settings.members
    }
    combined = combine(settings, predictions, seed=records[0].seed)
    model = Ensemble([load_graph(own.graph) for own in files], combined.combination).eval()
    uri, difference = log_checked(work, f"har-{name}", model, seen_together(own.training for own in files))
    logged = Logged(
        uri=uri,
        largest_difference=difference,
        weights=weights_version(model),
        record=describe_ensemble(name, work.experiment, records, model, combined, origin=work.origin),
        predictions=combined.predictions,
    )
    return publish(work, f"har-{name}", logged)
