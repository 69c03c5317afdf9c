"""The page of a search: what it draws, and that it shows what failed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from har_core.search.page import build_page
from har_core.search.results import SearchResult, TrialResult

RESULT = SearchResult(
    architecture="compact",
    search={"sampler": "nsga2", "seed": 0, "pruner": "none", "space": {"width": [2, 4]}},
    validation=((1, 4), (2, 5)),
    trials=(
        TrialResult(number=0, state="complete", values={"width": 2}, scores=(0.5, 0.7), macs=100),
        TrialResult(number=1, state="failed", values={"width": 3}, error="no <even> number"),
        TrialResult(number=2, state="pruned", values={"width": 4}),
        TrialResult(number=3, state="complete", values={"width": 4}, scores=(0.6, 0.9), macs=400),
    ),
    importance={"width": 1.0},
)


def page(result: SearchResult) -> str:
    created = datetime(2026, 1, 1, tzinfo=UTC)
    return build_page(result, origin="real", created=created, run_id="r", run_url="u", windows_version="v")


def test_trials_of_all_ends_are_told() -> None:
    html = page(RESULT)
    assert "<li>1: no &lt;even&gt; number</li>" in html
    assert "2 complete, 1 failed, 1 pruned" in html
    assert "no other is too close to tell apart" in html  # 0.15 behind, with a standard error of 0.05
    assert "1 and 4; 2 and 5" in html


def test_cost_and_importance_are_drawn_where_there_are_any() -> None:
    cheap = replace(
        RESULT, trials=tuple(replace(trial, macs=None) for trial in RESULT.trials if trial.number != 1), importance={}
    )
    assert (page(RESULT).count("<svg"), page(cheap).count("<svg")) == (3, 1)
    assert "Score against cost" in page(RESULT)
    assert "Score against cost" not in page(cheap)
    assert "Trials that failed" not in page(cheap)
