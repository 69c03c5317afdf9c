"""One home in which the whole graph ran once, on recordings of three subjects and two segments."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from instances import copy_of
from stores import copied_stores

import har_core.report
from assets.data.source_files import report_source_version
from assets.graph import build_assets, build_resources
from assets.machinery import code_versions
from assets.resources.display import Display
from assets.resources.home import Home
from assets.resources.tracking import Tracking
from har_core.evaluation.records import ModelRecord, read_record
from har_core.evaluation.results import ModelResult, score_model
from har_core.experiment.loader import load_experiment
from har_core.inference.predictions import read_predictions
from har_core.settings.experiment import Experiment

EXPERIMENT = """
[source]
kind = "synthetic"
num_subjects = 3
num_segments = 2

[splits]
validation_subjects = [2]
test_subjects = [3]

[training]
epochs = 2
batch_size = 16

[models]
architectures = ["cnn", "lstm"]
[models.cnn]
base_width = 2
[models.lstm]
hidden_size = 8
epochs = 1

[evaluation]
latency_repeats = 3
latency_warmup = 1

[runtime]
device = "cpu"
num_threads = 1
"""


@dataclass(frozen=True, slots=True)
class Graph:
    """An experiment in its home, with the instance that remembers what ran."""

    home: Home
    experiment: Experiment
    instance: dg.DagsterInstance

    @property
    def tracking(self) -> Tracking:
        return Tracking(self.home)

    def definitions(self) -> dg.Definitions:
        """As the assembly would make them."""
        return dg.Definitions(assets=build_assets(self.experiment), resources=build_resources(self.home))

    def materialise(
        self,
        *selection: str,
        experiment: Experiment | None = None,
        display: Display | None = None,
        partition: str | None = None,
    ) -> dg.ExecuteInProcessResult:
        """Run the assets named, as in ``models/cnn``; all where none is."""
        report_source_version(self.instance, experiment or self.experiment, self.home)
        keys = [dg.AssetKey.from_user_string(name) for name in selection]
        return dg.materialize(
            build_assets(experiment or self.experiment),
            instance=self.instance,
            resources=build_resources(self.home, display),
            selection=keys or None,
            partition_key=partition,
            raise_on_error=False,
        )

    def latest(self, name: str) -> dg.AssetMaterialization:
        """The latest materialisation of the asset ``name``."""
        event = self.instance.get_latest_materialization_event(dg.AssetKey.from_user_string(name))
        assert event is not None, f"{name} was never materialised"
        assert event.asset_materialization is not None
        return event.asset_materialization

    def result(self, architecture: str) -> ModelResult:
        """What the report would say of the latest model of ``architecture``."""
        record = read_record(self.home.record(architecture), ModelRecord)
        return score_model(record, read_predictions(self.home.predictions(f"models/{architecture}", "holdout")))

    def aliases(self) -> dict[str, dict[str, int]]:
        """Which version each alias of each registered model names."""
        names = {entry.name for entry in self.tracking.registered()}
        client = self.tracking.client
        return {name: dict(client.get_registered_model(name).aliases) for name in names}

    def files(self) -> dict[str, bytes]:
        """Every output below ``data/``."""
        data = self.home.data
        return {str(path.relative_to(data)): path.read_bytes() for path in data.rglob("*") if path.is_file()}


@pytest.fixture(scope="session", autouse=True)
def _environment() -> Iterator[None]:
    """MLflow exports its address; what these tests set must not be seen by others, nor the reverse."""
    names = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "DAGSTER_HOME", "HAR_HOME", "HAR_DATA")
    before = {name: os.environ.pop(name, None) for name in names}
    yield
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


@pytest.fixture(scope="session", autouse=True)
def _stores() -> Iterator[None]:
    with copied_stores():
        yield


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    """Everything was materialised once. Do not run anything in it: take ``graph`` for that."""
    root = tmp_path_factory.mktemp("home")
    path = root / "tiny.toml"
    path.write_text(EXPERIMENT, encoding="utf-8")
    with dg.DagsterInstance.ephemeral() as instance:
        graph = Graph(Home(root), load_experiment(path), instance)
        result = graph.materialise()
        assert result.success, [event.message for event in result.all_events if event.is_failure]
        yield graph


@pytest.fixture
def graph(ran: Graph, tmp_path: Path) -> Iterator[Graph]:
    """A copy of that home, to run things in."""
    root = tmp_path / "home"
    shutil.copytree(ran.home.root, root)
    with copy_of(ran.instance) as instance:
        yield Graph(Home(root), ran.experiment, instance)


@pytest.fixture
def empty_graph(ran: Graph, tmp_path: Path) -> Iterator[Graph]:
    """The same experiment in a home where nothing ran."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield Graph(Home(tmp_path), ran.experiment, instance)


@pytest.fixture
def core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the core, to edit before code versions are made; what a module imports is read from the real one."""
    folder = tmp_path / "har_core"
    shutil.copytree(code_versions._package_folder(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code_versions, "_package_folder", lambda: folder)
    monkeypatch.setattr(har_core.report, "__file__", str(folder / "report" / "__init__.py"))
    return folder
