"""``windows`` and ``splits`` on recordings in which the audit found something: what Dagster is told of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
from instances import copy_of
from narrowing import as_type, present

from assets.data.raw_recordings import build_raw_recordings
from assets.data.recording_audit import build_recording_audit
from assets.data.source_files import build_source_files, report_source_version
from assets.data.splits import build_splits
from assets.data.windows import build_windows
from assets.graph import build_resources
from assets.resources.home import Home
from har_core.audit.findings import FINDINGS_SCHEMA, write_findings
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.recordings import Recordings
from har_core.experiment.loader import load_experiment
from har_core.splits.names import DROPS
from har_core.windows import cutting
from har_core.windows.segmentation import segment
from har_core.windows.tensors import read_tensors


def finding(
    kind: str, subject: int, activity: int, num_rows: int, other: tuple[int | None, ...] = (None,) * 5
) -> dict[str, Any]:
    """In all channels, from the first row of the first segment on."""
    values = (kind, activity, subject, activity, 1, 0, num_rows - 1, "all", *other, num_rows, "error")
    return dict(zip(FINDINGS_SCHEMA.names, values, strict=True))


PLANTED = pa.Table.from_pylist(
    [
        finding("zero_run", 1, 5, 30),
        finding("zero_run", 2, 5, 30),
        finding("duplicate_rows", 1, 9, 250, (9, 3, 9, 1, 0)),
    ],
    schema=FINDINGS_SCHEMA.with_metadata(DSADS.to_metadata()),
)
"""Training subject 1 and validation subject 2 are damaged; test subject 3 has copies of both segments of subject 1."""


def numbers(materialisation: dg.AssetMaterialization) -> dict[str, int]:
    return {
        name: as_type(int, entry.value)
        for name, entry in materialisation.metadata.items()
        if name.startswith(("num_d", "num_in_", "num_rep"))
    }


EXPERIMENT = """
[source]
kind = "synthetic"
num_subjects = 3
num_segments = 2
[splits]
validation_subjects = [2]
test_subjects = [3]
[models]
architectures = ["cnn"]
"""


@dataclass(frozen=True, slots=True)
class DataGraph:
    """A home in which recordings and their audit are materialised, nothing below them."""

    home: Home
    instance: dg.DagsterInstance
    assets: list[dg.AssetSpec | dg.AssetsDefinition]

    def materialise(self, *names: str) -> dg.ExecuteInProcessResult:
        return dg.materialize(
            self.assets,
            instance=self.instance,
            resources=build_resources(self.home),
            selection=[dg.AssetKey(name) for name in names],
            raise_on_error=False,
        )

    def numbers(self, name: str) -> dict[str, int]:
        """What the audit did to an asset, by its metadata."""
        event = present(self.instance.get_latest_materialization_event(dg.AssetKey(name)))
        return numbers(present(event.asset_materialization))

    def checks(self, asset: str) -> dict[str, str]:
        """How each check of an asset last ended."""
        computed = [as_type(dg.AssetsDefinition, made) for made in self.assets[1:]]
        keys = [key for made in computed for key in made.check_keys if key.asset_key == dg.AssetKey(asset)]
        records = self.instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
        return {key.name: record.status.value for key, record in records.items()}


def graph_in(home: Home, instance: dg.DagsterInstance) -> DataGraph:
    experiment = load_experiment(home.root / "tiny.toml")
    builders = (build_raw_recordings, build_recording_audit, build_windows, build_splits)
    report_source_version(instance, experiment, home)
    return DataGraph(home, instance, [build_source_files(), *(build(experiment) for build in builders)])


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataGraph]:
    """Recordings and their audit, to copy."""
    root = tmp_path_factory.mktemp("audited")
    (root / "tiny.toml").write_text(EXPERIMENT, encoding="utf-8")
    with dg.DagsterInstance.ephemeral() as instance:
        graph = graph_in(Home(root), instance)
        assert graph.materialise("raw_recordings", "recording_audit").success
        yield graph


@pytest.fixture
def graph(audited: DataGraph, tmp_path: Path) -> Iterator[DataGraph]:
    home = Home(shutil.copytree(audited.home.root, tmp_path / "home"))
    with copy_of(audited.instance) as instance:
        yield graph_in(home, instance)


def test_sound_recordings_lose_nothing(graph: DataGraph) -> None:
    assert graph.materialise("windows", "splits").success
    names = ("num_damaged", "num_in_duplicate_groups", "num_dropped", "num_repaired")
    assert graph.numbers("windows") == dict.fromkeys(names, 0)
    assert graph.numbers("splits") == {f"num_dropped_{reason}": 0 for reason in DROPS}
    assert set(graph.checks("windows").values()) == set(graph.checks("splits").values()) == {"SUCCEEDED"}


def test_what_leaves_a_role_is_told(graph: DataGraph) -> None:
    write_findings(PLANTED.slice(0, 2), graph.home.findings)
    assert graph.materialise("windows", "splits").success
    assert graph.numbers("windows")["num_damaged"] == 2
    assert graph.numbers("splits")["num_dropped_damaged_training"] == 1
    assert not read_tensors(graph.home.splits("holdout") / "train.parquet").damaged.any()
    assert read_tensors(graph.home.splits("holdout") / "validation.parquet").damaged.sum() == 1


def test_copies_that_empty_an_activity_of_training_stop_the_split(graph: DataGraph) -> None:
    assert graph.materialise("windows", "splits").success
    write_findings(PLANTED, graph.home.findings)
    before = {path: path.read_bytes() for path in graph.home.splits("holdout").iterdir()}
    result = graph.materialise("windows", "splits")
    assert graph.numbers("windows")["num_in_duplicate_groups"] == 4
    assert "training lost every window of 9" in str(present(result.failure_data_for_node("splits")).error)
    assert {path: path.read_bytes() for path in graph.home.splits("holdout").iterdir()} == before
    assert graph.checks("splits")["every_role_has_every_activity"] == "FAILED"


def test_windows_that_disagree_with_the_audit_are_not_published(
    graph: DataGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    def segment_blindly(recordings: Recordings, *, length: int, overlap: float, **_: object) -> pa.RecordBatchReader:
        return segment(recordings, length=length, overlap=overlap)

    assert graph.materialise("windows").success
    before = graph.home.windows.read_bytes()
    write_findings(PLANTED, graph.home.findings)
    monkeypatch.setattr(cutting, "segment", segment_blindly)
    result = graph.materialise("windows")
    assert "damage_is_flagged" in str(present(result.failure_data_for_node("windows")).error)
    assert graph.home.windows.read_bytes() == before
    failed = {name for name, status in graph.checks("windows").items() if status == "FAILED"}
    assert failed == {"damage_is_flagged", "copies_are_linked"}
