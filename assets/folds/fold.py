"""``folds/<architecture>``: one architecture in one fold of a protocol, a partition each, over all seeds.

What it makes is predictions; whoever shows a score computes it from them. Which folds there are is in
:mod:`assets.folds.partitions`. Nothing is registered here: folds only measure.
"""

import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from assets.folds.partitions import FOLDS, subjects_of
from assets.folds.publication import FOLD_CHECKS, outputs_of, publish
from assets.machinery.code_versions import Ingredients, ingredients
from assets.machinery.keys import FOLDS_GROUP, WINDOWS, fold_key
from assets.machinery.lineage import upstream_versions
from assets.machinery.materialisation import Made, Work, make_asset, report_failed_check
from har_core.base.errors import InputError
from har_core.fitting.recipe import code_roots, settings_read, takes_raw_windows
from har_core.settings.experiment import Experiment
from har_core.splits.names import SPLIT_CHECKS
from har_core.splits.protocols import Fold, fold_named

if TYPE_CHECKING:
    import pyarrow as pa

    from har_core.base.checks import Check
    from har_core.evaluation.records import FoldRecord
    from har_core.fitting.trained import Trained
    from har_core.splits.build import SplitWindows

    _Measured = tuple[str, FoldRecord, pa.Table, tuple[Check, ...]]
    """Data version, record, predictions over all seeds, and the rules of the split; none where it was kept."""

RULES_HOLD = "rules_of_the_split_hold"
HOLDS = {
    RULES_HOLD: "all that `splits` is checked for holds of the roles of this fold; in `leaky`, subjects may share "
    "roles",
}
"""Its description."""
_CHECKS = FOLD_CHECKS | HOLDS


def build_folds(architecture: str, experiment: Experiment) -> dg.AssetsDefinition:
    """The asset of one architecture; a fold of it needs the windows, and nothing of ``splits`` or ``models/``."""
    return make_asset(
        fold_key(architecture),
        partial(_fit, architecture),
        experiment,
        fold_ingredients(architecture, experiment),
        group_name=FOLDS_GROUP,
        kinds={"pytorch", "mlflow"},
        description=f"The architecture {architecture}, trained once with each seed in each fold of the evaluation "
        "protocols: its predictions for whole subjects that it never saw; in `leaky`, to show what that hides, for "
        "windows.",
        inputs={WINDOWS: lambda home: home.windows},
        outputs=outputs_of(architecture),
        checks=_CHECKS,
        partitions_def=FOLDS,
    )


def fold_ingredients(
    architecture: str, experiment: Experiment, *, seeds: tuple[int, ...] | None = None, roots: tuple[str, ...] = ()
) -> Ingredients:
    """Which protocols there are does not count, nor do other architectures: a fold stays what it is.

    ``seeds`` stand for those of the experiment; ``roots`` are further modules that compute it.
    """
    recipe = settings_read(architecture, experiment.model_settings(architecture))
    recipe.pop("seed")  # that of [training]; folds have their own
    return ingredients(
        [*code_roots(architecture), "har_core.splits.protocols", "har_core.splits.build", *roots],
        {
            "recipe": recipe,
            "seeds": experiment.evaluation.seeds if seeds is None else seeds,
            "validation_subjects": experiment.evaluation.validation_subjects,
            "leaky_shares": experiment.evaluation.leaky_shares,
            "num_groups": experiment.evaluation.num_groups,
            "window_length": experiment.window_length,
        },
        section="evaluation",
        names={"recipe": f"models.{architecture}", "window_length": "windows.length"},
    )


def _fit(architecture: str, work: Work) -> Made:
    version, record, predictions, rules = _keep(architecture, work) or _measure(architecture, work)
    return publish(
        work,
        version,
        record,
        predictions,
        checks=[dg.AssetCheckResult(check_name=RULES_HOLD, passed=True, metadata=_told(record, rules))],
        last=lambda: shutil.rmtree(checkpoints(work), ignore_errors=True),
    )


def _keep(architecture: str, work: Work) -> "_Measured | None":
    """What the latest materialisation made, where its files are there and MLflow's record of them is not."""
    from har_core.evaluation.records import FoldRecord, read_record
    from har_core.inference.predictions import read_predictions

    if work.kept is None:
        return None
    key, fold = fold_key(architecture).to_user_string(), work.context.partition_key
    record = read_record(work.home.fold_record(architecture, fold), FoldRecord)
    return work.kept.entry.data_version, record, read_predictions(work.home.predictions(key, fold)), ()


