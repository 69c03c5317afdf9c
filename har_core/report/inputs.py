"""What the report is made from. How results and runs are found is the caller's business."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from har_core.datasets.origin import Origin
from har_core.evaluation.confused import Confused, Traces
from har_core.evaluation.records import TransferRecord
from har_core.evaluation.results import FoldResult, ModelResult
from har_core.evaluation.scores import Scores
from har_core.evaluation.sensors import SensorScore
from har_core.evaluation.transfer import TransferScore
from har_core.report.published import DATASET, name_of
from har_core.spec.dataset import DatasetSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportEntry:
    """One trained model and where it is kept."""

    result: ModelResult
    mlflow_run_id: str | None = None
    mlflow_run_url: str | None = None
    """Address of the run in MLflow's page; a link where it is http(s), else text."""
    registered_model: str
    """Name in the registry: ``har-cnn``."""
    version: str
    registered_model_url: str | None = None
    """Address of that version in MLflow's page; a link like that of the run."""

    @property
    def name(self) -> str:
        """What readers call it."""
        return name_of(self.result.architecture)

    @property
    def registered_as(self) -> str:
        """``har-cnn version 3``."""
        return f"{self.registered_model} version {self.version}"

    def scores(self, role: str) -> Scores:
        """Scores on ``test``, or on ``validation`` where there are such windows."""
        return self.result.scores[role]

    def macro_f1(self, role: str) -> float | None:
        """Macro-F1 on ``validation`` or ``test``; None where there are no such windows."""
        return self.result.scores[role].macro_f1 if role in self.result.scores else None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldEntry:
    """One architecture in one fold, and where its trainings are kept."""

    result: FoldResult
    mlflow_run_id: str | None = None
    """Of the run whose nested runs are the seeds."""
    mlflow_run_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferEntry:
    """One model, fitted on to the people who test, and where that is kept."""

    record: TransferRecord
    scores: tuple[TransferScore, ...]
    """Of each way and number; first of the model as it is."""
    num_windows: int
    """Tested, of all people together."""
    mlflow_run_id: str | None = None
    mlflow_run_url: str | None = None

    @property
    def name(self) -> str:
        """What readers call the model."""
        return name_of(self.record.model)

    @property
    def people(self) -> tuple[int, ...]:
        """The subjects, ascending."""
        return tuple(sorted(self.scores[0].per_subject))


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorEntry:
    """One architecture, measured with each unit and each kind of sensor in one fold."""

    architecture: str
    fold: str
    origin: Origin
    """Of the recordings."""
    seed: int
    scores: tuple[SensorScore, ...]
    """First with all channels."""
    mlflow_run_id: str | None = None
    mlflow_run_url: str | None = None

    @property
    def protocol(self) -> str:
        """Of the fold."""
        return self.fold.partition("-")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion:
    """The model that ``har@champion`` names."""

    architecture: str
    """Of what it is a copy of; ``cnn-int8`` is one too."""
    version: str
    """Of ``har``."""
    copied_from: str
    """``har-cnn version 3``."""
    reason: str
    """What the gate said."""
    mlflow_run_id: str | None = None
    """Of the run that decided."""
    mlflow_run_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRun:
    """The MLflow run of an asset that models and folds are made from, and what it made."""

    mlflow_run_id: str | None = None
    mlflow_run_url: str | None = None
    data_version: str | None = None
    """Differs where the content does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowCounts:
    """What the findings of the audit mean for windows."""

    num_windows: int
    num_damaged: int
    """They touch a damaged run, and are kept."""
    num_in_duplicate_groups: int
    """They contain rows that another window contains too."""
    num_dropped: int
    """Damaged, and not kept."""
    num_repaired: int
    """Damaged runs in them were interpolated or filled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportInputs:
    """Everything one report shows."""

    title: str
    origin: Origin
    """Of the recordings."""
    created: datetime
    spec: DatasetSpec
    """What the windows are of, whose activities all :attr:`entries` and :attr:`folds` are scored by."""
    entries: tuple[ReportEntry, ...]
    missing: tuple[str, ...] = ()
    """What was asked for and is not here, in words: ``models/lstm: not trained yet``."""
    experiment: Mapping[str, Any] = field(default_factory=dict)
    """The whole resolved experiment file."""
    dataset: Mapping[str, Any] = field(default_factory=dict)
    """A few facts about recordings, windows and splits, by name."""
    window_length: int | None = None
    """Samples in a window; None where nobody knows."""
    data_runs: Mapping[str, DataRun] = field(default_factory=dict)
    """The runs behind the facts and the findings, by asset: ``recording_audit``."""
    git_commit: str | None = None
    command: str | None = None
    """Makes the report again, from the same code and recordings; None where nobody knows."""
    folds: tuple[FoldEntry, ...] = ()
    """Scores over the folds of evaluation protocols."""
    planned_folds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of the folds that each architecture should have; those not in :attr:`folds` are named as missing."""
    sensors: tuple[SensorEntry, ...] = ()
    """What was measured of units and kinds of sensors, in the order of the experiment file, then of folds."""
    planned_sensors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """As :attr:`planned_folds`, of :attr:`sensors`."""
    transferred: tuple[TransferEntry, ...] = ()
    """Models that were fitted on to people, in the order of the experiment file."""
    confused: tuple[Confused, ...] = ()
    """Activities that the models together take for each other, on test windows of the protocol that leads."""
    traces: Traces | None = None
    """What was measured in the windows of :attr:`confused`; None where they are not there any more."""
    champion: Champion | None = None
    """None where none is chosen."""
    subjects: tuple[int, ...] = ()
    """Of the recordings, ascending; empty where unknown."""
    findings: pa.Table | None = None
    """Of the audit, in :data:`~har_core.audit.findings.FINDINGS_SCHEMA`; None where there was none."""
    window_counts: WindowCounts | None = None
    split_drops: Mapping[str, int] = field(default_factory=dict)
    """Windows left out of a role of the models' split, by reason (:data:`har_core.splits.names.DROPS`)."""

    @property
    def is_like_published(self) -> bool:
        """Whether published figures may stand beside these: of real recordings, of the same activities."""
        chosen = self.experiment.get("windows", {}).get("activities")
        return self.origin == "real" and self.spec.name == DATASET and not chosen

    @property
    def facts(self) -> dict[str, Any]:
        """What the data set is, then :attr:`dataset`."""
        named = {"data set": self.spec.title, "cite": self.spec.citation, "licence": self.spec.licence}
        return {name: text for name, text in named.items() if text} | dict(self.dataset)
