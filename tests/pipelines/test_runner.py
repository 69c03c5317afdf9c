from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import pytest

from har_core.base.errors import InputError, UnknownNameError
from pipelines.runner import select_assets

if TYPE_CHECKING:
    from tests.pipelines.conftest import Toy

EVERYTHING = ["windows", "splits", "models/a", "models/b", "folds/a[f1]", "folds/a[f2]", "report"]


def test_first_run_does_everything_once_in_dependency_order(toy: Toy) -> None:
    outcome = toy.run()
    assert sorted(toy.ran) == sorted(EVERYTHING)
    assert toy.ran.index("windows") < toy.ran.index("splits") < toy.ran.index("models/a")
    assert toy.ran[-1] == "report"
    assert [str(item) for item in outcome.ran] == toy.ran
    assert (outcome.failures, outcome.held, outcome.unsettled) == ({}, {}, [])


def test_second_run_does_nothing(toy: Toy) -> None:
    toy.run()
    toy.run()
    assert toy.ran == []


def test_wave_that_changes_nothing_stops(toy: Toy) -> None:
    toy.run()
    toy.report_source("s2")
    toy.run()
    assert toy.ran == ["windows"]


def test_wave_goes_on_as_far_as_content_changes(toy: Toy) -> None:
    toy.run()
    toy.report_source("s2")
    toy.content["windows"] = "y"
    toy.run()
    assert sorted(toy.ran) == ["folds/a[f1]", "folds/a[f2]", "splits", "windows"]


def test_stale_asset_waits_for_what_is_undecided_above_it(toy: Toy) -> None:
    toy.run()
    toy.code |= {"windows": "2", "models/a": "2"}
    toy.content |= {"windows": "y", "splits": "y"}
    toy.run()
    assert toy.ran.count("models/a") == 1
    assert toy.ran.index("splits") < toy.ran.index("models/a")


def test_lost_output_is_made_again_and_nothing_below(toy: Toy) -> None:
    toy.run()
    toy.output("windows").unlink()
    toy.run()
    assert toy.ran == ["windows"]
    assert toy.output("windows").exists()


def test_one_failing_model_stops_neither_the_other_nor_the_report(toy: Toy) -> None:
    toy.failures["models/a"] = InputError("no")
    outcome = toy.run()
    assert {str(item): type(error) for item, error in outcome.failures.items()} == {"models/a": InputError}
    assert {"models/b", "report"} <= {str(item) for item in outcome.ran}
    assert toy.ran.count("models/a") == 1


def test_what_a_failed_check_is_of_is_told_and_holds_nothing(toy: Toy) -> None:
    toy.unsound = {"models/b", "folds/a[f2]"}
    outcome = toy.run()
    assert {name: set(map(str, items)) for name, items in outcome.failed_checks.items()} == {"sound": toy.unsound}
    assert toy.ran[-1] == "report"
    assert toy.run().failed_checks == {}


def test_what_is_below_a_failure_is_held_with_the_reason(toy: Toy) -> None:
    toy.failures["windows"] = ValueError("no")
    outcome = toy.run()
    assert toy.ran == ["windows"]
    held = {str(item): reason for item, reason in outcome.held.items()}
    assert held["splits"] == held["folds/a[f1]"] == "windows could not be brought up to date"
    assert held["report"] == "nothing that it could use is there"
    assert held["models/b"] == "splits could not be brought up to date"


def test_failed_asset_is_tried_again_by_the_next_run(toy: Toy) -> None:
    toy.failures["models/a"] = ValueError("no")
    toy.run()
    toy.failures.clear()
    toy.run()
    assert toy.ran == ["models/a", "report"]


def test_failure_of_a_rerun_holds_what_is_below_although_older_outputs_stand(toy: Toy) -> None:
    toy.run()
    toy.code |= {"splits": "2", "models/a": "2"}
    toy.failures["splits"] = ValueError("no")
    outcome = toy.run()
    assert toy.ran == ["splits"]
    assert {str(item): reason for item, reason in outcome.held.items()} == {
        "models/a": "splits could not be brought up to date",
        "models/b": "splits could not be brought up to date",
        "report": "models/a could not be brought up to date",
    }
    assert toy.output("splits").read_text() == "x"


