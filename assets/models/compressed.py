"""``compressed/<model>-<recipe>``: a smaller or faster model, made from a fitted one. It lies below its parent."""

from functools import partial
from typing import TYPE_CHECKING

import dagster as dg

from assets.machinery.code_versions import ingredients
from assets.machinery.keys import COMPRESSED_GROUP, SPLITS, model_key
from assets.machinery.lineage import KEEPS_SCORE
from assets.machinery.materialisation import Made, Work, make_asset
from assets.models.publication import MODEL_CHECKS, Logged, files_of_latest, log_checked, publish, read_model_splits
from har_core.settings.experiment import Experiment

if TYPE_CHECKING:
    from har_core.compression.recipe import Material
    from har_core.inference.likeness import TrainingWindows

_CHECKS = {
    **MODEL_CHECKS,
    KEEPS_SCORE: "macro-F1 of the validation subjects is at most `most_lost` below that of the parent; a model that "
    "loses more is registered, and never champion",
}


def build_compressed(name: str, experiment: Experiment) -> dg.AssetsDefinition:
    """The asset of one model that is made from another one; stale exactly where its parent or its recipe is."""
    from har_core.compression.roots import code_roots, settings_read

    parent, recipe = experiment.parents[name]
    key, protocol, settings = model_key(name), experiment.splits.protocol, experiment.recipes[recipe]
    read = settings_read(recipe, experiment)
    return make_asset(
        key,
        partial(_compress, name),
        experiment,
        ingredients(
            [*code_roots(settings, parent), "har_core.inference.likeness"],
            read,
            section=f"recipes.{recipe}",
            names={name: name for name in read if name.startswith("models.")},
        ),
        group_name=COMPRESSED_GROUP,
        kinds={"pytorch", "mlflow"},
        description=f"{parent}, made smaller or faster by the recipe {recipe} ({settings.kind}); registered as "
        f"`har-{name}` (alias `challenger`).",
        inputs={
            model_key(parent): lambda home: home.predictions(model_key(parent).to_user_string(), protocol),
            SPLITS: lambda home: home.splits(protocol),
        },
        outputs=lambda home, _: [home.record(name), home.predictions(key.to_user_string(), protocol)],
        checks=_CHECKS,
    )


def _compress(name: str, work: Work) -> Made:
    from har_core.compression.recipe import Parent, compress, predict_held_out
    from har_core.evaluation.describe_compressed import describe_compressed
    from har_core.evaluation.records import ModelRecord, read_record
    from har_core.inference.classifier import weights_version
    from har_core.inference.graph import load_graph

    parent_name, recipe = work.experiment.parents[name]
    settings, files = work.experiment.recipes[recipe], files_of_latest(parent_name, work)
    record = read_record(work.home.record(parent_name), ModelRecord)
    material = _material(name, work, seed_of_parent=record.seed)
    compressed = compress(settings, Parent(name=parent_name, model=load_graph(files.graph)), material)
    training = _described(material) or files.training
    uri, difference = log_checked(work, f"har-{name}", compressed.classifier, training)
    logged = Logged(
        uri=uri,
        largest_difference=difference,
        weights=weights_version(compressed.classifier),
        record=describe_compressed(name, work.experiment, record, compressed, seed=material.seed),
        predictions=predict_held_out(compressed, material),
    )
    return publish(work, f"har-{name}", logged, checks=[_keeps_score(name, work, logged)])


def _material(name: str, work: Work, *, seed_of_parent: int) -> "Material":
    from har_core.compression.recipe import Material

    experiment, (parent, recipe) = work.experiment, work.experiment.parents[name]
    student = experiment.student_settings(recipe)
    return Material(
        windows=read_model_splits(work),
        settings=experiment.model_settings(parent) if parent in experiment.models.architectures else None,
        student=student,
        runtime=experiment.runtime,
        seed=seed_of_parent if student is None else student.training.seed,
        fills_gaps=experiment.windows.fills_gaps,
        listener=work.run.listener(then=partial(work.display.training, work.name)),
    )


def _described(material: "Material") -> "TrainingWindows | None":
    """What the student saw of the training windows; None where there is none, and what the parent saw counts."""
    from har_core.fitting.recipe import channels_seen
    from har_core.inference.likeness import describe_training

    if material.student is None:
        return None
    windows = material.windows
    channels = channels_seen(windows.spec, material.student.training)
    return describe_training(windows.raw("training"), windows.spec, channels, fills_gaps=material.fills_gaps)


def _keeps_score(name: str, work: Work, logged: Logged) -> dg.AssetCheckResult:
    """Whether the validation subjects are recognised as well as by the parent, or nearly so; nobody else judges."""
    from har_core.evaluation.results import validation_by_subject
    from har_core.inference.predictions import read_predictions

    parent, recipe = work.experiment.parents[name]
    path = work.home.predictions(model_key(parent).to_user_string(), work.experiment.splits.protocol)
    before, after = (_mean(validation_by_subject(own)) for own in (read_predictions(path), logged.predictions))
    most_lost = work.experiment.recipes[recipe].most_lost
    passed = before is None or after is None or before - after <= most_lost
    metadata = {"macro_f1": after, "parent_macro_f1": before, "most_lost": most_lost}
    return dg.AssetCheckResult(
        check_name=KEEPS_SCORE,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={name: value for name, value in metadata.items() if value is not None},
    )


def _mean(scores: dict[int, float]) -> float | None:
    return sum(scores.values()) / len(scores) if scores else None
