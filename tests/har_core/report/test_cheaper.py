"""The report recommends a cheaper model where it is as good, and only there."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from har_core.evaluation.results import macro_f1_of_present
from har_core.report.build import build_report
from har_core.report.cheaper import cheaper_choice, validation_over_folds
from har_core.report.inputs import FoldEntry, ReportInputs
from har_core.settings.champion import ChampionSettings
from har_core.settings.ensembles import EnsembleSettings

RULE = ChampionSettings()
BEST = {1: 0.95, 2: 0.90, 3: 0.97, 4: 0.93}


def shifted(*differences: float) -> dict[int, float]:
    return {subject: score + by for (subject, score), by in zip(BEST.items(), differences, strict=False)}


def test_a_cheaper_model_that_is_as_good_is_named_with_its_numbers() -> None:
    scores = {"resnet": BEST, "cnn": shifted(0.004, -0.006, 0.002, -0.004)}
    sentence = cheaper_choice("resnet", scores, {"resnet": 2.0, "cnn": 0.5}, RULE)
    assert sentence == (
        "As far as the 4 subjects who validate in folds can tell, CNN is as good as ResNet (-0.001 ± 0.004); it takes "
        "0.500 ms for a window instead of 2.00, so it is the better choice where time counts."
    )


@pytest.mark.parametrize(
    ("scores", "milliseconds"),
    [
        (shifted(-0.02, -0.03, -0.02, -0.03), 0.5),  # worse
        (shifted(0.05, -0.06, 0.05, -0.06), 0.5),  # may be worse by more than the margin
        (shifted(-0.004, -0.005, -0.004, -0.005), 0.5),  # surely worse, if by little
        (shifted(0, 0.001, 0, 0.001), 1.5),  # not cheaper
        (shifted(0, 0.001), 0.5),  # too few subjects
        (shifted(0, float("nan"), 0, 0), 0.5),
    ],
)
def test_others_are_not(scores: dict[int, float], milliseconds: float) -> None:
    assert not cheaper_choice("resnet", {"resnet": BEST, "cnn": scores}, {"resnet": 2.0, "cnn": milliseconds}, RULE)


def test_of_several_the_quickest_is_named_and_what_was_not_timed_is_not() -> None:
    even = shifted(0.001, -0.001, 0.001, -0.001)
    scores = {"resnet": BEST, "cnn": even, "lda": even, "gru": even}
    assert "LDA" in cheaper_choice("resnet", scores, {"resnet": 2.0, "cnn": 0.5, "lda": 0.2}, RULE)
    assert not cheaper_choice("resnet", scores, {"cnn": 0.5}, RULE)


def test_nothing_is_compared_with_a_model_that_nobody_validated() -> None:
    assert not cheaper_choice("resnet", {"cnn": BEST}, {"resnet": 2.0, "cnn": 0.5}, RULE)


def test_the_rule_is_a_setting() -> None:
    scores = {"resnet": BEST, "cnn": shifted(-0.02, 0.01, -0.02, 0.01)}
    milliseconds = {"resnet": 2.0, "cnn": 1.5}
    assert cheaper_choice("resnet", scores, milliseconds, ChampionSettings(margin=0.05, cheaper=0.8))


def renamed(entry: FoldEntry, **changes: Any) -> FoldEntry:
    return replace(entry, result=replace(entry.result, **changes))


def test_validation_is_of_subjects_who_validate_alone_and_never_test(with_folds: Callable[..., dict[str, Any]]) -> None:
    folds: tuple[FoldEntry, ...] = with_folds("cnn")["folds"]
    honest = [entry for entry in folds if entry.result.protocol == "loso"]
    everyone = {entry.result.subjects["validation"][0] for entry in honest}
    [found] = validation_over_folds(folds, testing=(2,)).values()
    assert found.keys() == everyone - {2}
    subject = min(found)
    own = [entry for entry in honest if entry.result.subjects["validation"] == (subject,)]
    scores = [
        macro_f1_of_present(seed.scores["validation"], seed.learnt) for entry in own for seed in entry.result.seeds
    ]
    assert found[subject] == pytest.approx(sum(scores) / len(scores))
    together = [renamed(entry, subjects=entry.result.subjects | {"validation": (1, 2)}) for entry in honest]
    assert validation_over_folds(together, testing=()) == {}
    without = [renamed(entry, seeds=tuple(replace(s, scores={}) for s in entry.result.seeds)) for entry in honest]
    assert validation_over_folds(without, testing=()) == {}


def test_inner_folds_are_asked_first(with_folds: Callable[..., dict[str, Any]]) -> None:
    folds: tuple[FoldEntry, ...] = with_folds("cnn")["folds"]
    inner = renamed(folds[0], protocol="inner", subjects={"training": (2,), "validation": (1,), "test": ()})
    assert validation_over_folds([*folds, inner], testing=())["cnn"].keys() == {1}


def test_the_report_opens_with_the_sentence(
    inputs: Callable[..., ReportInputs], with_folds: Callable[..., dict[str, Any]]
) -> None:
    """Here another model validates as the forest does in every fold: the CNN takes less time, extra trees more."""
    made = with_folds("random_forest")
    for other, is_cheaper in (("cnn", True), ("extra_trees", False)):
        names = ("random_forest", other)
        folds = tuple(renamed(entry, architecture=name) for name in names for entry in made["folds"])
        planned = dict.fromkeys(names, made["planned_folds"]["random_forest"])
        report = build_report(inputs(*names, **made | {"folds": folds, "planned_folds": planned}))
        for text in (json.loads(report.json)["lead"], report.markdown):
            assert "Random forest, the best on validation" in text
            sentence = "CNN is as good as Random forest (+0.000 ± 0.000); it takes 3.61 ms for a window instead of 9.30"
            assert (sentence in text) == is_cheaper


def test_an_ensemble_that_is_fitted_on_who_validates_is_not_recommended(
    inputs: Callable[..., ReportInputs], with_folds: Callable[..., dict[str, Any]]
) -> None:
    made = with_folds("random_forest")
    names = ("random_forest", "cnn")
    folds = tuple(renamed(entry, architecture=name) for name in names for entry in made["folds"])
    planned = dict.fromkeys(names, made["planned_folds"]["random_forest"])
    vote, stack = (
        EnsembleSettings(members=("lstm", "resnet")),
        EnsembleSettings(members=("lstm", "gru"), combine="stack"),
    )
    for ensemble, is_named in ((vote, True), (stack, False)):
        settings = ensemble.model_dump(mode="json")
        given = inputs(*names, **made | {"folds": folds, "planned_folds": planned})
        experiment = {**given.experiment, "ensembles": {"cnn": settings}}
        lead = json.loads(build_report(replace(given, experiment=experiment)).json)["lead"]
        assert ("is as good as Random forest" in lead) == is_named
