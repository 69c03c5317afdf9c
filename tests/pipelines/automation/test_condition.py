from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from dagster import DagsterInstance
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

from assets.resources.home import Home
from assets.resources.occupation import occupied
from har_core.base.errors import InputError
from pipelines.automation import condition
from pipelines.staleness import Item, Status, ask

if TYPE_CHECKING:
    from tests.pipelines.automation.conftest import Ticker
    from tests.pipelines.conftest import Toy


def test_nothing_changed(ticker: Ticker) -> None:
    assert ticker.ticks() == []


def test_a_change_goes_level_by_level_as_far_as_content_changes(ticker: Ticker, toy: Toy) -> None:
    toy.report_source("s2")
    toy.content |= {"windows": "y", "splits": "y"}
    assert ticker.ticks() == [{"windows"}, {"splits", "folds/a[f1]", "folds/a[f2]"}, {"models/a", "models/b"}]


def test_a_change_that_changes_no_content_stops_at_once(ticker: Ticker, toy: Toy) -> None:
    toy.report_source("s2")
    assert ticker.ticks() == [{"windows"}]


def test_what_changed_below_something_that_changed_waits_for_it(ticker: Ticker, toy: Toy) -> None:
    """A new window length gives windows and models new code; splits lie between them."""
    toy.code |= {"windows": "2", "models/a": "2"}
    toy.content |= {"windows": "y", "splits": "y", "models/a": "y", "folds/a[f1]": "y"}
    assert ticker.ticks() == [
        {"windows"},
        {"splits", "models/a", "folds/a[f1]", "folds/a[f2]"},  # the model after the splits, in one run
        {"models/b", "report"},
    ]
    assert set(toy.states().values()) == {"fresh"}


def test_a_lost_output_is_asked_for(ticker: Ticker, toy: Toy) -> None:
    toy.output("models/b").unlink()
    assert ticker.ticks() == [{"models/b"}]


def test_one_stale_fold_is_asked_for_alone(ticker: Ticker, toy: Toy) -> None:
    toy.output("folds/a[f2]").unlink()
    assert ticker.ticks() == [{"folds/a[f2]"}]


def test_a_new_fold_is_asked_for_and_then_the_report(ticker: Ticker, toy: Toy) -> None:
    toy.instance.add_dynamic_partitions("folds", ["f3"])
    assert ticker.ticks() == [{"folds/a[f3]"}, {"report"}]


def test_the_report_waits_for_what_is_missing(ticker: Ticker, toy: Toy) -> None:
    toy.instance.add_dynamic_partitions("folds", ["f3"])
    toy.failures["folds/a[f3]"] = InputError("no")
    toy.code["models/a"], toy.content["models/a"] = "2", "y"
    assert ticker.ticks() == [{"models/a", "folds/a[f3]"}]
    toy.failures.clear()
    toy.run("key:folds/a")
    assert ticker.ticks() == [{"report"}]


def test_the_report_takes_what_stands_of_what_failed(ticker: Ticker, toy: Toy) -> None:
    toy.code |= {"models/a": "2", "models/b": "2"}
    toy.content["models/a"] = "y"
    toy.failures["models/b"] = InputError("no")
    assert ticker.ticks() == [{"models/a", "models/b"}, {"report"}]


def test_a_failure_is_not_repeated_until_something_changes(ticker: Ticker, toy: Toy) -> None:
    toy.failures["windows"] = InputError("no")
    toy.report_source("s2")
    assert ticker.ticks() == [{"windows"}]
    with ticker.other_run():
        assert ticker.tick() == set()
    assert ticker.ticks() == []
    toy.report_source("s3")
    assert ticker.ticks() == [{"windows"}]
    toy.failures.clear()
    toy.code["windows"] = "2"
    assert ticker.ticks() == [{"windows"}]


def test_what_changed_while_nobody_looked_is_asked_for(ticker: Ticker, toy: Toy) -> None:
    toy.code["models/a"] = "2"  # no tick between the change and the next look: the daemon was down
    assert ticker.ticks() == [{"models/a"}]


def test_what_was_due_before_the_first_look_is_asked_for(ticker: Ticker, toy: Toy) -> None:
    toy.code["models/a"] = "2"
    ticker.cursor = None
    assert ticker.ticks() == [{"models/a"}]


