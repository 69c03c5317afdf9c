"""What a search says of its trials."""

from __future__ import annotations

import optuna
import pytest

from har_core.search.results import SearchResult, TrialResult, read_result
from har_core.search.study import SCORES, VALUES


def study_of(scores: list[float]) -> optuna.Study:
    """Complete trials; the first half of them with x below 0.5."""
    study = optuna.create_study(direction="maximize")
    distribution = optuna.distributions.FloatDistribution(0, 1)
    for index, score in enumerate(scores):
        x = index / len(scores)
        attributes = {SCORES: [score, score], VALUES: {"x": x}}
        study.add_trial(
            optuna.create_trial(params={"x": x}, distributions={"x": distribution}, value=score, user_attrs=attributes)
        )
    return study


@pytest.mark.parametrize(
    ("scores", "says"), [([0.5] * 12, False), ([0.9] * 6 + [0.5] * 3, False), ([0.9] * 6 + [0.5] * 6, True)]
)
def test_importance_is_of_ten_trials_that_differ(scores: list[float], says: bool) -> None:
    result = read_result(study_of(scores), "compact", {"space": {"x": None}}, [(1,), (2,)])
    assert bool(result.importance) is says


def test_the_front_has_what_none_beats_in_score_and_cost() -> None:
    priced = [(0.5, 100), (0.5, 90), (0.4, 95), (0.9, 200), (0.8, 300), (0.3, 10)]
    trials = [
        TrialResult(number=number, state="complete", values={"x": number}, scores=(score, score), macs=macs)
        for number, (score, macs) in enumerate(priced)
    ]
    result = SearchResult(
        architecture="compact", search={"space": {}}, validation=(), trials=tuple(trials), importance={}
    )
    assert [trial.number for trial in result.front] == [5, 1, 3]


def test_a_rival_is_close_within_the_standard_error_of_what_it_is_behind() -> None:
    scores = [(0.9, 0.9, 0.9), (0.7, 0.7, 0.71), (0.5, 0.9, 0.9), (0.9, 0.9, 0.9)]
    trials = [
        TrialResult(number=number, state="complete", values={"x": number % 3}, scores=own)
        for number, own in enumerate(scores)
    ]
    result = SearchResult(
        architecture="compact", search={"space": {}}, validation=(), trials=tuple(trials), importance={}
    )
    assert result.best.number == 0
    assert {rival.trial.number: rival.is_close for rival in result.rivals} == {1: False, 2: True}  # 3 tried the same
