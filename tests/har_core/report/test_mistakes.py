"""Where the models err: counts of all folds together, or of the held-out subjects, the same on page and in the data."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from narrowing import present
from sklearn.metrics import f1_score

from har_core.evaluation.confused import Confused, Shown, Traces, WindowKey
from har_core.evaluation.results import FoldResult
from har_core.report.build import build_report
from har_core.report.honest import view_folds
from har_core.report.inputs import ReportEntry, ReportInputs
from har_core.report.mistakes import Mistakes, view_mistakes

LOSO = [f"loso-p{subject}" for subject in range(1, 9)]


@pytest.fixture
def given(inputs: Callable[..., ReportInputs], with_folds: Callable[..., dict[str, Any]]) -> ReportInputs:
    return inputs("cnn", "lstm", **with_folds("cnn", "extra_trees", protocols=("loso", "pairs")))


def mistakes_of(given: ReportInputs, first: str | None = None) -> Mistakes:
    return present(view_mistakes(view_folds(given).protocols[0], given.entries, given, first=first))


def test_counts_are_those_of_all_folds_and_seeds(given: ReportInputs, fold: Callable[..., FoldResult]) -> None:
    [cnn] = [model for model in mistakes_of(given).models if model.architecture == "cnn"]
    every = [seed.scores["test"].confusion for name in LOSO for seed in fold("cnn", name).seeds]
    assert np.array_equal(cnn.counts, np.sum(every, axis=0))
    assert cnn.num_seeds == 2
    assert [*cnn.by_subject] == [*range(1, 9)]
    first = [seed.scores["test"].confusion for seed in fold("cnn", "loso-p1").seeds]
    assert np.array_equal(cnn.by_subject[1], np.sum(first, axis=0))
    counts = np.sum(first, axis=0)
    labels, predicted = (np.repeat(places.ravel(), counts.ravel()) for places in np.indices(counts.shape))
    assert cnn.f1_by_subject[1] == pytest.approx(f1_score(labels, predicted, average=None))
    assert cnn.num_wrong == cnn.num_windows - sum(np.diag(np.sum(every, axis=0)))


def test_seeds_that_other_folds_lack_do_not_count(given: ReportInputs) -> None:
    short = [
        replace(entry, result=replace(entry.result, seeds=entry.result.seeds[:1]))
        if (entry.result.architecture, entry.result.fold) == ("cnn", "loso-p4")
        else entry
        for entry in given.folds
    ]
    [cnn] = [model for model in mistakes_of(replace(given, folds=tuple(short))).models if model.architecture == "cnn"]
    assert cnn.num_seeds == 1
    assert {int(counts.sum()) for counts in cnn.by_subject.values()} == {12 * 19}


def test_the_held_out_subjects_count_where_there_are_no_folds(inputs: Callable[..., ReportInputs]) -> None:
    given = inputs("cnn", "lstm")
    found = present(view_mistakes(None, given.entries, given, first="lstm"))
    assert (found.protocol, found.shown) == (None, "lstm")
    for model, entry in zip(found.models, given.entries, strict=True):
        assert np.array_equal(model.counts, entry.result.scores["test"].confusion)
    assert view_mistakes(None, (), given, first=None) is None


def test_the_model_in_front_is_shown_first_and_another_where_it_is_not_there(given: ReportInputs) -> None:
    assert mistakes_of(given, "cnn").shown == "cnn"
    assert mistakes_of(given, "lstm").shown == mistakes_of(given).models[0].architecture


def test_an_activity_without_windows_has_no_score(entry: Callable[..., ReportEntry], given: ReportInputs) -> None:
    own = entry("cnn")
    counts = np.array(own.result.confusions[7])
    counts[3] = 0
    kept = {7: tuple(map(tuple, counts.tolist()))}
    found = present(view_mistakes(None, [replace(own, result=replace(own.result, confusions=kept))], given, first=None))
    assert found.models[0].f1[3] is None
    assert 3 not in [k for k, _ in found.activities]
    assert found.models[0].f1[2] is not None


def test_page_and_data_say_the_same(given: ReportInputs) -> None:
    report = build_report(given)
    content = json.loads(report.json)["mistakes"]
    assert content["protocol"] == "Leave one subject out"
    for told, model in zip(content["models"], mistakes_of(given).models, strict=True):
        assert told["architecture"] == model.architecture
        assert told["confusion"] == model.rows
        assert told["f1"] == model.f1
        assert {int(subject): f1 for subject, f1 in told["f1_by_subject"].items()} == model.f1_by_subject
        actual, taken, count, _ = model.frequent[0]
        assert f"{actual} → {taken} ({count} windows" in report.markdown.replace("\\", "")


KEYS = [WindowKey(1, 7, segment, 0) for segment in (4, 24)] + [WindowKey(1, 2, 2, 0)]
CONFUSED = Confused(
    actual=6,
    taken=1,
    num_wrong=635,
    num_answers=4560,
    wrong=Shown(key=KEYS[0], activity=6, num_agreeing=12, num_answers=12),
    right=Shown(key=KEYS[1], activity=6, num_agreeing=11, num_answers=12),
    other=Shown(key=KEYS[2], activity=1, num_agreeing=10, num_answers=12),
)


def test_pairs_are_shown_with_windows(given: ReportInputs) -> None:
    samples = {key: (np.linspace(9, 10, 125, dtype=np.float32),) for key in KEYS}
    measured = Traces(sensors=("torso acc",), unit="m/s²", of_vectors=True, samples=samples)
    report = build_report(replace(given, confused=(CONFUSED,), traces=measured))
    for text in ("635 of 4,560 answers", "so say 11 of 12", "torso acc", "Lengths of the vectors"):
        assert text in report.html
    assert report.html.count('class="trace') == 3
    assert "standing in an elevator still and standing (635 of 4,560 answers)" in report.markdown
    [told] = json.loads(report.json)["mistakes"]["confused"]
    assert told["wrong"]["key"] == [1, 7, 4, 0]


def test_pairs_are_named_where_windows_are_gone(given: ReportInputs) -> None:
    alone = replace(CONFUSED, other=None)
    gone = Traces(sensors=("torso acc",), unit="m/s²", of_vectors=True, samples={})
    for measured in (None, gone):
        html = build_report(replace(given, confused=(alone,), traces=measured)).html
        assert "635 of 4,560 answers" in html
        assert 'class="trace' not in html
