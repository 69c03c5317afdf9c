"""A home in which everything ran once, to change one thing in: settings, a recording, code."""

from __future__ import annotations

import os
import shutil
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.asset_daemon_cursor import AssetDaemonCursor

import har_core.report
from assets.data.source_files import report_source_version
from assets.folds.partitions import sync_folds
from assets.machinery import code_versions
from assets.resources.home import Home
from har_core.base.progress import silent
from har_core.datasets.dsads.synthetic.writer import write_recordings
from har_core.experiment.loader import load_experiment
from har_core.settings.experiment import Experiment
from har_core.settings.source import SourceSettings
from pipelines.definitions import build_definitions
from pipelines.homes import Memory, prepare, remember
from pipelines.runner import Outcome, make_request, run_waves
from pipelines.staleness import Item, OutputFiles, ask

ROOT = Path(__file__).parents[2]
MAX_TICKS = 20

EXPERIMENT = """\
[source]
kind = "files"

[splits]
validation_subjects = [2]
test_subjects = [3]

[training]
epochs = 1
batch_size = 16

[models]
architectures = ["lstm", "cnn", "logistic_regression"]

[models.lstm]
hidden_size = 8

[models.cnn]
base_width = 2

[evaluation]
protocols = ["loso"]
architectures = ["lstm", "logistic_regression"]
seeds = [0]
latency_repeats = 3
latency_warmup = 1

[runtime]
device = "cpu"
num_threads = 1
"""


@dataclass(frozen=True)
class World:
    """A home, its experiment file, its recordings and a copy of the core's sources."""

    root: Path
    instance: dg.DagsterInstance

    @property
    def home(self) -> Home:
        return Home(self.root / "home")

    @property
    def experiment_file(self) -> Path:
        return self.root / "tiny.toml"

    @property
    def recordings(self) -> Path:
        return self.root / "recordings"

    @property
    def sources(self) -> Path:
        return self.root / "har_core"

    @property
    def experiment(self) -> Experiment:
        return load_experiment(self.experiment_file)

    def definitions(self) -> dg.Definitions:
        """As a process that starts now would load them."""
        return build_definitions(self.experiment, self.home)

    def set(self, before: str, after: str) -> None:
        """Change the experiment file."""
        text = self.experiment_file.read_text()
        assert before in text
        self.experiment_file.write_text(text.replace(before, after))

    def append(self, source: str, text: str) -> None:
        """Change a file of the core, named from ``har_core`` on."""
        path = self.sources / source
        path.write_text(path.read_text() + text)

    def states(self) -> dict[str, str]:
        asked = ask(self.definitions().resolve_asset_graph(), self.instance, OutputFiles(self.home.root))
        return {str(item): str(status.state) for item, status in asked.items()}

    def look_at_source(self) -> None:
        report_source_version(self.instance, self.experiment, self.home)
        sync_folds(self.instance, self.experiment)

    def run(self, selection: str | None = None, *, forced: bool = False, seed: int | None = None) -> Outcome:
        """As ``har run`` does."""
        self.look_at_source()
        definitions = self.definitions()
        request = make_request(definitions.resolve_asset_graph(), selection, forced=forced, seed=seed)
        return run_waves(definitions, self.instance, request, OutputFiles(self.home.root))

    def tick_until_quiet(self, cursor: AssetDaemonCursor | None) -> AssetDaemonCursor:
        """As the sensors do: look at the source, ask what is due, run that, and again until nothing is."""
        for _ in range(MAX_TICKS):
            self.look_at_source()
            definitions = self.definitions()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", dg.BetaWarning)  # of what this function calls itself
                answer = dg.evaluate_automation_conditions(definitions, self.instance, cursor=cursor)
            cursor = answer.cursor
            if not answer.total_requested:
                return cursor
            by_partition: dict[str | None, list[dg.AssetKey]] = {}
            for result in answer.results:
                for entry in result.true_subset.expensively_compute_asset_partitions():
                    by_partition.setdefault(entry.partition_key, []).append(entry.asset_key)
            for partition, keys in by_partition.items():
                job = definitions.resolve_implicit_global_asset_job_def()
                job.execute_in_process(
                    instance=self.instance, asset_selection=keys, partition_key=partition, raise_on_error=False
                )
        raise AssertionError("automation never comes to rest")

    def materialised(self, after: int) -> Counter[str]:
        """What was made since the event ``after``: ``models/lstm``, ``folds/lstm[loso-p1]``, each so many times."""
        made: Counter[str] = Counter()
        for key in self.definitions().resolve_asset_graph().materializable_asset_keys:
            wanted = dg.AssetRecordsFilter(asset_key=key, after_storage_id=after)
            for record in self.instance.fetch_materializations(wanted, limit=1000).records:
                made[str(Item(key, record.partition_key))] += 1
        return made

    def last_event(self) -> int:
        keys = self.instance.all_asset_keys()
        newest = [self.instance.fetch_materializations(key, limit=1).records for key in keys]
        return max(record.storage_id for records in newest for record in records)

    def files(self) -> dict[str, bytes]:
        data = self.home.data
        return {str(path.relative_to(data)): path.read_bytes() for path in data.rglob("*") if path.is_file()}


@contextmanager
def opened(root: Path) -> Iterator[World]:
    home = Home(root / "home")
    prepare(home)
    remember(home, Memory(str(root / "tiny.toml"), str(root / "recordings")))
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        yield World(root, instance)


@pytest.fixture(scope="session")
def _ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    names = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "DAGSTER_HOME", "HAR_HOME", "HAR_DATA", "HAR_EXPERIMENT")
    before = {name: os.environ.pop(name, None) for name in names}
    root = tmp_path_factory.mktemp("world")
    (root / "tiny.toml").write_text(EXPERIMENT)
    write_recordings(root / "recordings", SourceSettings(num_subjects=3, num_segments=2), silent)
    shutil.copytree(ROOT / "har_core", root / "har_core", ignore=shutil.ignore_patterns("__pycache__"))
    with opened(root) as world:
        outcome = world.run()
        assert not outcome.failures, outcome.failures
        assert set(world.states().values()) == {"fresh"}
        yield world
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


@pytest.fixture
def world(_ran: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A copy of that home, to change something in; its code is judged by a copy of the core's sources."""
    root = tmp_path / "world"
    shutil.copytree(_ran.root, root, ignore=shutil.ignore_patterns("*.lock"))  # times of change are kept
    monkeypatch.setattr(code_versions, "_package_folder", lambda: root / "har_core")
    monkeypatch.setattr(har_core.report, "__file__", str(root / "har_core" / "report" / "__init__.py"))
    with opened(root) as world:
        yield world
