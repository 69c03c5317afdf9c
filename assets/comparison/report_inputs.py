"""What the report is made from, from the latest materialisations; each file must have the hash that was recorded."""

import hashlib
import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg

from assets.folds.partitions import subjects_of
from assets.machinery.commits import git_commit
from assets.machinery.keys import (
    CHAMPION,
    RECORDING_AUDIT,
    SPLITS,
    WINDOWS,
    fold_key,
    model_key,
    sensors_key,
    transferred_key,
)
from assets.machinery.lineage import (
    CHOSEN,
    ORIGIN,
    REGISTERED_MODEL,
    REGISTERED_MODEL_URL,
    REGISTERED_VERSION,
    RUN_ID,
    RUN_URL,
    SUBJECTS,
    Latest,
    fold_partitions,
    latest,
    latest_of_partition,
    sensor_partitions,
)
from assets.resources.home import Home
from har_core.audit.findings import read_findings
from har_core.base.errors import HarError
from har_core.base.files import sha256_of_file
from har_core.evaluation.confused import Answers, Confused, Traces, read_traces
from har_core.evaluation.records import FoldRecord, ModelRecord, TransferRecord, read_record
from har_core.evaluation.results import score_fold, score_model
from har_core.evaluation.sensors import score_sensors
from har_core.evaluation.transfer import score_transfer
from har_core.inference.predictions import read_predictions, spec_of
from har_core.report.inputs import (
    Champion,
    DataRun,
    FoldEntry,
    ReportEntry,
    ReportInputs,
    SensorEntry,
    TransferEntry,
    WindowCounts,
)
from har_core.sensors.table import sensors_schema
from har_core.settings.experiment import Experiment
from har_core.settings.report import TESTING_IN_TURN
from har_core.spec.dataset import DatasetSpec
from har_core.splits.names import DROPS
from har_core.transfer.table import curves_schema

_HOLDOUT = "holdout"
_AnswersBy = dict[tuple[tuple[str, ...], str], Answers]
"""By activities and protocol."""
_Entry = ReportEntry | FoldEntry | SensorEntry | TransferEntry


@dataclass(slots=True)
class Gathered:
    """Inputs of one report, and what they are versions of."""

    inputs: ReportInputs
    versions: dict[str, str] = field(default_factory=dict)
    """Data version by asset key, with the partition where there is one: ``folds/lstm[loso-p1]``."""
    sources: dict[str, tuple[str, Path]] = field(default_factory=dict)
    """By asset key: one version over all its partitions, and where its files lie."""