def test_failed_partition_leaves_the_others(toy: Toy) -> None:
    toy.failures["folds/a[f1]"] = ValueError("no")
    outcome = toy.run()
    assert [str(item) for item in outcome.failures] == ["folds/a[f1]"]
    assert "folds/a[f2]" in toy.ran


def test_lost_fold_is_made_again_alone(toy: Toy) -> None:
    toy.run()
    toy.output("folds/a[f2]").unlink()
    toy.run()
    assert toy.ran == ["folds/a[f2]"]


def test_fold_that_stayed_stale_is_made_again_alone(toy: Toy) -> None:
    toy.run()
    toy.code["folds/a"] = "2"
    toy.failures["folds/a[f2]"] = ValueError("no")
    toy.run()
    assert toy.ran == ["folds/a[f1]", "folds/a[f2]"]
    assert (toy.states()["folds/a[f1]"], toy.states()["folds/a[f2]"]) == ("fresh", "stale")
    toy.failures.clear()
    toy.run()
    assert toy.ran == ["folds/a[f2]"]


def test_stale_folds_run_without_models_and_before_the_report(toy: Toy) -> None:
    toy.run()
    toy.code["folds/a"] = "2"
    toy.content["folds/a[f1]"] = "y"
    toy.run()
    assert toy.ran == ["folds/a[f1]", "folds/a[f2]", "report"]


def test_folds_wait_for_no_model_that_fails(toy: Toy) -> None:
    toy.failures |= {"splits": ValueError("no"), "models/a": ValueError("no")}
    toy.run()
    assert {"folds/a[f1]", "folds/a[f2]", "report"} <= set(toy.ran)


def test_report_waits_for_folds_that_are_not_known_at_the_start(unfolded_toy: Toy) -> None:
    unfolded_toy.run()
    assert sorted(unfolded_toy.ran) == sorted(EVERYTHING)
    assert unfolded_toy.ran[-1] == "report"
    unfolded_toy.run()
    assert unfolded_toy.ran == []


def test_new_folds_run_and_then_the_report(toy: Toy) -> None:
    toy.run()
    toy.instance.add_dynamic_partitions("folds", ["f3"])
    toy.run()
    assert toy.ran == ["folds/a[f3]", "report"]


def test_new_subject_brings_its_fold_and_makes_all_others_stale(unfolded_toy: Toy) -> None:
    unfolded_toy.run()
    unfolded_toy.adds["windows"] = ["f1", "f3"]
    unfolded_toy.content |= {"windows": "y", "folds/a[f1]": "y"}
    unfolded_toy.report_source("s2")
    unfolded_toy.run()
    assert unfolded_toy.ran == ["windows", "splits", "folds/a[f1]", "folds/a[f3]", "report"]
    assert set(unfolded_toy.states().values()) == {"fresh"}


def test_folds_of_windows_that_fail_are_held(unfolded_toy: Toy) -> None:
    unfolded_toy.failures["windows"] = ValueError("no")
    outcome = unfolded_toy.run()
    held = {str(item): reason for item, reason in outcome.held.items()}
    assert held["folds/a"] == "windows could not be brought up to date"
    assert held["report"] == "nothing that it could use is there"


@pytest.mark.parametrize("forced", [False, True])
def test_selected_folds_below_something_missing_are_held(unfolded_toy: Toy, forced: bool) -> None:
    outcome = unfolded_toy.run("key:folds/a", forced=forced)
    assert unfolded_toy.ran == []
    hint = "'+key:\"folds/a\"' selects what is above it too"
    assert list(outcome.held.values()) == [f"windows is missing and was not selected; {hint}"]


def test_selected_folds_with_what_is_above_them(unfolded_toy: Toy) -> None:
    unfolded_toy.run('+key:"folds/a"', forced=True)
    assert unfolded_toy.ran == ["windows", "folds/a[f1]", "folds/a[f2]"]


