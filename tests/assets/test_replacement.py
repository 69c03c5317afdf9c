"""What was made before stays in its place, byte for byte, until all that is told of the new one was told."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assets.data.source_files import report_source_version
from assets.machinery import materialisation
from assets.resources.runs import TrackedRun
from pipelines.staleness import Item, Status, ask

if TYPE_CHECKING:
    from tests.assets.conftest import Graph

DATA = ("raw_recordings", "recording_audit", "windows", "splits")


@pytest.fixture
def damaged(graph: Graph) -> Graph:
    """Recordings in which a training subject stands at zero for a while: each data asset will hold something else."""
    data = Path(shutil.copytree(graph.home.raw / "synthetic", graph.home.root / "recordings"))
    segment = data / "a05" / "p1" / "s01.txt"
    lines = segment.read_text(encoding="utf-8").splitlines()
    lines[40:70] = [",".join(["0.00000"] * 45)] * 30
    segment.write_text("\n".join(lines) + "\n", encoding="utf-8")
    graph.home.memory.parent.mkdir(exist_ok=True)
    graph.home.memory.write_text(json.dumps({"data": str(data)}), encoding="utf-8")
    report_source_version(graph.instance, graph.experiment, graph.home)
    return graph


def statuses(graph: Graph) -> dict[Item, Status]:
    return ask(graph.definitions().resolve_asset_graph(), graph.instance, graph.home.root)


def full_disk(run: TrackedRun, *arguments: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def full_disk_after_the_start(run: TrackedRun, path: Path, folder: str | None = None) -> None:
    if not path.name.startswith("experiment."):  # those are logged before anything is made
        full_disk(run)


@pytest.mark.parametrize(
    ("name", "step", "failure"),
    [
        ("windows", "log_metrics", full_disk),
        ("splits", "log_file", full_disk_after_the_start),
        *(
            pytest.param(name, step, failure, marks=pytest.mark.slow)
            for step, failure in (("log_metrics", full_disk), ("log_file", full_disk_after_the_start))
            for name in DATA
            if (name, step) not in {("windows", "log_metrics"), ("splits", "log_file")}
        ),
    ],
)
def test_full_disk_of_the_tracker_leaves_the_earlier_outputs(
    damaged: Graph,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    step: str,
    failure: Callable[..., None],
) -> None:
    above = DATA[: DATA.index(name)]
    assert not above or damaged.materialise(*above).success
    files, before = damaged.files(), statuses(damaged)
    with monkeypatch.context() as patch:
        patch.setattr(TrackedRun, step, failure)
        assert not damaged.materialise(name).success
    assert damaged.files() == files
    assert statuses(damaged) == before
    assert damaged.materialise(name).success
    assert damaged.files() != files


@pytest.mark.parametrize("name", [pytest.param("models/cnn", marks=pytest.mark.slow), "comparison_report"])
def test_what_cannot_be_told_leaves_the_earlier_files_and_aliases(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Made again, both would differ: a model by its latency, the report by its time."""

    def outputs() -> dict[str, bytes]:
        return {path: content for path, content in graph.files().items() if "checkpoints" not in path}

    def fail(*arguments: object, **named: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    files, aliases = outputs(), graph.aliases()
    with monkeypatch.context() as patch:
        patch.setattr(materialisation, "_publish", fail)
        assert not graph.materialise(name).success
    assert outputs() == files
    assert graph.aliases() == aliases
    assert graph.materialise(name).success
    assert outputs() != files


@pytest.mark.slow
@pytest.mark.parametrize("file", ["result.json", "holdout.parquet"])
def test_outputs_that_cannot_take_their_places_move_no_alias(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    def fail(path: Path, target: Path) -> Path:
        if Path(target).name == file:
            raise OSError(errno.EIO, "Input/output error")
        return replace(path, target)

    aliases, replace = graph.aliases(), Path.replace
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        assert not graph.materialise("models/cnn").success
    assert graph.aliases() == aliases
    assert list((graph.home.data / "checkpoints").rglob("*.pt")), "the finished training is taken over"
    assert graph.materialise("models/cnn").success
    assert graph.aliases() != aliases