def _measure(architecture: str, work: Work) -> "_Measured":
    import pyarrow as pa

    from har_core.evaluation.describe import describe_fold, fold_version

    fold, windows = cut(architecture, work)
    seeds = work.experiment.evaluation.seeds
    trainings: list[Trained] = []
    for seed in seeds:
        work.display.progress(f"{work.name} seeds", len(trainings), len(seeds))
        trainings.append(_train(architecture, work, fold, windows, seed))
    work.display.progress(f"{work.name} seeds", len(trainings), len(seeds))
    record = describe_fold(architecture, work.experiment, fold, windows, trainings, origin=work.origin)
    predictions = pa.concat_tables(trained.predictions for trained in trainings)
    return fold_version(record, trainings), record, predictions, windows.checks


def cut(architecture: str, work: Work) -> "tuple[Fold, SplitWindows]":
    """The fold, and its windows; what breaks a rule of splits is reported as a failed check :data:`RULES_HOLD` too."""
    from har_core.splits.build import cut_fold
    from har_core.windows.store import SampleStore

    fold = fold_named(
        work.context.partition_key,
        subjects_of(work.context.instance, WINDOWS),
        num_validation_subjects=work.experiment.evaluation.validation_subjects,
        leaky_shares=work.experiment.evaluation.leaky_shares,
        test_subjects=work.experiment.splits.test_subjects,
        num_groups=work.experiment.evaluation.num_groups,
    )
    store = SampleStore(work.home.scratch, max_mib=work.experiment.runtime.samples_in_memory_mib)
    try:
        normalise = not takes_raw_windows(architecture)
        return fold, cut_fold(work.home.windows, fold, normalise=normalise, store=store, wanted=fold.wanted)
    except InputError as error:
        broken = [problem for problem in error.problems if problem.path in SPLIT_CHECKS]
        if broken:
            numbers = {name: number for problem in broken for name, number in problem.numbers.items()}
            report_failed_check(work.context, RULES_HOLD, "\n".join(map(str, broken)), numbers)
        raise


def _told(record: "FoldRecord", rules: "tuple[Check, ...]") -> dict[str, str | float]:
    """The windows of each role, then :func:`told_of` the rules."""
    return {f"num_{role}_windows": number for role, number in record.num_windows.items()} | told_of(rules)


def told_of(rules: "tuple[Check, ...]") -> dict[str, str | float]:
    """The numbers of all rules, then each in words."""
    numbers = {name: number for rule in rules for name, number in rule.numbers.items()}
    return {**numbers, **{rule.name: rule.detail for rule in rules}}


def _train(architecture: str, work: Work, fold: Fold, windows: "SplitWindows", seed: int) -> "Trained":
    """One seed, with an MLflow run of its own below that of the fold."""
    from har_core.fitting.trained import checkpoint_key, train_and_predict
    from har_core.training.devices import computed_with

    version = work.context.assets_def.get_asset_spec(work.context.asset_key).code_version or ""
    with work.run.nested(f"seed {seed}") as run:
        trained = train_and_predict(
            architecture,
            work.experiment.model_settings(architecture),
            work.experiment.runtime,
            windows,
            seed=seed,
            checkpoint_path=checkpoints(work) / f"seed-{seed}.pt",
            checkpoint_key=checkpoint_key(version, upstream_versions(work.context), fold.name, seed),
            listener=run.listener(then=partial(work.display.training, f"{work.name} seed {seed}")),
        )
        computed = computed_with(work.experiment.runtime)
        run.log_params({"seed": seed, **{f"computed.{name}": value for name, value in computed.items()}})
        run.set_tags({"har.data_version": trained.weights, "har.origin": work.origin})
        run.log_metrics(_metrics(trained))
    return trained


def checkpoints(work: Work) -> Path:
    """Where the states of the trainings of a fold are until it is published."""
    return work.home.checkpoints(work.context.asset_key.to_user_string(), work.context.partition_key)


def _metrics(trained: "Trained") -> dict[str, float]:
    """What MLflow shows of one seed."""
    from har_core.evaluation.results import macro_f1_of_present, score_predictions

    found = score_predictions(trained.predictions)
    return {
        **{f"{role}/macro_f1": of_role.macro_f1 for role, of_role in found.scores.items()},
        **{f"{role}/accuracy": of_role.accuracy for role, of_role in found.scores.items()},
        **{
            f"{role}_clean/macro_f1": macro_f1_of_present(of_role, found.learnt)
            for role, of_role in found.scores_clean.items()
        },
        **{f"{role}_clean/accuracy": of_role.accuracy for role, of_role in found.scores_clean.items()},
        **{f"test/macro_f1_subject_{subject}": value for subject, value in found.per_subject.items()},
        "best_epoch": trained.fitted.best_epoch,
        "seconds": trained.fitted.seconds,
    }
