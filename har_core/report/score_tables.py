"""The scores of every training as two tables, for statistics of one's own: a row a subject, and one an activity of it.

What the columns mean stands in the schemas, and from there in the files and in ``docs/report.md``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from har_core.evaluation.results import ModelResult, SeedResult
from har_core.evaluation.scores import f1_of
from har_core.report.inputs import ReportInputs

HOLDOUT = "holdout"
"""Stands for the protocol and the fold of the registered models, each trained once."""

_TRAINING = {
    "architecture": (pa.string(), "name of the model in the experiment file"),
    "protocol": (pa.string(), "`loso`, `pairs`, `group` or `leaky`; `holdout` of a registered model"),
    "fold": (pa.string(), "name of the fold; `holdout` of a registered model"),
    "seed": (pa.int64(), "seed of the training"),
    "subject": (pa.int16(), "number of the subject that tests"),
}
_RUN = {"mlflow_run_id": (pa.string(), "run of the fold, whose nested runs are the seeds; empty if nobody knows it")}
_OF_SUBJECT = {
    "num_windows": (pa.int64(), "test windows of the subject"),
    "num_right": (pa.int64(), "of these, how many were taken for what they are"),
    "accuracy": (pa.float64(), "their share"),
    "macro_f1": (pa.float64(), "mean F1 of the activities that the subject has windows of"),
    "macro_f1_clean": (pa.float64(), "the same over undamaged windows; empty where there are none"),
}
_OF_ACTIVITY = {
    "activity": (pa.int16(), "number of the activity, from 1"),
    "name": (pa.string(), "what it is called"),
    "num_windows": (pa.int64(), "test windows of the subject and the activity"),
    "num_taken": (pa.int64(), "test windows of the subject that were taken for the activity"),
    "num_right": (pa.int64(), "windows that are in both"),
    "f1": (pa.float64(), "F1 of the activity for the subject; empty where it has no windows of it"),
}
_EMPTY = {"macro_f1_clean", "f1", "mlflow_run_id"}


def _schema(columns: dict[str, tuple[pa.DataType, str]]) -> pa.Schema:
    return pa.schema(
        pa.field(name, kind, nullable=name in _EMPTY, metadata={"description": text})
        for name, (kind, text) in columns.items()
    )


SUBJECTS_SCHEMA = _schema(_TRAINING | _OF_SUBJECT | _RUN)
ACTIVITIES_SCHEMA = _schema(_TRAINING | _OF_ACTIVITY | _RUN)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreTables:
    """Everything on test windows."""

    subjects: pa.Table
    """In :data:`SUBJECTS_SCHEMA`."""
    activities: pa.Table
    """In :data:`ACTIVITIES_SCHEMA`."""


def tabulate_scores(inputs: ReportInputs) -> ScoreTables:
    """The scores of folds and registered models that are of the recordings of the report; folds come first."""
    metadata = {"har.report.title": inputs.title, "har.report.created": inputs.created.isoformat()}
    metadata |= {"har.report.origin": inputs.origin, "har.report.git_commit": inputs.git_commit or "unknown"}
    subjects, activities = [], []
    for training, result in _trainings(inputs):
        subjects += [training | own for own in _by_subject(result)]
        activities += [training | own for own in _by_activity(result, inputs.spec.activities)]
    return ScoreTables(
        subjects=pa.Table.from_pylist(subjects, SUBJECTS_SCHEMA.with_metadata(metadata)),
        activities=pa.Table.from_pylist(activities, ACTIVITIES_SCHEMA.with_metadata(metadata)),
    )


def _trainings(inputs: ReportInputs) -> Iterator[tuple[dict[str, Any], SeedResult | ModelResult]]:
    """The first columns of each training, and its scores."""
    for fold in inputs.folds:
        if fold.result.origin == inputs.origin:
            named = {name: getattr(fold.result, name) for name in ("architecture", "protocol", "fold")}
            for seed in fold.result.seeds:
                yield named | {"seed": seed.seed, "mlflow_run_id": fold.mlflow_run_id}, seed
    for entry in inputs.entries:
        if entry.result.origin == inputs.origin:
            named = {"architecture": entry.result.architecture, "protocol": HOLDOUT, "fold": HOLDOUT}
            yield named | {"seed": entry.result.seed, "mlflow_run_id": entry.mlflow_run_id}, entry.result


def _by_subject(result: SeedResult | ModelResult) -> Iterator[dict[str, Any]]:
    for subject, macro_f1 in result.per_subject.items():
        counts = np.asarray(result.confusions[subject])
        windows, right = int(counts.sum()), int(np.trace(counts))
        yield {
            "subject": subject,
            "num_windows": windows,
            "num_right": right,
            "accuracy": right / windows,
            "macro_f1": macro_f1,
            "macro_f1_clean": result.per_subject_clean.get(subject),
        }


def _by_activity(result: SeedResult | ModelResult, names: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for subject in result.per_subject:
        counts = np.asarray(result.confusions[subject])
        columns = (counts.sum(axis=1).tolist(), counts.sum(axis=0).tolist(), np.diag(counts).tolist())
        for number, (name, windows, taken, right, f1) in enumerate(
            zip(names, *columns, f1_of(counts).tolist(), strict=True), start=1
        ):
            yield {
                "subject": subject,
                "activity": number,
                "name": name,
                "num_windows": windows,
                "num_taken": taken,
                "num_right": right,
                "f1": f1 if windows else None,
            }
