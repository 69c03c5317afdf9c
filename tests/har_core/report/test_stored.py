"""A report is read again as it was written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stored_reports import entry_of, report_of

from har_core.base.errors import InputError
from har_core.report import SCHEMA_VERSION
from har_core.report.build import build_report
from har_core.report.inputs import DataRun, ReportInputs
from har_core.report.standings import standings_of
from har_core.report.stored import StoredReport, read_report, read_report_file


def read(content: dict[str, Any]) -> StoredReport:
    return read_report(json.dumps(content).encode(), "report.json")


def test_the_written_one(inputs: Callable[..., ReportInputs], with_folds: Callable[..., dict[str, Any]]) -> None:
    given = inputs("cnn", "lstm", **with_folds("cnn", protocols=("loso", "leaky")))
    object.__setattr__(given, "data_runs", {"windows": DataRun(data_version="v1")})
    report = read_report(build_report(given).json.encode(), "report.json")
    assert report.models == ("cnn", "lstm")
    assert report.honest_protocols == ("loso",)
    assert report.data_versions == {"windows": "v1"}
    scores = report.scores("loso")["cnn"]
    for entry in given.folds:
        if entry.result.protocol == "loso":
            for seed in entry.result.seeds:
                assert {s: scores[seed.seed][s] for s in seed.per_subject} == pytest.approx(seed.per_subject)
    assert report.holdout == {e.result.architecture: e.result.scores["test"].macro_f1 for e in given.entries}


def test_all_problems_at_once(tmp_path: Path) -> None:
    content = {"title": 3, **report_of({"a": [[0.5, 0.6]]}, created=None)}
    content["folds"][0]["seeds"][0]["per_subject"] = {"p1": "high"}
    del content["origin"]
    with pytest.raises(InputError) as raised:
        read(content)
    told = str(raised.value)
    assert all(name in told for name in ("created", "origin", "folds.0.seeds.0.per_subject"))
    with pytest.raises(InputError, match="no report"):
        read_report(b"{", "x")
    with pytest.raises(InputError, match="cannot be read"):
        read_report_file(tmp_path)


def test_the_share_of_subjects_in_a_fold() -> None:
    report = read(report_of({"a": [[0.5, 0.6, 0.7, 0.8]]}))
    assert report.test_share("loso") == pytest.approx(1 / 4)
    assert report.test_share("pairs") is None


def test_standings() -> None:
    whole, best = [0.9, 0.8, 0.7, 0.6], [0.99, 0.98]
    content = report_of({"b": [whole], "a": [whole], "c": [best], "d": [[0.95, 0.9, 0.85, 0.8]]})
    found = standings_of(read({**content, "entries": [entry_of("x", None), entry_of("y", 0.4), entry_of("a", 1.0)]}))
    assert found.protocol == "loso"
    assert [row.model for row in found.by_folds] == ["d", "a", "b", "c"], "two folds of four are no mean to compare"
    assert found.by_folds[1].spread.worst_subject == 4
    assert found.by_holdout == (("y", 0.4), ("x", None))
    assert found.missing == (
        "folds/c: 2 of 4 folds of loso",
        "folds/y: no fold of loso",
        "folds/x: no fold of loso",
    )
    assert standings_of(read(report_of({}, entries=[entry_of("y", 0.4)], missing=["models/z: failed"]))).missing == (
        "models/z: failed",
    )


@pytest.mark.parametrize("version", [None, SCHEMA_VERSION, SCHEMA_VERSION + 1])
def test_a_report_of_a_later_schema_is_refused(version: int | None) -> None:
    content = report_of({"cnn": [[0.9, 0.8]]}) | ({} if version is None else {"schema_version": version})
    if version is None or version <= SCHEMA_VERSION:
        assert read(content).title == "t"
    else:
        with pytest.raises(InputError, match=rf"schema_version: found '{version}', expected Input should be less than"):
            read(content)