def gather(instance: dg.DagsterInstance, experiment: Experiment, home: Home) -> Gathered:
    """Everything there is of what ``experiment`` asks for; what is not there is named.

    Raises:
        HarError: neither a model nor a fold is there, or a file was altered after it was written.
    """
    architectures = experiment.model_names
    models = {name: latest(instance, model_key(name)) for name in architectures}
    trained = _made(models)
    missing = [
        f"models/{name}: {_why_missing(entry, 'trained')}" for name, entry in models.items() if name not in trained
    ]
    partitions = tuple(fold_partitions(instance))
    folds = {name: _folds_of(instance, fold_key(name), partitions) for name in experiment.fold_names}
    of_sensors = tuple(sensor_partitions(instance))
    sensors = {name: _folds_of(instance, sensors_key(name), of_sensors) for name in experiment.evaluation.sensors}
    if not trained and not any(folds.values()):
        raise HarError(f"There is nothing to compare: {', '.join(missing)}")
    fitted_on = {name: latest(instance, transferred_key(name)) for name in experiment.transferred.models}
    transferred = _made(fitted_on)
    missing += [
        f"transferred/{name}: {_why_missing(entry, 'measured')}"
        for name, entry in fitted_on.items()
        if name not in transferred
    ]
    found = {key: latest(instance, key) for key in (RECORDING_AUDIT, WINDOWS, SPLITS)}
    data, champion = _made(found), _made({CHAMPION: latest(instance, CHAMPION)}).get(CHAMPION)
    audit = data.get(RECORDING_AUDIT)
    if audit is None:
        missing.append(f"recording_audit: {_why_missing(found[RECORDING_AUDIT], 'computed')}")
    answers: _AnswersBy = {}
    results = {f"models/{name}": _entry(home, entry, answers) for name, entry in trained.items()}
    results |= {
        f"folds/{name}[{fold}]": _fold_entry(home, entry, answers)
        for name, own in folds.items()
        for fold, entry in own.items()
    }
    results |= {
        f"sensors/{name}[{fold}]": _sensor_entry(home, name, fold, entry)
        for name, own in sensors.items()
        for fold, entry in own.items()
    }
    results |= {f"transferred/{name}": _transfer_entry(home, entry) for name, entry in transferred.items()}
    [(activities, _)] = Counter(spec.activities for _, spec in results.values()).most_common(1)
    missing += [
        f"{name}: of other activities than most, so it is left out"
        for name, (_, spec) in results.items()
        if spec.activities != activities
    ]
    alike = [(entry, spec) for entry, spec in results.values() if spec.activities == activities]
    entries = tuple(entry for entry, _ in alike if isinstance(entry, ReportEntry))
    fold_entries = tuple(entry for entry, _ in alike if isinstance(entry, FoldEntry))
    origins = {entry.result.origin for entry in entries} | {entry.result.origin for entry in fold_entries}
    confused = _most_confused(answers, activities)
    gathered = Gathered(
        ReportInputs(
            title=experiment.report.title,
            origin="real" if origins == {"real"} else "synthetic",
            created=datetime.now(tz=UTC),
            spec=alike[0][1],
            entries=entries,
            missing=tuple(missing),
            experiment=experiment.resolved(),
            dataset=describe_data(data) | _describe_choice(experiment),
            window_length=experiment.window_length,
            data_runs={
                key.to_user_string(): DataRun(**_run_of(entry), data_version=entry.data_version)
                for key, entry in data.items()
            },
            git_commit=git_commit(),
            command=_command(experiment),
            folds=fold_entries,
            sensors=tuple(entry for entry, _ in alike if isinstance(entry, SensorEntry)),
            planned_sensors=dict.fromkeys(experiment.evaluation.sensors, of_sensors),
            transferred=tuple(entry for entry, _ in alike if isinstance(entry, TransferEntry)),
            planned_folds=dict.fromkeys(experiment.fold_names, partitions),
            subjects=subjects_of(instance, WINDOWS),
            findings=read_findings(unaltered(home, audit, ".parquet")) if audit is not None else None,
            window_counts=_window_counts(data.get(WINDOWS)),
            split_drops=_split_drops(data.get(SPLITS)),
            confused=confused,
            traces=_traces(home, data.get(WINDOWS), confused, alike[0][1]),
            champion=_champion(champion),
        )
    )
    for name, entry in trained.items():
        _note(gathered, entry.key, {None: entry}, home.record(name))
    for name, own in folds.items():
        _note(gathered, fold_key(name), own, home.fold_record(name, "").parent)
    for name, own in sensors.items():
        key = sensors_key(name)
        _note(gathered, key, own, home.predictions(key.to_user_string(), "").parent)
    for name, entry in transferred.items():
        _note(gathered, entry.key, {None: entry}, home.transfer_record(name))
    if champion is not None:
        _note(gathered, CHAMPION, {None: champion}, home.mlruns)
    places = {RECORDING_AUDIT: home.findings, WINDOWS: home.windows, SPLITS: home.splits(experiment.splits.protocol)}
    for key, entry in data.items():
        _note(gathered, key, {None: entry}, places[key])
    return gathered


