"""Every number of the report is what other libraries make of the predictions, and none is there that nobody checked."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from html_tables import Tables
from made_reports import made
from printed_numbers import Printed, says
from recomputed import numbers, recompute
from recomputed_scores import Near

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


def test_every_table_of_the_page_prints_them(report: Report, figures: dict[str, Any], expected: dict[str, Any]) -> None:
    printed, wrong, unknown, num_checked = Printed(expected, figures["sureness"]["front"]), [], set(), 0
    for name, (head, *rows) in Tables(report.html).tables.items():
        place = 1 if head[0] == "" else 0  # ranks come before names
        for row in rows:
            for column, cell in zip(head, row, strict=True):
                if column == head[place]:
                    continue
                try:
                    right = printed.cell(name, row[place], column)
                except (AttributeError, KeyError) as error:
                    unknown.add(f"{name}, column {column!r}: {error!r}")
                    continue
                if right is not None:
                    num_checked += 1
                    if not says(cell, right):
                        wrong.append(f"{name}, {row[place]}, {column}: prints {cell!r}, expected {right}")
    assert not unknown, "nobody says in tests/support/printed_numbers.py what stands there"
    assert not wrong
    assert num_checked > 300


def test_the_opening_says_them(figures: dict[str, Any], expected: dict[str, Any]) -> None:
    own = expected["sureness"]["models"][figures["sureness"]["front"]]
    ranking = expected["protocols"]["loso"]["ranking"]
    in_front, best = (ranking[name] for name in (figures["sureness"]["front"], "lda"))
    scores = [own[key][part] for own in (in_front, best) for key in ("macro_f1", "macro_f1_clean") for part in own[key]]
    known = {f"{value:.3f}" for value in (*scores, *own["interval"])} | {f"{expected['sureness']['detectable']:.2f}"}
    told = re.findall(r"\d+\.\d+", figures["lead"])
    assert len(told) > 6
    assert {*told} <= known


def is_near(told: float | Near, value: float | Near) -> bool:
    assert not isinstance(told, Near)
    if isinstance(value, Near):
        return told == pytest.approx(value.value, abs=value.within)
    return told == value if isinstance(value, int) else told == pytest.approx(value, rel=1e-9, abs=1e-12)
