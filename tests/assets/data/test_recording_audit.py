"""``recording_audit`` on recordings in which defects were planted: what Dagster is told of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
from narrowing import as_type

from assets.data.raw_recordings import build_raw_recordings
from assets.data.recording_audit import build_recording_audit
from assets.data.source_files import build_source_files, report_source_version
from assets.graph import build_resources
from assets.resources.home import Home
from har_core.audit.kinds import Kind
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.ingested import read_ingested, recordings_writer
from har_core.experiment.loader import load_experiment

EXPERIMENT = """
[source]
kind = "synthetic"
num_subjects = 1
num_segments = 2
[models]
architectures = ["cnn"]
"""
FOUND = {
    Kind.ZERO_RUN: (dg.AssetCheckSeverity.ERROR, "error", 2, 30, "p1 session 3 (20), p1 session 1 (10)"),
    Kind.OUT_OF_RANGE: (dg.AssetCheckSeverity.WARN, "warning", 1, 1, "p1 session 2 (1)"),
    Kind.MAGNETOMETER_NORM: (dg.AssetCheckSeverity.WARN, "info", 1, 8, "p1 session 2 (8)"),
}
"""How each kind that is planted is told: severity of the check, severity, findings, rows, and where."""


def plant(rows_of: dict[int, np.ndarray]) -> None:
    """Change the rows (250, 45) of activities: one kind of each severity."""
    rows_of[1][60:70, :9] = 0.0
    rows_of[3][60:80, :9] = 0.0
    rows_of[2][30, DSADS.channel_names.index("RA_xacc")] = 500.0
    magnetometer = [DSADS.channel_names.index(f"LL_{axis}mag") for axis in "xyz"]
    rows_of[2][90:98, magnetometer] *= 0.01


def rewrite(path: Path) -> None:
    """Put changed recordings in the place of those that were ingested."""
    recordings = list(read_ingested(path))
    plant({recording.session: recording.samples.T for recording in recordings})
    with recordings_writer(path, DSADS, origin="synthetic") as write:
        for recording in recordings:
            write(recording)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "tiny.toml").write_text(EXPERIMENT, encoding="utf-8")
    return Home(tmp_path)


@pytest.fixture
def instance(home: Home) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(home.root), overrides={"telemetry": {"enabled": False}}) as instance:
        yield instance


def test_findings_become_failed_checks_of_their_severity(home: Home, instance: dg.DagsterInstance) -> None:
    experiment = load_experiment(home.root / "tiny.toml")
    report_source_version(instance, experiment, home)
    assets: list[dg.AssetSpec | dg.AssetsDefinition]
    assets = [build_source_files(), build_raw_recordings(experiment), build_recording_audit(experiment)]
    run: dict[str, Any] = {"instance": instance, "resources": build_resources(home)}
    dg.materialize(assets, selection=["raw_recordings"], **run)
    rewrite(home.recordings)
    result = dg.materialize(assets, selection=["recording_audit"], **run)

    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert set(checks) == {f"no_{kind}" for kind in Kind}
    assert {name for name, check in checks.items() if not check.passed} == {f"no_{kind}" for kind in FOUND}
    for kind, (severity, *told) in FOUND.items():
        check = checks[f"no_{kind}"]
        values = {name: entry.value for name, entry in check.metadata.items()}
        assert check.severity == severity
        assert [values[name] for name in ("severity", "num_findings", "num_rows", "where")] == told
    (materialised,) = result.asset_materializations_for_node("recording_audit")
    for kind, (_, word, num_findings, num_rows, where) in FOUND.items():
        assert materialised.metadata[f"num_{kind}"].value == num_findings
        row = f"| {kind} | {word} | {num_findings} | {num_rows} | {where} |"
        assert row in as_type(str, materialised.metadata["summary"].value)
