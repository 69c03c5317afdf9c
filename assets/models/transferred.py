"""``transferred/<model>``: a registered model, fitted on to each person who tests from a few windows of theirs.

What it makes is predictions of their later windows. Nothing is registered: these models know labels of people who
test, so nobody may be served by them. Whoever wants a model of their own makes it with ``har personalise``.
"""

from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.machinery.code_versions import ingredients
from assets.machinery.keys import SPLITS, TRANSFERRED_GROUP, model_key, transferred_key
from assets.machinery.materialisation import Made, Work, make_asset
from assets.machinery.presentation import inline_png, markdown_table, path_to
from assets.models.publication import files_of_latest, read_model_splits
from har_core.settings.experiment import Experiment

if TYPE_CHECKING:
    import pyarrow as pa

    from har_core.evaluation.records import TransferRecord
    from har_core.evaluation.transfer import TransferScore
    from har_core.splits.build import SplitWindows
    from har_core.transfer.curves import FromNothing


def build_transferred(name: str, experiment: Experiment) -> dg.AssetsDefinition:
    """The asset of one model; stale exactly where its weights, the windows, or settings that it reads are others."""
    from har_core.transfer.roots import code_roots, settings_read

    key, protocol = transferred_key(name), experiment.splits.protocol
    elsewhere = {f"models.{name}": f"models.{name}", "fills_gaps": 'windows.damaged = "fill"'}
    return make_asset(
        key,
        partial(_measure, name),
        experiment,
        ingredients(
            code_roots(name, experiment), settings_read(name, experiment), section="transferred", names=elsewhere
        ),
        group_name=TRANSFERRED_GROUP,
        kinds={"pytorch", "mlflow"},
        description=f"{name}, fitted on to each person who tests from the first windows of each activity: its "
        "predictions of their later windows. Registers nothing.",
        inputs={
            model_key(name): lambda home: home.predictions(model_key(name).to_user_string(), protocol),
            SPLITS: lambda home: home.splits(protocol),
        },
        outputs=lambda home, _: [home.transfer_record(name), home.predictions(key.to_user_string(), protocol)],
    )


def _measure(name: str, work: Work) -> Made:
    from har_core.evaluation.describe_transferred import transfer_version
    from har_core.evaluation.records import write_record
    from har_core.inference.predictions import write_predictions

    record, predictions = _keep(name, work) or _fit_on(name, work)
    staged_record, staged_predictions = work.staged
    write_record(staged_record, record)
    write_predictions(staged_predictions, predictions)
    work.run.log_bytes("result.json", staged_record.read_bytes())
    work.run.log_bytes("predictions.parquet", staged_predictions.read_bytes())
    return Made(
        version=transfer_version(record, predictions),
        metadata={
            **_describe(work, record, predictions),
            "dagster/row_count": predictions.num_rows,
            "path": path_to(work.home.predictions(work.name, work.experiment.splits.protocol)),
        },
    )


def _keep(name: str, work: Work) -> "tuple[TransferRecord, pa.Table] | None":
    """What the latest materialisation made, where its files are there and MLflow's record of them is not."""
    from har_core.evaluation.records import TransferRecord, read_record
    from har_core.inference.predictions import read_predictions
    from har_core.transfer.table import curves_schema

    if work.kept is None:
        return None
    place = work.home.predictions(work.name, work.experiment.splits.protocol)
    return read_record(work.home.transfer_record(name), TransferRecord), read_predictions(place, curves_schema)


def _fit_on(name: str, work: Work) -> "tuple[TransferRecord, pa.Table]":
    from har_core.evaluation.describe_transferred import describe_transferred
    from har_core.evaluation.records import ModelRecord, read_record
    from har_core.inference.graph import load_graph
    from har_core.transfer.curves import measure_curves

    experiment, windows = work.experiment, read_model_splits(work)
    seed = read_record(work.home.record(name), ModelRecord).seed
    curves = measure_curves(
        load_graph(files_of_latest(name, work).graph),
        windows,
        experiment.transferred,
        experiment.runtime,
        seed=seed,
        from_nothing=_from_nothing(name, experiment, windows, seed),
        progress=lambda what, num_done, num_total: work.display.progress(f"{work.name} {what}", num_done, num_total),
    )
    return describe_transferred(name, experiment, curves, seed=seed, origin=work.origin), curves.predictions


def _from_nothing(name: str, experiment: Experiment, windows: "SplitWindows", seed: int) -> "FromNothing | None":
    from har_core.transfer.from_nothing import from_nothing
    from har_core.transfer.roots import settings_from_nothing

    settings = settings_from_nothing(name, experiment)
    if settings is None:
        return None
    fills_gaps = experiment.windows.fills_gaps
    return from_nothing(name, settings, windows, experiment.runtime, seed=seed, fills_gaps=fills_gaps)


def _describe(work: Work, record: "TransferRecord", predictions: "pa.Table") -> dict[str, Any]:
    """What came of it, for Dagster's UI and the MLflow run."""
    from har_core.evaluation.plots import transfer_png
    from har_core.evaluation.transfer import score_transfer

    scores, plot = score_transfer(predictions), "macro_f1_by_windows"
    columns = _columns(scores)
    work.run.log_params({"seed": record.seed, "computed.num_threads": record.num_threads})
    work.run.log_metrics({f"transferred/{s.way}/{s.windows_per_activity}/macro_f1": s.macro_f1 for s in scores})
    work.run.log_table("tables/transferred.json", columns)
    work.run.log_bytes(f"plots/{plot}.png", transfer_png(scores))
    return {
        "num_people": len(scores[0].per_subject),
        "fitting_seconds": record.seconds,
        **{f"num_moved_{way}": number for way, number in record.num_moved.items()},
        "scores": markdown_table(list(columns), zip(*columns.values(), strict=True)),
        plot: inline_png(plot, transfer_png(scores)),
    }


def _columns(scores: "tuple[TransferScore, ...]") -> dict[str, list[Any]]:
    intervals = [score.interval or (None, None) for score in scores]
    return {
        "way": [score.way for score in scores],
        "windows per activity": [score.windows_per_activity for score in scores],
        "macro-F1": [round(score.macro_f1, 4) for score in scores],
        "from": [low for low, _ in intervals],
        "to": [high for _, high in intervals],
        **{f"subject {subject}": [s.per_subject.get(subject) for s in scores] for subject in scores[0].per_subject},
    }
