"""What the page opens with: the champion where there is one, and in any case which model that is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from har_core.report.build import build_report
from har_core.report.inputs import Champion, ReportInputs


def champion(architecture: str) -> Champion:
    return Champion(architecture=architecture, version="7", copied_from=f"har-{architecture} version 3", reason="first")


@pytest.fixture
def given(inputs: Callable[..., ReportInputs], with_folds: Callable[..., dict[str, Any]]) -> ReportInputs:
    return inputs("cnn", "extra_trees", "compact", **with_folds("cnn", "extra_trees", protocols=("loso",)))


def lead(given: ReportInputs) -> str:
    told: str = json.loads(build_report(given).json)["lead"]
    return told


def test_the_champion_stands_in_front_whatever_the_scores_are(given: ReportInputs) -> None:
    for architecture, name in (("cnn", "CNN"), ("extra_trees", "Extra trees")):
        told = lead(replace(given, champion=champion(architecture)))
        assert told.startswith(f"Leave one subject out: {name}, which the gate chose on validation, reaches")
        assert f"{name} is har@champion, version 7." in told


def test_a_champion_without_all_its_folds_is_named_beside_the_model_in_front(given: ReportInputs) -> None:
    told = lead(replace(given, champion=champion("compact")))
    assert not told.startswith("Leave one subject out: compact")
    assert "har@champion is Compact: version 7, a copy of har-compact version 3." in told
    some = tuple(fold for fold in given.folds if (fold.result.architecture, fold.result.fold) != ("cnn", "loso-p2"))
    told = lead(replace(given, folds=some, champion=champion("cnn")))
    assert "har@champion is CNN: version 7, a copy of har-cnn version 3." in told


def test_without_folds_or_models_it_is_named_too(inputs: Callable[..., ReportInputs]) -> None:
    assert lead(inputs("cnn", champion=champion("cnn"))).endswith("CNN is har@champion, version 7.")
    assert lead(inputs("cnn", champion=champion("lstm"))).endswith("a copy of har-lstm version 3.")
    assert lead(inputs(champion=champion("lstm"))).endswith("a copy of har-lstm version 3.")


def test_where_none_is_chosen_none_is_named(given: ReportInputs) -> None:
    assert "champion" not in lead(given)
    assert json.loads(build_report(given).json)["champion"] is None
