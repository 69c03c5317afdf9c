"""``folds/<ensemble>``: fitted models that answer as one, in one fold of a protocol, from its members' predictions."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from assets.folds.fold import describe
from assets.folds.partitions import FOLDS
from assets.machinery.keys import FOLDS_GROUP, fold_key
from assets.machinery.materialisation import Made, Work, make_asset
from assets.machinery.presentation import path_to
from assets.models.ensemble import ensemble_ingredients
from assets.resources.home import Home
from har_core.settings.experiment import Experiment

if TYPE_CHECKING:
    import pyarrow as pa

    from har_core.evaluation.records import FoldRecord


def build_ensemble_folds(name: str, experiment: Experiment) -> dg.AssetsDefinition:
    """The asset of one ensemble; a fold of it needs that fold of its members, and nothing else."""
    settings, key = experiment.ensembles[name], fold_key(name)

    def records_of(member: str) -> Callable[[Home], Path]:
        return lambda home: home.fold_record(member, "").parent

    return make_asset(
        key,
        partial(_combine, name),
        experiment,
        ensemble_ingredients(name, settings),
        group_name=FOLDS_GROUP,
        kinds={"mlflow"},
        description=f"{' and '.join(settings.members)}, combined by {settings.combine} in each fold of the evaluation "
        "protocols, with each seed: predictions made of theirs.",
        inputs={fold_key(member): records_of(member) for member in settings.members},
        outputs=lambda home, fold: [
            home.fold_record(name, fold or ""),
            home.predictions(key.to_user_string(), fold or ""),
        ],
        partitions_def=FOLDS,
    )


def _combine(name: str, work: Work) -> Made:
    import pyarrow as pa

    from har_core.evaluation.describe_ensemble import describe_ensemble_fold, ensemble_fold_version
    from har_core.evaluation.records import write_record
    from har_core.evaluation.results import score_fold
    from har_core.fitting.ensemble import combine_by_seed
    from har_core.inference.predictions import write_predictions

    settings = work.experiment.ensembles[name]
    records, members = _read(settings.members, work)
    combined = list(combine_by_seed(settings, members))
    record = describe_ensemble_fold(name, settings, records, combined)
    predictions = pa.concat_tables(own.predictions for own in combined)
    staged_record, staged_predictions = work.staged
    write_record(staged_record, record)
    write_predictions(staged_predictions, predictions)
    work.run.log_bytes("result.json", staged_record.read_bytes())
    work.run.log_bytes("predictions.parquet", staged_predictions.read_bytes())
    return Made(
        version=ensemble_fold_version(record, combined),
        metadata={
            **describe(score_fold(record, predictions)),
            "dagster/row_count": predictions.num_rows,
            "path": path_to(work.home.predictions(fold_key(name).to_user_string(), record.fold)),
        },
    )


def _read(members: tuple[str, ...], work: Work) -> "tuple[list[FoldRecord], dict[str, pa.Table]]":
    """Records and predictions of the members in this fold."""
    from har_core.evaluation.records import FoldRecord, read_record
    from har_core.inference.predictions import read_predictions

    fold = work.context.partition_key
    records = [read_record(work.home.fold_record(member, fold), FoldRecord) for member in members]
    places = {member: work.home.predictions(fold_key(member).to_user_string(), fold) for member in members}
    return records, {member: read_predictions(place) for member, place in places.items()}
