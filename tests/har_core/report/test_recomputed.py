"""Every number of the report is what other libraries make of the predictions, and none is there that nobody checked."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from made_reports import made
from recomputed import Near, numbers, recompute

from har_core.report.build import Report, build_report

COPIED = re.compile(
    "|".join(
        (
            r"entries/\w+/result/(training_settings|history|complexity|latency)/.*",
            r"entries/\w+/result/(best_epoch|training_seconds|file_bytes|(num_windows|subjects)/training.*)",
            r"protocols/\w+/ranking/\w+/num_parameters",
            r"folds/[^/]+/(subjects|num_windows)/training.*",
            r"folds/[^/]+/seeds/seed \d+/best_epoch",
            r"experiment/.*",
            r"schema_version",
        )
    )
)
"""Numbers that stand in the report as records and experiment file have them."""


@pytest.fixture(scope="module")
def report() -> Report:
    return build_report(made().inputs)


@pytest.fixture(scope="module")
def figures(report: Report) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(report.json)
    return content


@pytest.fixture(scope="module")
def expected(figures: dict[str, Any]) -> dict[str, Any]:
    return recompute(made(), front=figures["sureness"]["front"])


def test_every_number_is_that_of_the_predictions(figures: dict[str, Any], expected: dict[str, Any]) -> None:
    told, right = numbers(figures), numbers(expected)
    unknown = [path for path in told if path not in right and not COPIED.fullmatch(path)]
    assert not unknown, "nobody computes these again, in tests/support/recomputed.py, nor are they copied"
    assert not right.keys() - told.keys(), "these are no longer in the report"
    wrong = {path: (told[path], value) for path, value in right.items() if not is_near(told[path], value)}
    assert not wrong, "report and predictions differ"


def is_near(told: float | Near, value: float | Near) -> bool:
    assert not isinstance(told, Near)
    if isinstance(value, Near):
        return told == pytest.approx(value.value, abs=value.within)
    return told == value if isinstance(value, int) else told == pytest.approx(value, rel=1e-9, abs=1e-12)
