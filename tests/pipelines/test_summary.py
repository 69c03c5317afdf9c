import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetKey

from assets.resources.home import Home
from har_core.base.errors import HarError, InputError, Problem
from pipelines.runner import Outcome
from pipelines.staleness import Item, State, Status
from pipelines.summary import named, print_summary, score_to_quote

WINDOWS, SPLITS = Item(AssetKey("windows")), Item(AssetKey("splits"))


def entry(architecture: str, validation: float | None) -> dict[str, Any]:
    return {
        "result": {
            "architecture": architecture,
            "scores": {"validation": {"macro_f1": validation}, "test": {"macro_f1": 0.5}},
            "complexity": {"num_parameters": 10},
        }
    }


def outcome(state: State, **options: Any) -> Outcome:
    return Outcome({WINDOWS: Status(WINDOWS, state, ("its code or its settings changed",))}, **options)


def test_the_ranking_is_that_of_the_report_and_null_is_no_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Home(tmp_path).report_folder
    folder.mkdir(parents=True)
    (folder / "report.html").touch()
    (folder / "report.json").write_text(json.dumps({"entries": [entry("c", 0.6), entry("a", None)], "protocols": {}}))
    print_summary(outcome(State.FRESH), Home(tmp_path))
    assert capsys.readouterr().out.partition("\nRank ")[2].splitlines()[:4] == [
        " Architecture      Validation macro-F1  Test macro-F1  Parameters",
        "   1  c                              0.6000         0.5000          10",
        "   2  a                                 nan         0.5000          10",
        "",
    ]


def test_nothing_to_do_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert print_summary(outcome(State.FRESH), Home(tmp_path)) == 0
    out, err = capsys.readouterr()
    assert "Skipped, fresh: windows\nRan: nothing\n" in out
    assert (
        "Dagster: http://127.0.0.1:3000\nMLflow:  http://127.0.0.1:5000/#/experiments?workflowType=machine_learning\n"
        in out
    )
    assert f"HAR_HOME={tmp_path} " in out
    assert err == ""


@pytest.mark.parametrize(("found", "called"), [("/usr/bin/har", "har ui"), (None, ".venv/bin/har ui")])
def test_how_to_open_the_pages_works_in_this_shell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, found: str | None, called: str
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: found)
    monkeypatch.setattr(sys, "argv", [".venv/bin/har", "run", "demo.toml"])
    print_summary(outcome(State.FRESH), Home(tmp_path))
    assert f"Both are served by: HAR_HOME={tmp_path} {called}\n" in capsys.readouterr().out


def test_partitions_of_an_asset_are_told_together() -> None:
    folds = [Item(AssetKey(["folds", name]), f"loso-p{number}") for number in (1, 2) for name in ("a", "b")]
    assert named([WINDOWS, *folds, SPLITS]) == "windows, folds/a[loso-p1 loso-p2], folds/b[loso-p1 loso-p2], splits"


def test_many_assets_of_a_folder_are_counted() -> None:
    models = [Item(AssetKey(["models", str(number)])) for number in range(13)]
    folds = [Item(AssetKey(["folds", str(number)]), f"loso-p{p}") for number in range(42) for p in range(1, 9)]
    assert named([*folds, WINDOWS, *models]) == "42 of folds/* (336 partitions), windows, 13 of models/*"
    assert named(models[:12]).endswith("models/10, models/11")


def test_what_was_not_selected_is_named_with_its_causes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert print_summary(outcome(State.STALE), Home(tmp_path)) == 0
    assert "Skipped, stale: windows (not selected: its code or its settings changed)" in capsys.readouterr().out


def test_failed_checks_are_told_by_what_they_are_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failed = {"no_zero_run": [WINDOWS], "recognises": [WINDOWS, SPLITS], "no_saturation": [WINDOWS]}
    assert print_summary(outcome(State.FRESH, failed_checks=failed), Home(tmp_path)) == 0
    assert capsys.readouterr().out.splitlines()[2:4] == [
        "Warnings: windows (no_zero_run, no_saturation)",
        "Warnings: windows, splits (recognises)",
    ]


