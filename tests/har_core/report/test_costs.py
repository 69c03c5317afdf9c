"""What models cost: by whose scores they are drawn, and in which precisions they were timed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from narrowing import present

from har_core.evaluation.latency import Times
from har_core.report.build import build_report
from har_core.report.costs import Costs, view_costs
from har_core.report.honest import view_folds
from har_core.report.inputs import ReportEntry, ReportInputs

HALF = Times(batch1_median_ms=0.5, batch1_p95_ms=0.6, throughput_windows_per_s=4000.0)


@pytest.fixture
def given(inputs: Callable[..., ReportInputs], with_folds: Callable[..., dict[str, Any]]) -> ReportInputs:
    return inputs("cnn", "extra_trees", "lstm", **with_folds("cnn", "extra_trees", protocols=("loso",)))


def costs_of(given: ReportInputs) -> Costs:
    protocols = view_folds(given).protocols
    return present(view_costs(protocols[0] if protocols else None, given.entries))


def test_folds_score_where_there_are_any(given: ReportInputs) -> None:
    costs = costs_of(given)
    [view] = view_folds(given).protocols
    assert costs.scores == {row.summary.architecture: row.summary.macro_f1.mean for row in view.rows}
    assert costs.unscored == ["LSTM"]
    assert "LSTM" not in present(costs.by_parameters)
    assert "leave one subject out" in present(costs.by_latency)


def test_the_held_out_subjects_score_where_there_are_no_folds(inputs: Callable[..., ReportInputs]) -> None:
    given = inputs("cnn", "lstm")
    costs = costs_of(given)
    assert costs.scores == {entry.result.architecture: entry.result.scores["test"].macro_f1 for entry in given.entries}
    assert costs.unscored == []
    assert view_costs(None, ()) is None


def test_a_model_without_all_its_folds_is_not_drawn(given: ReportInputs) -> None:
    short = replace(given, folds=tuple(entry for entry in given.folds if entry.result.fold != "loso-p3"))
    whole = [entry for entry in given.folds if entry.result.architecture == "cnn"]
    lacking = [entry for entry in short.folds if entry.result.architecture != "cnn"]
    costs = costs_of(replace(given, folds=(*whole, *lacking)))
    assert [*costs.scores] == ["cnn"]
    assert costs.unscored == ["Extra trees", "LSTM"]


def in_int8(parent: ReportEntry) -> ReportEntry:
    result = replace(
        parent.result, architecture="cnn-int8", parent="cnn", training_settings={"kind": "int8", "most_lost": 0.005}
    )
    return replace(parent, result=result, registered_model="har-cnn-int8")


def test_precisions_stand_beside_the_same_model_in_fp32(given: ReportInputs) -> None:
    assert costs_of(given).precisions == []
    [cnn] = [entry for entry in given.entries if entry.result.architecture == "cnn"]
    timed = replace(cnn, result=replace(cnn.result, latency=replace(cnn.result.latency, bf16=HALF)))
    others = tuple(entry for entry in given.entries if entry is not cnn)
    rows = costs_of(replace(given, entries=(timed, in_int8(timed), *others))).precisions
    assert [(row.model.name, row.precision) for row in rows] == [
        ("CNN", "fp32"),
        ("CNN", "bf16"),
        ("CNN, int8", "int8"),
    ]
    fp32 = cnn.result.latency.throughput_windows_per_s
    assert [row.speed for row in rows] == pytest.approx([1.0, 4000.0 / fp32, 1.0])


def test_times_in_bf16_are_in_the_data(given: ReportInputs) -> None:
    [cnn] = [entry for entry in given.entries if entry.result.architecture == "cnn"]
    timed = replace(cnn, result=replace(cnn.result, latency=replace(cnn.result.latency, bf16=HALF, peak_bytes=10**6)))
    others = tuple(entry for entry in given.entries if entry is not cnn)
    report = build_report(replace(given, entries=(timed, *others)))
    [stored] = [
        entry["result"]["latency"]
        for entry in json.loads(report.json)["entries"]
        if entry["result"]["architecture"] == "cnn"
    ]
    assert stored["bf16"]["throughput_windows_per_s"] == 4000.0
    assert stored["peak_bytes"] == 10**6
    assert 'id="precisions"' in report.html
