"""What the report is made from. Where the figures come from, and how a run is found, is the caller's business."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from har_core.evaluation.result import ModelResult, Origin


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
    git_commit: str | None = None
