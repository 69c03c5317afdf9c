"""``folds/<architecture>``: the score of one architecture in one fold of a protocol, a partition each, over all seeds.

Which folds there are is in :mod:`assets.folds.partitions`. Nothing is registered here: folds only measure.
"""

import shutil
import statistics
from functools import lru_cache, partial

import dagster as dg

from assets.folds.partitions import FOLDS, recorded_subjects
from assets.machinery.code_versions import INGREDIENTS, Ingredients, ingredients
from assets.machinery.keys import FOLDS_GROUP, OWNERS, WINDOWS, fold_key
from assets.machinery.lineage import require_upstream, upstream_origin, upstream_versions
from assets.machinery.publication import publish, report_failed_check
from assets.resources.display import Display
from assets.resources.home import Home
from assets.resources.occupation import HomeResource
from assets.resources.tracking import TrackedRun, TrackingResource
from har_core.base.errors import InputError
from har_core.base.files import atomic_paths
from har_core.evaluation.folds import FoldResult, macro_f1_of_present
from har_core.fitting.fit import code_roots, settings_read
from har_core.fitting.folds import Trained, checkpoint_key, describe_fold, fold_version, train_seed
from har_core.inference.predictions import write_predictions
from har_core.settings.experiment import Experiment
from har_core.splits.build import CHECK_NAMES, SplitWindows, cut_fold
from har_core.splits.protocols import Fold, fold_named
from har_core.windows.store import SampleStore

RULES_HOLD = "rules_of_the_split_hold"


def build_folds(architecture: str, experiment: Experiment) -> dg.AssetsDefinition:
    """The asset of one architecture; a fold of it needs the windows, and nothing of ``splits`` or ``models/``."""
    key, seeds = fold_key(architecture), experiment.evaluation.seeds
    made_with = fold_ingredients(architecture, experiment)

    @dg.asset(
        key=key,
        deps=[WINDOWS],
        partitions_def=FOLDS,
        group_name=FOLDS_GROUP,
        kinds={"pytorch", "mlflow"},
        owners=OWNERS,
        description=f"The architecture {architecture}, trained once with each seed in each fold of the evaluation "
        "protocols, and scored on whole subjects that it never saw; in `leaky`, to show what that hides, on windows.",
        code_version=made_with.version,
        metadata={INGREDIENTS: made_with.to_metadata()},
        check_specs=[dg.AssetCheckSpec(RULES_HOLD, asset=key)],
    )
    def folds(
        context: dg.AssetExecutionContext,
        home: HomeResource,
        tracking: TrackingResource,
        display: dg.ResourceParam[Display],
    ) -> dg.MaterializeResult:
        place, name = home.home(), f"{key.to_user_string()}[{context.partition_key}]"
        checkpoints = place.checkpoints(key.to_user_string(), context.partition_key)
        with tracking.tracking().materialisation(context, experiment) as run:
            run.log_input("windows", require_upstream(context, WINDOWS), place.windows)
            fold = _fold(context, experiment)
            windows = _cut(context, place, fold, max_mib=experiment.runtime.samples_in_memory_mib)
            upstream = upstream_versions(context)
            trainings = []
            for seed in seeds:
                display.progress(f"{name} seeds", len(trainings), len(seeds))
                with run.tracking.nested(run, f"seed {seed}") as nested:
                    trained = train_seed(
                        architecture,
                        experiment,
                        windows,
                        seed=seed,
                        checkpoint_path=checkpoints / f"seed-{seed}.pt",
                        checkpoint_key=checkpoint_key(made_with.version, upstream, fold.name, seed),
                        listener=nested.listener(then=partial(display.training, f"{name} seed {seed}")),
                    )
                    _log_seed(nested, trained, upstream_origin(context))
                trainings.append(trained)
            display.progress(f"{name} seeds", len(trainings), len(seeds))
            result = describe_fold(architecture, experiment, fold, windows, trainings, origin=upstream_origin(context))
            materialised = _publish(run, place, result, trainings, windows)
        shutil.rmtree(checkpoints, ignore_errors=True)
        return materialised

    return folds


def fold_ingredients(architecture: str, experiment: Experiment) -> Ingredients:
    """Which protocols there are does not count, nor do other architectures: a fold stays what it is."""
    settings = experiment.model_settings(architecture)
    recipe = settings_read(architecture, settings)
    recipe.pop("seed")  # that of [training]; folds have their own
    return ingredients(
        [*code_roots(architecture), "har_core.splits.protocols", "har_core.splits.build"],
        {
            "recipe": recipe,
            "seeds": experiment.evaluation.seeds,
            "validation_subjects": experiment.evaluation.validation_subjects,
            "window_length": experiment.windows.length,
        },
        section="evaluation",
        names={"recipe": f"models.{architecture}", "window_length": "windows.length"},
    )


