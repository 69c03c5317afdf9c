"""The toy graph of ``tests/pipelines``, ticked as the automation sensor would."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from dagster._core.definitions.asset_daemon_cursor import AssetDaemonCursor

from assets.resources.home import Home
from pipelines.automation.condition import with_condition

if TYPE_CHECKING:
    from tests.pipelines.conftest import Toy


@dataclass
class Ticker:
    toy: Toy
    cursor: AssetDaemonCursor | None = None

    def definitions(self) -> dg.Definitions:
        return dg.Definitions(with_condition(self.toy.assets(), Home(self.toy.home)))

    def tick(self, meanwhile: Callable[[], object] = lambda: None) -> set[str]:
        """What is asked for, and run at once; ``meanwhile`` comes between, when the run has its code already."""
        definitions = self.definitions()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.BetaWarning)  # of what this function calls itself
            answer = dg.evaluate_automation_conditions(definitions, self.toy.instance, cursor=self.cursor)
        self.cursor = answer.cursor
        asked: dict[str | None, list[dg.AssetKey]] = {}
        for result in answer.results:
            for entry in result.true_subset.expensively_compute_asset_partitions():
                asked.setdefault(entry.partition_key, []).append(entry.asset_key)
        meanwhile()
        self.toy.ran.clear()
        for partition, keys in asked.items():
            definitions.resolve_implicit_global_asset_job_def().execute_in_process(
                instance=self.toy.instance, asset_selection=keys, partition_key=partition, raise_on_error=False
            )
        return set(self.toy.ran)

    @contextmanager
    def other_run(self) -> Iterator[None]:
        """A run is at work, and has made nothing yet."""
        run = self.toy.instance.add_run(dg.DagsterRun(job_name="other", status=dg.DagsterRunStatus.STARTED))
        yield
        self.toy.instance.report_run_canceled(run)

    def ticks(self) -> list[set[str]]:
        """Until one asks for nothing; that one left out."""
        asked: list[set[str]] = []
        for _ in range(10):
            last = self.tick()
            if not last:
                return asked
            asked.append(last)
        raise AssertionError(f"never quiet: {asked}")


@pytest.fixture
def ticker(ran_toy: Toy) -> Ticker:
    """After everything ran by hand, and a first look."""
    ticker = Ticker(ran_toy)
    assert ticker.tick() == set()
    return ticker
