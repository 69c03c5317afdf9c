"""What ``har leaderboard`` shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from stored_reports import entry_of, report_of, write_report

from assets.resources.store import COPIED_FROM_TAG, RegisteredVersion, Store

if TYPE_CHECKING:
    from har_commands import Result

VERSION = RegisteredVersion(
    "har", 1, ("champion",), "real", "run", "m-1", "file:///m-1", {COPIED_FROM_TAG: "har-cnn/2"}
)


@pytest.fixture
def content(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Store, "registered", lambda store: [VERSION])
    told = report_of(
        {"cnn": [[0.9, 0.8, 0.7, 0.6], [0.9, 0.8, 0.7, 0.7]], "lda": [[0.99, 0.98]]},
        entries=[entry_of("lstm", 0.5)],
        missing=["models/mlp: failed"],
    )
    return write_report(home / "data" / "reports" / "latest", told)


def test_folds_first_then_the_holdout(har: Callable[..., Result], content: Path) -> None:
    answer = har("leaderboard")
    assert answer.exit_code == 0
    lines = answer.out.splitlines()
    first, second = (line.split() for line in lines[2:4])
    assert first[:4] == ["1", "cnn", "(champion)", "0.762"]
    assert first[-3:] == ["4", "of", "4"]
    assert first[7:9] == ["0.650", "(4)"]
    assert second[:3] == ["–", "lda", "0.985"]
    assert next(line.split() for line in lines if "lstm" in line) == ["lstm", "0.500"]
    assert [line for line in lines if line.startswith("Missing")] == [
        "Missing: models/mlp: failed",
        "Missing: folds/lda: 2 of 4 folds of loso",
        "Missing: folds/lstm: no fold of loso",
    ]
    assert lines[-1] == f"Report of 2026-01-02 03:04: {content}"


def test_json(har: Callable[..., Result], content: Path) -> None:
    told = json.loads(har("leaderboard", "--json").out)
    assert (told["champion"], told["protocol"]) == ("cnn", "loso")
    assert [row["model"] for row in told["by_folds"]] == ["cnn", "lda"]
    assert told["by_folds"][0]["spread"]["mean"] == pytest.approx(0.7625)
    assert told["by_folds"][1]["spread"]["interval"] is None


def test_no_report(har: Callable[..., Result], home: Path) -> None:
    answer = har("leaderboard")
    assert (answer.exit_code, answer.out) == (1, "")
    assert f"There is no report in {home} yet" in answer.err
    assert not home.exists()


def test_a_damaged_report(har: Callable[..., Result], content: Path) -> None:
    content.write_text("{}")
    answer = har("leaderboard")
    assert answer.exit_code == 2
    assert "is no report.json of har" in answer.err