def test_selection_runs_what_is_due_of_it_alone(toy: Toy) -> None:
    toy.run()
    toy.code |= {"models/a": "2", "models/b": "2"}
    toy.run('key:"models/a"')
    assert toy.ran == ["models/a"]


def test_selection_below_something_missing_is_held(toy: Toy) -> None:
    outcome = toy.run("models/a")
    assert toy.ran == []
    offered = '+key:"models/a"'
    hint = f"'{offered}' selects what is above it too"
    assert list(outcome.held.values()) == [f"splits is missing and was not selected; {hint}"]
    assert toy.run(offered).held == {}
    assert "models/a" in toy.ran


def test_selection_with_upstream(toy: Toy) -> None:
    toy.run('+key:"models/a"')
    assert toy.ran == ["windows", "splits", "models/a"]


def test_forced_selection_runs_although_fresh(toy: Toy) -> None:
    toy.run()
    toy.run("models/a", forced=True)
    assert toy.ran == ["models/a"]
    toy.run(forced=True)
    assert sorted(toy.ran) == sorted(EVERYTHING)


def test_asset_that_never_agrees_with_itself_is_told_not_repeated(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    toy.run()
    toy.code["windows"] = "2"
    monkeypatch.setattr(
        "pipelines.staleness.output_problems",
        lambda root, outputs: ["gone"] if [*outputs] == ["data/windows.txt"] else [],
    )
    outcome = toy.run()
    assert toy.ran == ["windows"]
    assert [str(status.item) for status in outcome.unsettled] == ["windows"]


@pytest.mark.parametrize(
    ("selection", "complaint"),
    [
        ("nonsense", "names no asset."),
        ("key:nonsense", "names no asset."),
        ("key:source_files", "names no asset."),
        ("((", "is no selection of assets, in Dagster's syntax."),
        ("status:fresh", "is no selection of assets, in Dagster's syntax."),
        ("splts", "names no asset; did you mean 'splits'?"),
        ('+key:"modles/b"', "names no asset; did you mean 'models/b'?"),
    ],
)
def test_selection_of_nothing_tells_the_nearest_and_all_names(toy: Toy, selection: str, complaint: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        select_assets(toy.definitions().resolve_asset_graph(), selection)
    names = "folds/a, models/a, models/b, report, splits, windows"
    assert str(caught.value) == f"--select {selection!r} {complaint} There are {names}."
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        ("windows or splits", ["splits", "windows"]),
        ("windows,models/a", ["models/a", "windows"]),
        ("windows, report", ["report", "windows"]),
        ("+models/a", ["models/a", "splits", "windows"]),
        ("1+models/a", ["models/a", "splits"]),
        ("models/a+", ["models/a", "report"]),
        ("+splits, models/b+", ["models/b", "report", "splits", "windows"]),
        ("models/*", ["models/a", "models/b"]),
        ("group:models and not models/a", ["models/b"]),
        ("roots(+report) or splits", ["splits", "windows"]),
        ('key:"windows" or key:splits', ["splits", "windows"]),
    ],
)
def test_plain_names_can_be_joined(toy: Toy, selection: str, names: list[str]) -> None:
    chosen = select_assets(toy.definitions().resolve_asset_graph(), selection)
    assert sorted(key.to_user_string() for key in chosen) == names


def test_interruption_ends_the_command_and_closes_the_run(toy: Toy) -> None:
    toy.failures["models/a"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        toy.run()
    assert toy.ran == ["windows", "splits", "models/a"]
    assert [run.status for run in toy.instance.get_runs()] == [dg.DagsterRunStatus.FAILURE]


def test_dagster_runs_name_their_process(toy: Toy) -> None:
    toy.run("windows")
    runs = toy.instance.get_runs()
    assert [run.status for run in runs] == [dg.DagsterRunStatus.SUCCESS]
    assert "har/process" in runs[0].tags