def test_held_without_a_failure_is_the_users_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert print_summary(outcome(State.MISSING, held={WINDOWS: "raw is missing"}), Home(tmp_path)) == 2
    assert "Cannot run: windows: raw is missing" in capsys.readouterr().err


def test_a_ranking_of_earlier_models_is_called_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Home(tmp_path).report_folder
    folder.mkdir(parents=True)
    (folder / "report.html").touch()
    (folder / "report.json").write_text(json.dumps({"entries": [entry("a", 0.5)]}))
    print_summary(outcome(State.FRESH), Home(tmp_path))
    assert "stood before" not in capsys.readouterr().out
    print_summary(outcome(State.STALE, failures={WINDOWS: HarError("bad")}), Home(tmp_path))
    assert "The ranking below is of what stood before" in capsys.readouterr().out


def test_every_problem_of_every_failure_is_in_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    problems = [Problem(path=f"a{number}.txt", expected="125 rows") for number in range(30)]
    failures = {WINDOWS: InputError("bad windows", problems), SPLITS: HarError("bad splits")}
    assert print_summary(outcome(State.STALE, failures=failures), Home(tmp_path)) == 2
    err = capsys.readouterr().err
    assert "Failed: windows: bad windows" in err
    assert "Failed: splits: bad splits" in err
    assert len((tmp_path / "problems.txt").read_text().splitlines()) == 1 + 30


def test_asset_that_is_stale_after_it_ran_fails_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert print_summary(outcome(State.STALE, ran=[WINDOWS]), Home(tmp_path)) == 1
    assert "Not settled: windows ran, and is stale" in capsys.readouterr().err


def protocol(architecture: str, num_folds: int, num_planned: int) -> dict[str, Any]:
    row = {
        "architecture": architecture,
        "folds": [f"loso-p{number}" for number in range(num_folds)],
        "num_folds_planned": num_planned,
        "seeds": [0, 1],
        "macro_f1": {"mean": 0.9044, "standard_deviation": 0.03},
    }
    return {"loso": {"ranking": [row]}}


def test_the_score_to_quote_is_that_of_the_champion_over_all_its_folds() -> None:
    quoted = score_to_quote({"protocols": protocol("compact", 8, 8)}, "har/3 (har-compact/2)")
    assert quoted == "compact, loso: macro-F1 0.904 ± 0.030 over 8 folds, 2 seeds"
    assert score_to_quote({"protocols": protocol("compact", 7, 8)}, "har/3 (har-compact/2)") is None
    assert score_to_quote({"protocols": protocol("cnn", 8, 8)}, "har/3 (har-compact/2)") is None
    assert score_to_quote({"protocols": {"leaky": protocol("compact", 8, 8)["loso"]}}, "har/3 (har-compact/2)") is None


def test_a_run_ends_with_the_champion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(tmp_path)
    home.report_folder.mkdir(parents=True)
    (home.report_folder / "report.html").touch()
    content = {"entries": [entry("compact", 0.9)], "protocols": protocol("compact", 8, 8)}
    (home.report_folder / "report.json").write_text(json.dumps(content))
    print_summary(outcome(State.FRESH), home, "har/3 (har-compact/2)")
    out = capsys.readouterr().out
    assert "\nChampion: har/3 (har-compact/2)\nScore to quote: compact, loso: macro-F1 0.904" in out


def test_without_validation_no_model_has_a_rank(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, unscored = Home(tmp_path).report_folder, entry("c", None)
    del unscored["result"]["scores"]["validation"]
    folder.mkdir(parents=True)
    (folder / "report.html").touch()
    (folder / "report.json").write_text(json.dumps({"entries": [unscored], "protocols": {}}))
    print_summary(outcome(State.FRESH), Home(tmp_path), "none; no champion is chosen")
    out = capsys.readouterr().out
    [row] = [line.split() for line in out.splitlines() if " c " in line]
    assert row == ["–", "c", "–", "0.5000", "10"]
    assert "Champion: none; no champion is chosen\nReport:" in out
