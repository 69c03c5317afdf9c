"""How sure the order of the models is: the statistics of the core, the same in page, Markdown and data."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from narrowing import present

from har_core.evaluation.critical_difference import critical_difference
from har_core.evaluation.folds import ProtocolSummary, summarise_folds
from har_core.evaluation.intervals import interval_of_mean
from har_core.evaluation.pairwise import compare_all, holm
from har_core.evaluation.results import FoldResult
from har_core.report.build import build_report
from har_core.report.honest import view_folds
from har_core.report.inputs import ReportInputs
from har_core.report.sureness import view_sureness

THREE = ("extra_trees", "random_forest", "cnn")


@pytest.fixture
def given(inputs: Callable[..., ReportInputs], with_folds: Callable[..., dict[str, Any]]) -> ReportInputs:
    return inputs(*THREE, **with_folds(*THREE, protocols=("loso", "leaky")))


@pytest.fixture
def summaries(fold: Callable[..., FoldResult]) -> dict[str, ProtocolSummary]:
    names = [f"loso-p{subject}" for subject in range(1, 9)]
    return {architecture: summarise_folds([fold(architecture, name) for name in names]) for architecture in THREE}


def test_every_figure_is_that_of_the_core(given: ReportInputs, summaries: dict[str, ProtocolSummary]) -> None:
    content = json.loads(build_report(given).json)["sureness"]
    front = content["front"]
    scores = {name: summaries[name].per_subject for name in THREE}
    judged = {(own.first, own.second): own for pair in compare_all(scores) for own in (pair, pair.swapped())}
    others = [entry["architecture"] for entry in content["models"] if entry["architecture"] != front]
    corrected = dict(zip(others, holm([present(judged[name, front].wilcoxon_p) for name in others]), strict=True))
    for entry in content["models"]:
        own = scores[entry["architecture"]]
        assert entry["mean"] == pytest.approx(summaries[entry["architecture"]].macro_f1.mean)
        assert tuple(entry["interval"]) == interval_of_mean([*own.values()])
        assert entry["over_subjects"] == statistics.stdev(own.values())
        assert entry["worst_subject"] == min(own, key=own.__getitem__)
        assert entry["holm_p"] == corrected.get(entry["architecture"])
    assert {(pair["first"], pair["second"]): pair["verdict"] for pair in content["pairs"]} == {
        names: pair.verdict for names, pair in judged.items()
    }
    assert content["ranks"]["mean_ranks"] == present(critical_difference(scores)).mean_ranks


def test_seeds_are_told_apart_from_subjects(given: ReportInputs, fold: Callable[..., FoldResult]) -> None:
    [cnn] = [
        entry for entry in json.loads(build_report(given).json)["sureness"]["models"] if entry["architecture"] == "cnn"
    ]
    results = [fold("cnn", f"loso-p{subject}") for subject in range(1, 9)]
    means = [statistics.fmean(r.seeds[seed].per_subject[r.subjects["test"][0]] for r in results) for seed in (0, 1)]
    assert cnn["over_seeds"] == pytest.approx(statistics.stdev(means))


def test_the_page_opens_with_how_sure_it_is(given: ReportInputs) -> None:
    report = build_report(given)
    content = json.loads(report.json)
    sureness = present(view_sureness(view_folds(given).protocols[0], first=content["sureness"]["front"]))
    verdicts = [present(sure.beside).verdict for sure in sureness.rows if sure.beside]
    assert content["lead"].endswith(sureness.words)
    assert f"by {sureness.front.name}" in content["lead"] or f": {sureness.front.name}, " in content["lead"]
    assert f"of {len(verdicts)} other models" in sureness.words
    assert f"With 8 subjects, differences below about {sureness.detectable:.2f} cannot be told." in sureness.words


def test_a_model_that_lacks_folds_is_named_and_not_compared(given: ReportInputs) -> None:
    kept = [
        entry for entry in given.folds if (entry.result.architecture, entry.result.fold) != ("random_forest", "loso-p5")
    ]
    report = build_report(replace(given, folds=tuple(kept)))
    assert "random_forest" not in [own["architecture"] for own in json.loads(report.json)["sureness"]["models"]]
    assert "Not compared, because folds are missing: Random forest." in report.html


def test_one_model_or_two_subjects_are_nothing_to_compare(
    inputs: Callable[..., ReportInputs], with_folds: Callable[..., dict[str, Any]]
) -> None:
    alone = build_report(inputs("cnn", **with_folds("cnn", protocols=("loso",))))
    assert json.loads(alone.json)["sureness"] is None
    given = inputs("cnn", "lstm", **with_folds("cnn", "lstm", protocols=("loso",)))
    few = [entry for entry in given.folds if entry.result.fold in {"loso-p1", "loso-p2"}]
    planned = dict.fromkeys(given.planned_folds, ("loso-p1", "loso-p2"))
    assert json.loads(build_report(replace(given, folds=tuple(few), planned_folds=planned)).json)["sureness"] is None


def test_folds_that_test_two_people_share_less_of_their_training(
    inputs: Callable[..., ReportInputs], with_folds: Callable[..., dict[str, Any]]
) -> None:
    given = inputs(*THREE, **with_folds(*THREE, protocols=("pairs",)))
    view = view_folds(given).protocols[0]
    scores = {row.summary.architecture: row.summary.per_subject for row in view.rows}
    expected = compare_all(scores, test_share=1 / len(view.folds))
    assert len(view.folds) < len(view.subjects)
    found = present(view_sureness(view, first=None)).pairs
    assert [found[pair.first, pair.second] for pair in expected] == expected
    assert [pair.probabilities for pair in compare_all(scores)] != [pair.probabilities for pair in expected]
