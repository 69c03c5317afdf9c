"""``folds/<ensemble>``: fitted models that answer as one, in one fold of a protocol, from its members' predictions."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from assets.folds.partitions import FOLDS
from assets.folds.publication import FOLD_CHECKS, outputs_of, publish
from assets.machinery.keys import FOLDS_GROUP, fold_key
from assets.machinery.materialisation import Made, Work, make_asset
from assets.models.ensemble import ensemble_ingredients
from assets.resources.home import Home
from har_core.settings.experiment import Experiment

if TYPE_CHECKING:
    import pyarrow as pa

    from har_core.evaluation.records import FoldRecord


def build_ensemble_folds(name: str, experiment: Experiment) -> dg.AssetsDefinition:
    """The asset of one ensemble; a fold of it needs that fold of its members, and nothing else."""
    settings = experiment.ensembles[name]

    def records_of(member: str) -> Callable[[Home], Path]:
        return lambda home: home.fold_record(member, "").parent

    return make_asset(
        fold_key(name),
        partial(_combine, name),
        experiment,
        ensemble_ingredients(name, settings),
        group_name=FOLDS_GROUP,
        kinds={"mlflow"},
        description=f"{' and '.join(settings.members)}, combined by {settings.combine} in each fold of the evaluation "
        "protocols, with each seed: predictions made of theirs.",
        inputs={fold_key(member): records_of(member) for member in settings.members},
        outputs=outputs_of(name),
        checks=FOLD_CHECKS,
        partitions_def=FOLDS,
    )


def _combine(name: str, work: Work) -> Made:
    import pyarrow as pa

    from har_core.evaluation.describe_ensemble import describe_ensemble_fold, ensemble_fold_version
    from har_core.fitting.ensemble import combine_by_seed

    settings = work.experiment.ensembles[name]
    records, members = _read(settings.members, work)
    combined = list(combine_by_seed(settings, members))
    record = describe_ensemble_fold(name, settings, records, combined, origin=work.origin)
    predictions = pa.concat_tables(own.predictions for own in combined)
    return publish(work, ensemble_fold_version(record, combined), record, predictions)


def _read(members: tuple[str, ...], work: Work) -> "tuple[list[FoldRecord], dict[str, pa.Table]]":
    """Records and predictions of the members in this fold."""
    from har_core.evaluation.records import FoldRecord, read_record
    from har_core.inference.predictions import read_predictions

    fold = work.context.partition_key
    records = [read_record(work.home.fold_record(member, fold), FoldRecord) for member in members]
    places = {member: work.home.predictions(fold_key(member).to_user_string(), fold) for member in members}
    return records, {member: read_predictions(place) for member, place in places.items()}
