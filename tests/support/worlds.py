"""A home with its experiment file, recordings and a copy of the core's sources, to change one thing in."""

import hashlib
import json
import shutil
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.asset_daemon_cursor import AssetDaemonCursor

import har_core.report
from assets.data.source_files import report_source_version
from assets.folds.partitions import sync_folds
from assets.graph import build_assets
from assets.machinery import code_versions
from assets.machinery.code_versions import INGREDIENTS
from assets.machinery.keys import COMPARISON_GROUP, DATA_GROUP
from assets.machinery.lineage import upstream_versions
from assets.resources.home import Home
from assets.resources.memory import Memory, remember
from har_core.base.errors import InputError
from har_core.experiment.loader import load_experiment
from har_core.settings.experiment import Experiment
from pipelines.definitions import build_definitions
from pipelines.homes import prepare
from pipelines.runner import Outcome, make_request, run_waves
from pipelines.staleness import Item, ask

ROOT = Path(__file__).parents[2]
MAX_TICKS = 20


def simulated(asset: dg.AssetsDefinition, failures: set[str]) -> dg.AssetsDefinition:
    """The same asset, computed in no time; where it is one of ``failures``, it raises.

    The content of a fit follows from its inputs, its settings and the seed asked for, that of a comparison from its
    inputs. Edited code changes no content: the edits of these tests are of that kind.
    """
    [spec] = asset.specs
    name = spec.key.to_user_string()

    @dg.multi_asset(
        name=asset.node_def.name,
        specs=[spec],
        check_specs=[*asset.check_specs],
        partitions_def=asset.partitions_def,
        config_schema={"seed": dg.Field(int, is_required=False)},
    )
    def body(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]  # read by Dagster
        if name in failures:
            raise InputError("no")
        seed = context.op_execution_context.op_config.get("seed")
        settings = {} if spec.group_name == COMPARISON_GROUP else spec.metadata[INGREDIENTS]["settings"]
        content = json.dumps([upstream_versions(context), settings, seed], sort_keys=True)
        return dg.MaterializeResult(
            data_version=dg.DataVersion(hashlib.sha256(content.encode()).hexdigest()),
            metadata={INGREDIENTS: dg.MetadataValue.json(spec.metadata[INGREDIENTS])},
            check_results=[dg.AssetCheckResult(check_name=check.name, passed=True) for check in asset.check_specs],
        )

    return body


@dataclass(frozen=True)
class World:
    """A home, its experiment file, its recordings and a copy of the core's sources."""

    root: Path
    instance: dg.DagsterInstance
    failures: set[str] = field(default_factory=set)
    """Simulated assets that fail."""

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
        asked = ask(self.definitions().resolve_asset_graph(), self.instance, self.home.root)
        return {str(item): str(status.state) for item, status in asked.items()}

    def look_at_source(self) -> None:
        report_source_version(self.instance, self.experiment, self.home)
        sync_folds(self.instance, self.experiment)

    def run(self, selection: str | None = None, *, forced: bool = False, seed: int | None = None) -> Outcome:
        """As ``har run`` does."""
        self.look_at_source()
        definitions = self.definitions()
        request = make_request(definitions.resolve_asset_graph(), selection, forced=forced, seed=seed)
        return run_waves(definitions, self.instance, request, self.home.root)

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
            by_partition: dict[tuple[dg.PartitionsDefinition[str] | None, str | None], list[dg.AssetKey]] = {}
            for result in answer.results:
                for entry in result.true_subset.expensively_compute_asset_partitions():
                    partitions = definitions.resolve_asset_graph().get(entry.asset_key).partitions_def
                    by_partition.setdefault((partitions, entry.partition_key), []).append(entry.asset_key)
            for (_, partition), keys in by_partition.items():
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
def opened(root: Path, instance: dg.DagsterInstance) -> Iterator[World]:
    home = Home(root / "home")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "HAR_DATA", "HAR_EXPERIMENT"):
            patch.delenv(name, raising=False)
        for name in ("HAR_HOME", "DAGSTER_HOME"):
            patch.setenv(name, "")  # so that what is set here is undone
        prepare(home)
        remember(home, Memory(str(root / "tiny.toml"), str(root / "recordings")))
        with judged_by(root / "har_core"):
            yield World(root, instance)


@contextmanager
def judged_by(sources: Path) -> Iterator[None]:
    """Code versions of the sources in this folder; what was read once is read again only where its content changed."""
    plain, known = code_versions._hash_of_source, _known_hashes

    def hash_of_source(path: Path) -> str:
        content = path.read_bytes()
        if content not in known:
            known[content] = plain(path)
        return known[content]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code_versions, "_package_folder", lambda: sources)
        patch.setattr(code_versions, "_hash_of_source", hash_of_source)
        patch.setattr(har_core.report, "__file__", str(sources / "report" / "__init__.py"))
        yield


_known_hashes: dict[bytes, str] = {}
"""Of sources, by their content: a copy is not parsed again."""


@contextmanager
def simulating(world: World) -> Iterator[World]:
    def build(experiment: Experiment) -> list[dg.AssetSpec | dg.AssetsDefinition]:
        return [
            simulated(asset, world.failures)
            if isinstance(asset, dg.AssetsDefinition) and {*asset.group_names_by_key.values()} != {DATA_GROUP}
            else asset
            for asset in build_assets(experiment)
        ]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipelines.definitions.build_assets", build)
        yield world


def run_once(world: World) -> None:
    outcome = world.run()
    assert not outcome.failures, outcome.failures
    assert set(world.states().values()) == {"fresh"}


def copy_sources(root: Path) -> None:
    """The core's sources, by which the code of a world in ``root`` is judged."""
    shutil.copytree(ROOT / "har_core", root / "har_core", ignore=shutil.ignore_patterns("__pycache__"))


def copied(root: Path, target: Path) -> Path:
    """Times of change are kept."""
    return shutil.copytree(root, target, ignore=shutil.ignore_patterns("*.lock"))


def stored_in(root: Path) -> dg.DagsterInstance:
    """The instance that a home has."""
    home = Home(root / "home")
    prepare(home)
    return dg.DagsterInstance.from_config(str(home.dagster))