def _command(experiment: Experiment) -> str:
    """What makes all of this again; where the recordings lie is the reader's business."""
    data = "" if experiment.source.kind == "synthetic" else " --data FOLDER_OR_ZIP"
    return f"har run {shlex.quote(experiment.path.name)}{data}"


def _made(found: Mapping[Any, Latest | None]) -> dict[Any, Latest]:
    return {name: entry for name, entry in found.items() if entry is not None and entry.is_ours}


def _why_missing(entry: Latest | None, what: str) -> str:
    return f"not {what} yet" if entry is None else "reported by hand, without files; make it again with --force"


def _note(gathered: Gathered, key: dg.AssetKey, entries: Mapping[Any, Latest], place: Path) -> None:
    if not entries:
        return
    name = key.to_user_string()
    versions = {name if part is None else f"{name}[{part}]": entry.data_version for part, entry in entries.items()}
    together = hashlib.sha256(repr(sorted(versions.items())).encode()).hexdigest()
    gathered.versions |= versions
    gathered.sources[name] = (versions.get(name, together), place)


def _folds_of(instance: dg.DagsterInstance, key: dg.AssetKey, partitions: tuple[str, ...]) -> dict[str, Latest]:
    """The latest materialisation of each current fold that there is."""
    return _made({name: latest_of_partition(instance, key, name) for name in partitions})


def _run_of(entry: Latest) -> dict[str, str]:
    return {"mlflow_run_id": entry.metadata[RUN_ID], "mlflow_run_url": entry.metadata[RUN_URL]}


def _entry(home: Home, model: Latest, answers: _AnswersBy) -> tuple[_Entry, DatasetSpec]:
    """With what its windows are of; what they were taken for goes to ``answers``."""
    predictions = read_predictions(unaltered(home, model, ".parquet"))
    answers.setdefault((spec_of(predictions).activities, _HOLDOUT), Answers()).add(predictions)
    entry = ReportEntry(
        result=score_model(read_record(unaltered(home, model, ".json"), ModelRecord), predictions),
        registered_model=model.metadata[REGISTERED_MODEL],
        version=model.metadata[REGISTERED_VERSION],
        registered_model_url=model.metadata[REGISTERED_MODEL_URL],
        **_run_of(model),
    )
    return entry, spec_of(predictions)


def _fold_entry(home: Home, fold: Latest, answers: _AnswersBy) -> tuple[_Entry, DatasetSpec]:
    """With what its windows are of; what they were taken for goes to ``answers``."""
    predictions = read_predictions(unaltered(home, fold, ".parquet"))
    result = score_fold(read_record(unaltered(home, fold, ".json"), FoldRecord), predictions)
    if result.protocol in TESTING_IN_TURN:
        answers.setdefault((spec_of(predictions).activities, result.protocol), Answers()).add(predictions)
    return FoldEntry(result=result, **_run_of(fold)), spec_of(predictions)


def _most_confused(answers: _AnswersBy, activities: tuple[str, ...]) -> tuple[Confused, ...]:
    """The pairs that models of ``activities`` mistake most, in the protocol that leads the report."""
    own = (answers.get((activities, protocol)) for protocol in (*TESTING_IN_TURN, _HOLDOUT))
    return next((found.most_confused() for found in own if found is not None), ())


def _traces(home: Home, windows: Latest | None, confused: tuple[Confused, ...], spec: DatasetSpec) -> Traces | None:
    """None where the table of windows is gone or altered, which no score needs, or has none of those any more."""
    if windows is None or not confused:
        return None
    try:
        traces = read_traces(confused, unaltered(home, windows, ".parquet"), spec)
    except HarError:
        return None
    return traces if traces.samples else None


def _sensor_entry(home: Home, architecture: str, name: str, fold: Latest) -> tuple[_Entry, DatasetSpec]:
    """With what its windows are of."""
    predictions = read_predictions(unaltered(home, fold, ".parquet"), sensors_schema)
    entry = SensorEntry(
        architecture=architecture,
        fold=name,
        origin=fold.metadata[ORIGIN],
        seed=predictions["seed"][0].as_py(),
        scores=score_sensors(predictions),
        **_run_of(fold),
    )
    return entry, spec_of(predictions)