def _fold(context: dg.AssetExecutionContext, experiment: Experiment) -> Fold:
    return fold_named(
        context.partition_key,
        recorded_subjects(context.instance),
        num_validation_subjects=experiment.evaluation.validation_subjects,
    )


def _cut(context: dg.AssetExecutionContext, home: Home, fold: Fold, *, max_mib: int | None) -> SplitWindows:
    """The windows of the fold; what breaks a rule of splits is told as a failed check too."""
    try:
        return _cut_once(home, require_upstream(context, WINDOWS), fold, max_mib)
    except InputError as error:
        broken = [str(problem) for problem in error.problems if problem.path in CHECK_NAMES]
        if broken:
            report_failed_check(context, RULES_HOLD, "\n".join(broken))
        raise


@lru_cache(maxsize=1)
def _cut_once(
    home: Home,
    version: str,  # noqa: ARG001 - the version tells contents apart
    fold: Fold,
    max_mib: int | None,
) -> SplitWindows:
    """All architectures meet a fold one after another: the last one cut is kept, and nobody changes it."""
    return cut_fold(home.windows, fold, store=SampleStore(home.scratch, max_mib=max_mib))


def _log_seed(run: TrackedRun, trained: Trained, origin: str) -> None:
    result = trained.result
    run.log_params({"seed": result.seed})
    run.set_tags({"har.data_version": trained.weights, "har.origin": origin})
    figures = {
        **{f"{role}/macro_f1": scores.macro_f1 for role, scores in result.scores.items()},
        **{f"{role}/accuracy": scores.accuracy for role, scores in result.scores.items()},
        **{f"{role}_clean/macro_f1": macro_f1_of_present(scores) for role, scores in result.scores_clean.items()},
        **{f"{role}_clean/accuracy": scores.accuracy for role, scores in result.scores_clean.items()},
    }
    subjects = {f"test/macro_f1_subject_{subject}": value for subject, value in result.per_subject.items()}
    run.log_metrics({**figures, **subjects, "best_epoch": result.best_epoch, "seconds": result.training_seconds})


def _publish(
    run: TrackedRun, home: Home, result: FoldResult, trainings: list[Trained], windows: SplitWindows
) -> dg.MaterializeResult:
    """Log everything, then publish the two files, both or neither."""
    path = home.fold_result(result.architecture, result.fold)
    predictions = home.predictions(fold_key(result.architecture).to_user_string(), result.fold)
    tables = [table for training in trainings for table in training.predictions]
    with atomic_paths(path, predictions) as (new_path, new_predictions):
        result.write(new_path)
        write_predictions(new_predictions, tables)
        run.log_bytes("result.json", new_path.read_bytes())
        run.log_bytes("predictions.parquet", new_predictions.read_bytes())
        return publish(
            run,
            data_version=fold_version(result, trainings),
            origin=result.origin,
            outputs=[path, predictions],
            staged=[new_path, new_predictions],
            metadata={
                **_figures(result),
                **{f"num_{role}_windows": number for role, number in result.num_windows.items()},
                **{f"num_dropped_{reason}": number for reason, number in result.num_dropped.items()},
                **{f"{role}_subjects": str(list(subjects)) for role, subjects in result.subjects.items()},
                "num_parameters": result.num_parameters,
                "seeds": dg.MetadataValue.md(_table(result)),
                "dagster/row_count": sum(table.num_rows for table in tables),
                "path": dg.MetadataValue.path(str(predictions)),
            },
            checks=[
                dg.AssetCheckResult(
                    check_name=RULES_HOLD,
                    passed=True,
                    metadata={check.name: check.detail for check in windows.checks},
                )
            ],
        )


def _figures(result: FoldResult) -> dict[str, float]:
    """Means over the seeds."""
    tests = [entry.scores["test"] for entry in result.seeds]
    clean = [entry.scores_clean["test"] for entry in result.seeds if "test" in entry.scores_clean]
    return {
        "test_macro_f1": statistics.fmean(scores.macro_f1 for scores in tests),
        "test_accuracy": statistics.fmean(scores.accuracy for scores in tests),
        **({"test_macro_f1_clean": statistics.fmean(map(macro_f1_of_present, clean))} if clean else {}),
        "training_seconds": sum(entry.training_seconds for entry in result.seeds),
    }


def _table(result: FoldResult) -> str:
    """For Dagster's UI: a row for each seed."""
    rows = [
        f"| {entry.seed} | {entry.scores['test'].macro_f1:.4f} | {entry.scores['test'].accuracy:.4f} "
        f"| {entry.best_epoch or '–'} | {entry.training_seconds:.1f} |"
        for entry in result.seeds
    ]
    return "\n".join(["| seed | test macro-F1 | accuracy | best epoch | seconds |", "|---|---|---|---|---|", *rows])