def test_what_changed_while_it_was_made_is_asked_for_again(ticker: Ticker, toy: Toy) -> None:
    def change() -> None:
        toy.code["models/a"] = "3"
        with ticker.other_run():
            assert ticker.tick() == set()

    toy.code["models/a"] = "2"
    assert ticker.tick(change) == {"models/a"}
    assert ticker.ticks() == [{"models/a"}]
    assert set(toy.states().values()) == {"fresh"}


def test_nothing_is_asked_for_while_a_run_is_at_work(ticker: Ticker, toy: Toy) -> None:
    toy.code["models/a"] = "2"
    with ticker.other_run():
        assert ticker.ticks() == []
    assert ticker.ticks() == [{"models/a"}]


def test_nothing_is_asked_for_while_a_backfill_waits(ticker: Ticker, toy: Toy) -> None:
    """Dagster begins it half a minute later, and looks at it as rarely from one level to the next."""
    toy.code["models/a"] = "2"
    backfill = PartitionBackfill(
        "few", BulkActionStatus.REQUESTED, from_failure=False, tags={}, backfill_timestamp=0.0, asset_selection=[]
    )
    toy.instance.add_backfill(backfill)
    assert ticker.ticks() == []
    done = backfill.with_status(BulkActionStatus.COMPLETED_SUCCESS)  # type: ignore[no-untyped-call]  # Dagster's
    toy.instance.update_backfill(done)
    assert ticker.ticks() == [{"models/a"}]


def test_nothing_is_asked_for_while_a_command_works_in_the_home(ticker: Ticker, toy: Toy) -> None:
    """Between two waves of ``har run`` no run is at work."""
    toy.code["models/a"] = "2"
    with occupied(Home(toy.home)):
        assert ticker.ticks() == []
    assert ticker.ticks() == [{"models/a"}]


def test_what_is_made_while_it_is_looked_at_is_not_asked_for(
    ticker: Ticker, toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run was at work when the look began, and over with its work done when it ended."""
    toy.code["models/a"] = "2"
    run = ticker.other_run()
    look = ask

    def slow_look(graph: AssetGraph, instance: DagsterInstance, root: Path) -> dict[Item, Status]:
        statuses = look(graph, instance, root)
        toy.run("models/a")
        run.__exit__(None, None, None)
        return statuses

    monkeypatch.setattr(condition, "ask", slow_look)
    run.__enter__()
    assert ticker.tick() == set()


def test_what_was_never_tried_because_its_input_failed_is_asked_for_again(ticker: Ticker, toy: Toy) -> None:
    toy.code |= {"windows": "2", "splits": "2"}
    toy.failures["windows"] = InputError("no")
    assert ticker.ticks() == [{"windows"}]
    toy.failures.clear()
    toy.code["windows"] = "3"  # mended, to the same content
    assert ticker.ticks() == [{"windows", "splits"}]
    assert set(toy.states().values()) == {"fresh"}


def test_the_report_takes_what_stands_of_what_failed_in_the_same_run(ticker: Ticker, toy: Toy) -> None:
    toy.code |= {"models/a": "2", "report": "2"}
    toy.failures["models/a"] = InputError("no")
    assert ticker.ticks() == [{"models/a"}, {"report"}]


def test_what_fails_beside_an_input_is_repeated_once(ticker: Ticker, toy: Toy) -> None:
    toy.code |= {"windows": "2", "splits": "2"}
    toy.failures["splits"] = InputError("no")
    assert ticker.ticks() == [{"windows", "splits"}, {"splits"}]


def test_what_failed_is_not_left_out_of_what_is_made_from_it(ticker: Ticker, toy: Toy) -> None:
    """The splits are due by themselves; made from the windows that could not be renewed, they were made twice."""
    toy.failures["windows"] = InputError("no")
    toy.report_source("s2")
    assert ticker.ticks() == [{"windows"}]
    toy.code["splits"] = "2"
    assert ticker.ticks() == []
    toy.failures.clear()
    toy.content["windows"] = "y"
    toy.report_source("s3")
    assert ticker.ticks() == [{"windows", "splits"}, {"folds/a[f1]", "folds/a[f2]"}]


def test_what_was_run_by_hand_is_not_asked_for_again(ticker: Ticker, toy: Toy) -> None:
    toy.code["models/a"] = "2"
    toy.content["models/a"] = "y"
    toy.run("models/a")
    assert ticker.ticks() == [{"report"}]