def _transfer_entry(home: Home, model: Latest) -> tuple[_Entry, DatasetSpec]:
    """With what its windows are of."""
    predictions = read_predictions(unaltered(home, model, ".parquet"), curves_schema)
    record, scores = read_record(unaltered(home, model, ".json"), TransferRecord), score_transfer(predictions)
    num_windows = predictions.num_rows // len(scores)
    return TransferEntry(record=record, scores=scores, num_windows=num_windows, **_run_of(model)), spec_of(predictions)


def unaltered(home: Home, entry: Latest, ending: str) -> Path:
    """The one output of a materialisation below ``data/`` with this ending.

    Raises:
        HarError: it is gone, or no longer what was written.
    """
    own = {name: sha256 for name, sha256 in entry.outputs.items() if (home.root / name).is_relative_to(home.data)}
    [(name, sha256)] = [item for item in own.items() if item[0].endswith(ending)]
    path = home.root / name
    if not path.is_file() or sha256_of_file(path) != sha256:
        raise HarError(f"{path} is not what {entry.key.to_user_string()} wrote; materialise that asset again")
    return path


_IF_ANY = {
    "num_gaps": "breaks, where rows or values are missing",
    "num_interpolated": "rows with a value that was interpolated",
    "num_resampled": "recordings put on another grid of times",
    "num_mixed": "windows not cut, of several activities",
    "num_other": "windows not cut, of no chosen activity",
}
"""Numbers in the metadata of windows that are worth a line where they are not 0."""


def describe_data(data: Mapping[dg.AssetKey, Latest]) -> dict[str, Any]:
    """A few lines about the data, from the metadata of the assets that made it."""
    wanted = {
        WINDOWS: {
            "num_segments": "segments",
            SUBJECTS: "subjects",
            "dagster/row_count": "windows",
            "window_length": "samples in a window",
        },
        SPLITS: {f"{role}_subjects": f"subjects for {role}" for role in ("training", "validation", "test")},
    }
    described: dict[str, Any] = {}
    for key, names in wanted.items():
        if key in data:
            described |= {label: data[key].metadata[name] for name, label in names.items()}
    made = data[WINDOWS].metadata if WINDOWS in data else {}
    return described | {label: made[name] for name, label in _IF_ANY.items() if made.get(name)}


def _describe_choice(experiment: Experiment) -> dict[str, Any]:
    """The activities, where ``[windows]`` names them."""
    chosen = experiment.windows.activities
    if isinstance(chosen, dict):
        chosen = tuple(f"{name} ({', '.join(merged)})" for name, merged in chosen.items())
    return {} if chosen is None else {"activities, the others left out": list(chosen)}


def _champion(entry: Latest | None) -> Champion | None:
    """None where none is chosen, or was by a version that did not record it."""
    chosen = entry.metadata.get(CHOSEN) if entry is not None else None
    if entry is None or not chosen:
        return None
    model, _, version = chosen["copied_from"].partition("/")
    return Champion(
        architecture=model.removeprefix("har-"),
        version=chosen["version"],
        copied_from=f"{model} version {version}",
        reason=chosen["reason"],
        **_run_of(entry),
    )


def _window_counts(windows: Latest | None) -> WindowCounts | None:
    if windows is None:
        return None
    names = ("num_damaged", "num_in_duplicate_groups", "num_dropped", "num_repaired")
    counts = {name: int(windows.metadata[name]) for name in names}
    return WindowCounts(num_windows=int(windows.metadata["dagster/row_count"]), **counts)


def _split_drops(splits: Latest | None) -> dict[str, int]:
    return {} if splits is None else {reason: int(splits.metadata[f"num_dropped_{reason}"]) for reason in DROPS}
