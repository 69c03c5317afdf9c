"""What changed between two reports."""

from __future__ import annotations

import json
from typing import Any

import pytest
from stored_reports import entry_of, report_of

from har_core.report.changes import Changed, compare_reports
from har_core.report.stored import StoredReport, read_report

BASE = [0.7, 0.8, 0.75, 0.72]


def read(folds: dict[str, list[list[float]]], **changes: Any) -> StoredReport:
    return read_report(json.dumps(report_of(folds, **changes)).encode(), "report.json")


def up(by: float) -> list[list[float]]:
    return [[score + by for score in BASE]]


def test_models_and_whether_it_is_more_than_chance() -> None:
    before = read({"gone": [BASE], "same": [BASE], "up": [BASE], "rough": [BASE]}, entries=[entry_of("held", 0.5)])
    after = read(
        {"new": [BASE], "same": [BASE], "up": up(0.1), "rough": [[0.9, 0.6, 0.8, 0.7]]}, entries=[entry_of("held", 0.6)]
    )
    found = compare_reports(before, after)
    assert (found.added, found.gone, found.unpaired) == (("new",), ("gone",), ())
    held, rough, same, raised = found.models
    assert (held.protocol, held.before, held.after, held.pair) == ("holdout", 0.5, 0.6, None)
    for change, verdict in ((rough, "cannot be told"), (same, "equivalent"), (raised, "better")):
        assert change.pair is not None
        assert (change.protocol, change.pair.verdict) == ("loso", verdict)
    assert raised.after == pytest.approx(present_mean(BASE) + 0.1)
    back = compare_reports(after, before).models[-1]
    assert back.pair is not None
    assert back.pair.verdict == "worse"


def present_mean(values: list[float]) -> float:
    return sum(values) / len(values)


def test_means_are_of_common_subjects() -> None:
    found = compare_reports(read({"a": [BASE]}), read({"a": [BASE[:3]]}))
    [change] = found.models
    assert change.before == pytest.approx(change.after)
    assert change.pair is not None
    assert list(change.pair.differences) == [1, 2, 3]


def test_settings_data_and_commits() -> None:
    runs = {"windows": {"data_version": "v1", "mlflow_run_id": "r"}, "splits": {"data_version": "s"}}
    before = read({}, experiment={"training": {"epochs": 1, "batch": 2}}, data_runs=runs, dataset={"windows": 10})
    after = read(
        {},
        experiment={"training": {"epochs": 3, "batch": 2}, "report": {"title": "x"}},
        data_runs={**runs, "windows": {"data_version": "v2"}},
        dataset={"windows": 11},
        git_commit=None,
    )
    found = compare_reports(before, after)
    assert found.settings == (
        Changed(name="report", before=None, after={"title": "x"}),
        Changed(name="training.epochs", before=1, after=3),
    )
    assert found.data == (
        Changed(name="windows", before="v1", after="v2"),
        Changed(name="windows", before=10, after=11),
    )
    assert found.commits == ("a" * 40, None)
    old = compare_reports(read({}), after)
    assert [entry.name for entry in old.data] == ["windows"], "a report without data versions differs in none"


@pytest.mark.parametrize("changes", [{"origin": "synthetic"}, {"experiment": {"source": {"dataset": "pamap2"}}}])
def test_other_people_are_not_paired(changes: dict[str, Any]) -> None:
    found = compare_reports(read({"a": [BASE]}), read({"a": [BASE]}, **changes))
    assert not found.same_people
    assert [change.pair for change in found.models] == [None]
