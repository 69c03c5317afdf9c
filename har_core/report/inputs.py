"""What the report is made from. Where the figures come from, and how a run is found, is the caller's business."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from har_core.datasets.origin import Origin
from har_core.evaluation.results import FoldResult, ModelResult


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportEntry:
    """One trained model and where it is kept."""

    result: ModelResult
    mlflow_run_id: str | None = None
    mlflow_run_url: str | None = None
    """Address of the run in MLflow's page; shown as a plain link where it is http(s), else as text."""
    registered_model: str | None = None
    """Name in the registry: ``har-cnn``."""
    version: str | int | None = None
    """Version in the registry."""
    registered_model_url: str | None = None
    """Address of that version in MLflow's page, shown as that of the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldEntry:
    """One architecture in one fold, and where its trainings are kept."""

    result: FoldResult
    mlflow_run_id: str | None = None
    """Of the run whose nested runs are the seeds."""
    mlflow_run_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRun:
    """The MLflow run of an asset that models and folds are made from."""

    mlflow_run_id: str | None = None
    mlflow_run_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowCounts:
    """What the findings of the audit came to in the windows."""

    num_windows: int
    num_damaged: int
    """Touch a damaged run, and are kept."""
    num_in_duplicate_groups: int
    """Hold rows that stand in another window too."""
    num_dropped: int
    """Damaged, and not kept."""
    num_repaired: int
    """Short runs of damage in them were interpolated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportInputs:
    """Everything one report shows."""

    title: str
    origin: Origin
    """Of the recordings."""
    created: datetime
    entries: tuple[ReportEntry, ...]
    missing: tuple[str, ...] = ()
    """What was asked for and is not here, in words: ``models/lstm: not trained yet``."""
    experiment: Mapping[str, Any] = field(default_factory=dict)
    """The whole resolved experiment file."""
    dataset: Mapping[str, Any] = field(default_factory=dict)
    """Summary of the recordings, windows and splits: a name and a value a line."""
    data_runs: Mapping[str, DataRun] = field(default_factory=dict)
    """Those that the summary and the findings are of, by asset: ``recording_audit``."""
    git_commit: str | None = None
    folds: tuple[FoldEntry, ...] = ()
    """Scores over the folds of evaluation protocols."""
    planned_folds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of the folds that each architecture should have; those not in :attr:`folds` are named as missing."""
    subjects: tuple[int, ...] = ()
    """Of the recordings, ascending; empty where nobody knows."""
    findings: pa.Table | None = None
    """Of the audit, in :data:`~har_core.audit.findings.FINDINGS_SCHEMA`; None where there was none."""
    window_counts: WindowCounts | None = None
    split_drops: Mapping[str, int] = field(default_factory=dict)
    """Windows that left a role of the models' split, by reason (:data:`har_core.splits.roles.DROPS`)."""
