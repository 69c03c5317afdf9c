"""What ``har report --compare`` says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from stored_reports import entry_of, report_of, write_report

from assets.resources.home import Home
from assets.resources.runs import TrackedRun
from assets.resources.tracking import Tracking

if TYPE_CHECKING:
    from har_commands import Result

BASE = [0.7, 0.8, 0.75, 0.72]
SCORES = (
    "cnn (loso): macro-F1 0.742 -> 0.842, better (better 1.00, equivalent 0.00, worse 0.00; "
    "Wilcoxon with Holm p = 0.125; 4 subjects)"
)


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """A file."""
    return write_report(tmp_path / "before", report_of({"cnn": [BASE], "lda": [BASE]}))


@pytest.fixture
def after(tmp_path: Path) -> Path:
    """A home."""
    told = report_of(
        {"cnn": [[score + 0.1 for score in BASE]]},
        entries=[entry_of("lstm", 0.5)],
        experiment={"training": {"epochs": 3}},
        git_commit="b" * 40,
        missing=["models/lda: failed"],
    )
    return write_report(tmp_path / "other" / "data" / "reports" / "latest", told).parents[3]


def test_in_words(har: Callable[..., Result], before: Path, after: Path) -> None:
    answer = har("report", "--compare", str(before), str(after))
    assert answer.exit_code == 0
    assert answer.out.splitlines()[2:] == [
        "Added: lstm",
        "Gone: lda",
        "Setting: training nothing -> a section of 1",
        "Commit: aaaaaaaaaaaa -> bbbbbbbbbbbb",
        "Missing now: models/lda: failed",
        SCORES,
        "1 better",
    ]


def test_the_same_twice(har: Callable[..., Result], before: Path) -> None:
    lines = har("report", "--compare", str(before), str(before.parent)).out.splitlines()
    assert lines[2] == "Models, data, settings and commit are the same."
    assert lines[-1] == "2 equivalent"


def test_json(har: Callable[..., Result], before: Path, after: Path) -> None:
    told = json.loads(har("report", "--json", "--compare", str(after), str(before)).out)
    assert (told["added"], told["gone"]) == (["lda"], ["lstm"])
    assert told["models"][0]["pair"]["verdict"] == "worse"


def test_a_run(har: Callable[..., Result], home: Path, before: Path) -> None:
    tracking = Tracking(Home(home))
    ids = [tracking.client.create_run(tracking.experiment_id).info.run_id for _ in range(2)]
    TrackedRun(tracking, ids[0]).log_file(before)
    assert har("report", "--compare", ids[0], str(before)).out.splitlines()[-1] == "2 equivalent"
    answer = har("report", "--compare", ids[1], str(before))
    assert answer.exit_code == 2
    assert "the run of a comparison report" in answer.err


def test_all_problems_at_once(har: Callable[..., Result], tmp_path: Path) -> None:
    damaged = write_report(tmp_path / "damaged", {"title": 1})
    answer = har("report", "--compare", str(damaged), "f" * 32)
    assert (answer.exit_code, answer.out) == (2, "")
    assert "damaged/report.json: title" in answer.err
    assert "damaged/report.json: origin" in answer.err
    assert f"{'f' * 32}: found nothing, expected a report.json" in answer.err
    answer = har("report", "--compare", str(tmp_path), "")
    assert answer.exit_code == 2
    assert "or a home with data/reports/latest/report.json" in answer.err
    assert "(empty)" in answer.err
