"""A report of predictions that were made, and the predictions, so that its numbers can be computed again."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pyarrow as pa
from data_sets import POCKET_AND_WRIST

from har_core.evaluation.confused import Answers
from har_core.evaluation.results import score_fold, score_model
from har_core.report.inputs import FoldEntry, ReportEntry, ReportInputs
from har_core.splits.protocols import folds

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from made_predictions import Roles, Study, fold_record, model_record

SPEC = POCKET_AND_WRIST
SUBJECTS = (1, 2, 3, 4, 5, 6)
HOLDOUT: Roles = {"training": (1, 2, 3), "validation": (4,), "test": (5, 6)}
SKILLS = {"cnn": 3.0, "lstm": 2.2, "extra_trees": 3.1, "lda": 2.9}
SEEDS = {"cnn": (0, 1, 2), "lstm": (0, 1), "extra_trees": (0,), "lda": (3, 4)}
NUM_PARAMETERS = {"cnn": 956_947, "lstm": 3_255_827, "extra_trees": 903_400, "lda": 6_859}
MISSING = {("lstm", "loso-p4")}
"""Folds that were planned and are not there."""
LEARNT = {("cnn", "loso-p2"): (0, 1, 3)}
"""Class ids of the folds in which an activity had no training windows."""
PROTOCOLS = ("loso", "leaky")


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a report is made from."""

    inputs: ReportInputs
    folds: dict[tuple[str, str], pa.Table]
    """Predictions by architecture and fold."""
    models: dict[str, pa.Table]
    """Predictions of the registered models."""


@cache
def made() -> Made:
    """Four models of six subjects: one lacks a fold, one subject an activity, one training another."""
    study = Study(spec=SPEC, windows_each=9, lacking={5: (2,)}, damaged=0.15)
    planned = [fold for protocol in PROTOCOLS for fold in folds(protocol, SUBJECTS)]
    tables, entries, answers = {}, [], Answers()
    for number, (name, skill) in enumerate(SKILLS.items()):
        for fold in planned:
            key = (name, fold.name)
            if key in MISSING:
                continue
            roles = {
                role: getattr(fold, role) or (SUBJECTS if role != "validation" or not fold.test else ())
                for role in ("training", "validation", "test")
            }
            tables[key] = study.predictions(
                roles, seeds=SEEDS[name], skill=skill, salt=number * 100 + fold.index, learnt=LEARNT.get(key)
            )
            if fold.protocol == "loso":
                answers.add(tables[key])
            record = fold_record(name, fold.name, roles, tables[key], num_parameters=NUM_PARAMETERS[name])
            entries.append(FoldEntry(result=score_fold(record, tables[key]), mlflow_run_id=f"{name}-{fold.name}"))
    models = {
        name: study.predictions(HOLDOUT, seeds=[0], skill=skill, salt=1000 + number)
        for number, (name, skill) in enumerate(SKILLS.items())
    }
    records = {name: model_record(name, HOLDOUT, models[name], num_parameters=NUM_PARAMETERS[name]) for name in SKILLS}
    inputs = ReportInputs(
        title="Made",
        origin="synthetic",
        created=datetime(2026, 5, 4, 10, 30, tzinfo=UTC),
        spec=SPEC,
        entries=tuple(
            ReportEntry(
                result=score_model(records[name], models[name]),
                mlflow_run_id=f"run-{name}",
                registered_model=f"har-{name}",
                version="1",
            )
            for name in SKILLS
        ),
        experiment={"splits": {"test_subjects": [5, 6], "validation_subjects": [4]}},
        folds=tuple(entries),
        confused=answers.most_confused(),
        planned_folds=dict.fromkeys(SKILLS, tuple(fold.name for fold in planned)),
        subjects=SUBJECTS,
    )
    return Made(inputs=inputs, folds=tables, models=models)
