"""What is started by hand runs when it is asked for by name, and nobody else sees it as missing or stale."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from assets.machinery.keys import BY_HAND
from assets.resources.home import Home
from har_core.base.errors import InputError, UnknownNameError
from har_core.experiment.loader import load_experiment
from pipelines.automation.condition import with_condition
from pipelines.runner import make_request, run_waves, select_assets
from pipelines.searching import request_search, require_search
from pipelines.staleness import ask
from tests.pipelines.conftest import Toy

SEARCH = dg.AssetKey(["search", "a"])


class ToyWithSearch(Toy):
    """windows -> search/a, which is started by hand."""

    def assets(self) -> list[dg.AssetSpec | dg.AssetsDefinition]:
        return [*super().assets(), self._asset("search/a", ["windows"], tags=BY_HAND)]


@pytest.fixture
def searching(tmp_path: Path) -> Iterator[ToyWithSearch]:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("folds", ["f1", "f2"])
        toy = ToyWithSearch(tmp_path, instance)
        toy.report_source("s1")
        yield toy


def search(toy: Toy) -> list[str]:
    """As ``har search`` does; gives what ran."""
    toy.ran.clear()
    definitions = toy.definitions()
    request = request_search(definitions.resolve_asset_graph(), "a")
    request.config.clear()  # type: ignore[attr-defined]  # these assets take none
    run_waves(definitions, toy.instance, request, toy.home)
    return toy.ran


@pytest.mark.parametrize(("select", "forced"), [(None, False), (None, True), ("windows+", False), ("*", False)])
def test_no_selection_takes_it_along(searching: ToyWithSearch, select: str | None, forced: bool) -> None:
    searching.run(select, forced=forced)
    assert "windows" in searching.ran
    assert "search/a" not in searching.ran


def test_har_run_says_how_it_is_started(searching: ToyWithSearch) -> None:
    with pytest.raises(UnknownNameError, match="is started by hand: har search --model a"):
        select_assets(searching.definitions().resolve_asset_graph(), "search/a")


def test_a_search_runs_what_is_due_above_it_and_nothing_else(searching: ToyWithSearch) -> None:
    assert search(searching) == ["windows", "search/a"]
    assert search(searching) == ["search/a"]
    searching.report_source("s2")
    assert search(searching) == ["windows", "search/a"]


def test_status_never_speaks_of_it_unless_asked(searching: ToyWithSearch) -> None:
    assert "search/a" not in searching.statuses()
    search(searching)
    searching.code["search/a"] = "2"
    assert "search/a" not in searching.statuses()
    graph = searching.definitions().resolve_asset_graph()
    asked = ask(graph, searching.instance, searching.home, also=[SEARCH])
    assert {str(item): str(status.state) for item, status in asked.items()}["search/a"] == "stale"


def test_automation_has_no_condition_for_it(searching: ToyWithSearch) -> None:
    graph = dg.Definitions(with_condition(searching.assets(), Home(searching.home))).resolve_asset_graph()
    assert graph.get(SEARCH).automation_condition is None
    assert graph.get(dg.AssetKey("windows")).automation_condition is not None


def test_the_request_of_everything_leaves_it_out(searching: ToyWithSearch) -> None:
    assert SEARCH not in make_request(searching.definitions().resolve_asset_graph()).wanted


def test_a_model_that_is_not_searched_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[models]\narchitectures = ["cnn", "compact"]\n')
    with pytest.raises(InputError, match=r"has no \[search\.compact\]"):
        require_search(load_experiment(path), "compact")
    path.write_text(path.read_text() + "[search.compact]\nspace.width = [2, 4]\n")
    require_search(load_experiment(path), "compact")
    with pytest.raises(UnknownNameError, match="no search is called 'cnn'"):
        require_search(load_experiment(path), "cnn")
