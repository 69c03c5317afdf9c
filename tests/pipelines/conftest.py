"""A small graph that stands for the real one: what its assets say and whether they fail is set by the test."""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import dagster as dg
import pytest
from instances import copy_into
from stores import copied_stores

from assets.machinery.code_versions import INGREDIENTS, Ingredients
from assets.machinery.keys import PARTIAL_INPUTS
from assets.machinery.lineage import OUTPUTS
from pipelines.runner import Outcome, make_request, run_waves
from pipelines.staleness import Item, Status, ask


@pytest.fixture(scope="session", autouse=True)
def _stores() -> Iterator[None]:
    with copied_stores():
        yield


FOLDS = dg.DynamicPartitionsDefinition(name="folds")


@dataclass
class Toy:
    """source_files -> windows -> splits -> models/a, models/b -> report; windows -> folds/a -> report."""

    home: Path
    instance: dg.DagsterInstance
    code: dict[str, str] = field(default_factory=dict)
    """Code version of an asset; "1" where absent."""
    made_with: dict[str, Ingredients] = field(default_factory=dict)
    """What an asset says that it is made with, its code version included; nothing where absent."""
    content: dict[str, str] = field(default_factory=dict)
    """What an asset computes; "x" where absent."""
    failures: dict[str, BaseException] = field(default_factory=dict)
    unsound: set[str] = field(default_factory=set)
    """Items whose check ``sound`` fails."""
    adds: dict[str, list[str]] = field(default_factory=dict)
    """Folds that there are once an asset has run."""
    ran: list[str] = field(default_factory=list)
    """Assets in the order in which they ran."""

    def assets(self) -> list[dg.AssetSpec | dg.AssetsDefinition]:
        models = [self._asset(f"models/{name}", ["splits"]) for name in "ab"]
        report = self._asset("report", ["models/a", "models/b", "folds/a"], tags={PARTIAL_INPUTS: "models.folds"})
        return [
            dg.AssetSpec("source_files"),
            self._asset("windows", ["source_files"]),
            self._asset("splits", ["windows"]),
            self._asset("folds/a", ["windows"], partitions_def=FOLDS),
            *models,
            report,
        ]

    def definitions(self) -> dg.Definitions:
        return dg.Definitions(assets=self.assets())

    def _asset(
        self,
        name: str,
        parents: list[str],
        *,
        tags: Mapping[str, str] | None = None,
        partitions_def: dg.DynamicPartitionsDefinition | None = None,
    ) -> dg.AssetsDefinition:
        made_with = self.made_with.get(name)
        told = {INGREDIENTS: asdict(made_with)} if made_with else {}

        @dg.asset(
            key=name.split("/"),
            deps=[parent.split("/") for parent in parents],
            code_version=made_with.version if made_with else self.code.get(name, "1"),
            metadata=told,
            check_specs=[dg.AssetCheckSpec("sound", asset=name.split("/"))],
            group_name=name.split("/", maxsplit=1)[0],
            tags=tags,
            partitions_def=partitions_def,
        )
        def body(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster's
            item = f"{name}[{context.partition_key}]" if context.has_partition_key else name
            self.ran.append(item)
            if item in self.failures:
                raise self.failures[item]
            if item in self.adds:
                for gone in set(self.instance.get_dynamic_partitions("folds")) - set(self.adds[item]):
                    self.instance.delete_dynamic_partition("folds", gone)
                self.instance.add_dynamic_partitions("folds", self.adds[item])
            content = self.content.get(item, "x")
            path = self.output(item)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
            recorded = {path.relative_to(self.home).as_posix(): hashlib.sha256(content.encode()).hexdigest()}
            return dg.MaterializeResult(
                data_version=dg.DataVersion(content),
                metadata={OUTPUTS: recorded, **told},
                check_results=[dg.AssetCheckResult(passed=item not in self.unsound)],
            )

        return body

    def output(self, item: str) -> Path:
        return self.home / "data" / f"{item}.txt"

    def report_source(self, version: str) -> None:
        self.instance.report_runless_asset_event(
            dg.AssetMaterialization("source_files", tags={"dagster/data_version": version})
        )

    def run(self, select: str | None = None, *, forced: bool = False) -> Outcome:
        """Run waves, and keep in ``ran`` what this call alone ran."""
        self.ran.clear()
        definitions = self.definitions()
        request = make_request(definitions.resolve_asset_graph(), select, forced=forced)
        return run_waves(definitions, self.instance, request, self.home)

    def statuses(self) -> dict[str, Status]:
        asked = ask(self.definitions().resolve_asset_graph(), self.instance, self.home)
        return {str(item): status for item, status in asked.items()}

    def states(self) -> dict[str, str]:
        return {name: str(status.state) for name, status in self.statuses().items()}


@contextmanager
def new_toy(home: Path) -> Iterator[Toy]:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("folds", ["f1", "f2"])
        toy = Toy(home, instance)
        toy.report_source("s1")
        yield toy


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[Toy]:
    with new_toy(tmp_path) as toy:
        yield toy


@pytest.fixture(scope="session")
def _ran_toy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toy]:
    with new_toy(tmp_path_factory.mktemp("toy")) as toy:
        toy.run()
        yield toy


@pytest.fixture
def ran_toy(toy: Toy, _ran_toy: Toy) -> Toy:
    """``toy``, after everything ran."""
    copy_into(toy.instance, _ran_toy.instance)
    shutil.copytree(_ran_toy.home, toy.home, dirs_exist_ok=True)
    return toy


@pytest.fixture
def unfolded_toy(tmp_path: Path) -> Iterator[Toy]:
    """No fold is known before ``windows`` has run, which adds two."""
    with dg.DagsterInstance.ephemeral() as instance:
        toy = Toy(tmp_path, instance, adds={"windows": ["f1", "f2"]})
        toy.report_source("s1")
        yield toy


__all__ = ["Item", "Toy"]
