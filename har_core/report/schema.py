"""What ``report.json`` holds, as classes, and from them as JSON Schema.

``python -m har_core.report.schema`` prints the schema that ``docs/report.schema.json`` holds. The figures themselves
are put together in :mod:`har_core.report.figures`, where a new one needs a field here.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import ConfigDict, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from har_core.audit.summary import KindSummary
from har_core.base.text import to_json
from har_core.datasets.origin import Origin
from har_core.evaluation.pairwise import Verdict
from har_core.evaluation.records import ModelRecord, TransferRecord
from har_core.evaluation.scores import Scores
from har_core.report.inputs import Champion, DataRun, WindowCounts
from har_core.report.leaks import Leak
from har_core.report.published import PublishedFigures
from har_core.report.schema_of_folds import Mistakes, Protocol, Sureness


@dataclass(frozen=True, kw_only=True)
class KindOfFinding(KindSummary):
    """Findings of one kind."""

    description: str


@dataclass(frozen=True, kw_only=True)
class SkippedCheck:
    """What was not looked for."""

    kind: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Recording:
    """Findings in one recording."""

    subject: int
    activity: int
    num_findings: int
    severity: str


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What the audit found in the recordings."""

    num_findings: int
    severities: dict[str, int]
    kinds: tuple[KindOfFinding, ...]
    skipped: tuple[SkippedCheck, ...]
    recordings: tuple[Recording, ...]
    windows: WindowCounts | None
    left_roles: dict[str, dict[str, str]]
    """Windows that left a role, by reason and split, in words."""


@dataclass(frozen=True, kw_only=True)
class TransferScore:
    """One way to fit a model on to people, with one number of windows."""

    way: str
    windows_per_activity: int
    macro_f1: float
    interval: tuple[float, float] | None
    per_subject: dict[int, float]


@dataclass(frozen=True, kw_only=True)
class Transferred(TransferRecord):
    """One model that was fitted on to the people who test."""

    subjects: tuple[int, ...]
    num_windows: int
    scores: tuple[TransferScore, ...]
    mlflow_run_id: str | None
    mlflow_run_url: str | None


@dataclass(frozen=True, kw_only=True)
class SensorFigures:
    """One way to see: alone, left out of training, or missing when the model predicts."""

    way: str
    part: str
    """``unit`` or ``sensor``; empty of all channels."""
    name: str
    macro_f1: float
    """The mean over subjects."""
    per_subject: dict[int, float]
    difference: float | None
    """From all channels; None of these."""
    interval: tuple[float, float] | None
    """Of the difference, 95 %."""
    verdict: Verdict | None
    """Beside all channels."""


@dataclass(frozen=True, kw_only=True)
class SensorsOfModel:
    """One architecture by what it sees."""

    architecture: str
    seed: int
    num_folds_planned: int
    folds: dict[str, str | None]
    """Runs of the folds."""
    scores: tuple[SensorFigures, ...]


@dataclass(frozen=True, kw_only=True)
class Sensors:
    """What each unit and each kind of sensor gives, over the folds of a protocol."""

    protocol: str
    models: tuple[SensorsOfModel, ...]
    champion: str | None
    """Why ``har@champion`` is not among them, in words; None where it is, or where there is none."""


@dataclass(frozen=True, kw_only=True)
class Rank:
    """One registered model in the ranking of a role."""

    rank: int | None
    """None of a score that is no number."""
    architecture: str
    seed: int
    macro_f1: float
    accuracy: float


@dataclass(frozen=True, kw_only=True)
class Published:
    """Figures that others published of the same architectures."""

    figures: dict[str, PublishedFigures]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Model(ModelRecord):
    """The record of a registered model, with its scores."""

    scores: dict[str, Scores]
    """By role: ``test``, and ``validation`` where there are such windows."""
    scores_clean: dict[str, Scores]
    """The same over windows that touch no damaged run."""
    per_subject: dict[int, float]
    """Macro-F1 of each test subject."""
    per_subject_clean: dict[int, float]
    learnt: tuple[int, ...]
    """Class ids that there were training windows of."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One registered model and where it is kept."""

    result: Model
    mlflow_run_id: str | None
    mlflow_run_url: str | None
    registered_model: str
    version: str
    registered_model_url: str | None


@dataclass(frozen=True, kw_only=True)
class Seed:
    """One training of a fold."""

    seed: int
    macro_f1: dict[str, float]
    """By role."""
    accuracy: dict[str, float]
    macro_f1_clean: dict[str, float]
    per_subject: dict[int, float]
    """Macro-F1 of each test subject."""
    best_epoch: int


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One model in one fold."""

    architecture: str
    fold: str
    protocol: str
    subjects: dict[str, tuple[int, ...]]
    """By role."""
    num_windows: dict[str, int]
    num_dropped: dict[str, int]
    seeds: tuple[Seed, ...]
    mlflow_run_id: str | None
    mlflow_run_url: str | None


@dataclass(frozen=True, kw_only=True)
class ReportFigures:
    """The comparison report as data."""

    __pydantic_config__: ClassVar = ConfigDict(use_attribute_docstrings=True)

    schema_version: int
    """Rises when a part goes away or changes its meaning; parts may be added without that."""
    note: str | None
    """Stands above everything: that recordings are synthetic."""
    title: str
    created: str
    """ISO 8601, with the time zone."""
    origin: Origin
    """Of the recordings."""
    lead: str
    """The opening sentences."""
    champion: Champion | None
    """The model that ``har@champion`` names."""
    protocols: dict[str, Protocol]
    """Scores over folds: the honest protocols, the one that leads first, then ``leaky``."""
    leak: Leak | None
    """How much a random split flatters."""
    sureness: Sureness | None
    """Intervals, verdicts and ranks by the protocol that leads; None where there is nothing to compare."""
    sensors: Sensors | None
    """What each unit and each kind of sensor gives."""
    mistakes: Mistakes | None
    """Confusions, F1 by activity and subject, calibration, coverage."""
    audit: Audit | None
    """What the audit found in the recordings."""
    transferred: tuple[Transferred, ...]
    """Models that were fitted on to people."""
    ranking: dict[str, tuple[Rank, ...]]
    """The registered models by macro-F1 on each role."""
    published: Published | None
    """Figures of others beside those of the registered models."""
    missing: tuple[str, ...]
    """What was asked for and is not there, in words."""
    entries: tuple[Entry, ...]
    """The registered models: recipe, course, cost and scores."""
    folds: tuple[Fold, ...]
    """The main figures of every fold."""
    experiment: dict[str, Any]
    """The resolved experiment file."""
    dataset: dict[str, Any]
    """Facts about the recordings."""
    data_runs: dict[str, DataRun]
    """The runs of audit, windows and splits, and versions of what they made, by asset."""
    git_commit: str | None
    command: str | None
    """Makes the report again, from the same code and recordings."""


class _Plain(GenerateJsonSchema):
    """Without titles, which only repeat names; a float that is no number is written as null."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        del schema
        return False

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        return {**super().float_schema(schema), "type": ["number", "null"]}


def report_schema() -> dict[str, Any]:
    """What ``report.json`` holds, as JSON Schema (draft 2020-12)."""
    schema = TypeAdapter(ReportFigures).json_schema(schema_generator=_Plain, mode="serialization")
    return {"$schema": GenerateJsonSchema.schema_dialect, **schema}


if __name__ == "__main__":
    sys.stdout.write(to_json(report_schema()) + "\n")
