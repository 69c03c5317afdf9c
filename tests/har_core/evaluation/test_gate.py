"""Who takes the place of the champion, and by which numbers."""

from __future__ import annotations

import math
import statistics
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from narrowing import present
from scipy import stats

from har_core.evaluation.gate import GateEntry, compare, decide, standings
from har_core.evaluation.paired import ENOUGH_SUBJECTS, USUAL_DEVIATION
from har_core.settings.champion import ChampionSettings

RULE = ChampionSettings()
SUBJECTS = (1, 2, 3, 4, 5, 6)


def entry(score: float | None, **changed: Any) -> GateEntry:
    """A model that reached ``score`` on the one validation subject."""
    values: dict[str, Any] = {
        "name": "har-cnn version 2",
        "kind": "cnn",
        "origin": "real",
        "split": "a",
        "recipe": "new",
        "on_windows": None if score is None else {6: score},
    }
    return GateEntry(**values | changed)


def champion(score: float | None, **changed: Any) -> GateEntry:
    return entry(score, **{"name": "har-lstm version 1", "kind": "lstm", "recipe": "old"} | changed)


def over_folds(*scores: float) -> dict[int, float]:
    return dict(zip(SUBJECTS, scores, strict=True))


STEADY = over_folds(0.90, 0.80, 0.95, 0.85, 0.90, 0.88)
BETTER = {subject: score + gain for (subject, score), gain in zip(STEADY.items(), (2e-2, 3e-2) * 3, strict=True)}
LUCKY_ONCE = {**STEADY, 6: 0.99}


@pytest.mark.parametrize(
    ("candidate", "incumbent", "promote", "reason"),
    [
        pytest.param(entry(0.1), None, True, "is the first champion", id="nobody before"),
        pytest.param(entry(0.0, origin="synthetic"), None, True, "is the first champion", id="synthetic, nobody"),
        pytest.param(entry(0.9), champion(0.80), True, "is better than", id="better by much"),
        pytest.param(entry(0.84), champion(0.80), False, "is not surely better", id="one subject cannot tell"),
        pytest.param(entry(0.80), champion(0.80), False, "stays: har-cnn version 2 is not surely better", id="equal"),
        pytest.param(entry(0.70), champion(0.80), False, "har-cnn version 2 is worse", id="worse"),
        pytest.param(
            entry(0.5, over_folds=BETTER), champion(0.9, over_folds=STEADY), True, "over folds of 6", id="folds first"
        ),
        pytest.param(
            entry(0.99, over_folds=LUCKY_ONCE), champion(0.8, over_folds=STEADY), False, "over folds", id="luck"
        ),
        pytest.param(
            entry(0.9, over_folds={1: 0.1, 2: 0.1}), champion(0.8, over_folds=STEADY), True, "on validation", id="few"
        ),
        pytest.param(
            entry(0.9, over_folds=STEADY, milliseconds=1.0),
            champion(0.9, over_folds=STEADY, milliseconds=2.0),
            True,
            "as good as har-lstm version 1 and cheaper",
            id="as good and half the time",
        ),
        pytest.param(
            entry(0.9, over_folds=STEADY, milliseconds=1.1),
            champion(0.9, over_folds=STEADY, milliseconds=2.0),
            False,
            "not surely better",
            id="as good and a little faster",
        ),
        pytest.param(
            entry(0.9, over_folds=STEADY, milliseconds=1.0),
            champion(0.9, over_folds=STEADY),
            False,
            "not surely better",
            id="nobody knows the time",
        ),
        pytest.param(
            entry(0.9, over_folds=STEADY, milliseconds=1.0),
            champion(0.9, kind="cnn", recipe="new", over_folds=STEADY, milliseconds=9.0),
            False,
            "not surely better",
            id="only another seed, and another clock",
        ),
        pytest.param(
            entry(0.9, over_folds=STEADY, milliseconds=1.0),
            champion(0.9, over_folds={s: score + 0.005 for s, score in STEADY.items()}, milliseconds=9.0),
            False,
            "is worse",
            id="cheaper, and a little worse for sure",
        ),
        pytest.param(entry(0.79, split="b"), champion(0.80, kind="cnn", split=""), False, "not surely", id="unknown"),
        pytest.param(
            entry(0.8, milliseconds=0.1), champion(0.8, milliseconds=9.0), False, "not surely better", id="unsure"
        ),
        pytest.param(
            entry(0.79, split="b"), champion(0.80, kind="cnn"), True, "of today's recordings", id="other recordings"
        ),
        pytest.param(entry(0.70, split="b"), champion(0.80, kind="cnn"), False, "is worse", id="others, and worse"),
        pytest.param(entry(0.79, split="b"), champion(0.80), False, "not surely better", id="of another kind"),
        pytest.param(entry(0.79), champion(0.80, kind="cnn"), False, "not surely better", id="only another seed"),
        pytest.param(
            entry(1.0, origin="synthetic"), champion(0.1), False, "synthetic recordings, which never", id="synthetic"
        ),
        pytest.param(entry(1.0, origin="synthetic"), champion(math.nan), False, "never replaces", id="never"),
        pytest.param(entry(0.1), champion(1.0, origin="synthetic"), True, "is of real recordings", id="real"),
        pytest.param(
            entry(math.nan), champion(1.0, origin="synthetic"), False, "is nan, no score", id="real, no score"
        ),
        pytest.param(entry(math.nan), None, False, "no score", id="no score, nobody before"),
        pytest.param(entry(math.inf), champion(0.5), False, "no score", id="infinite"),
        pytest.param(entry(1.5), champion(0.5), False, "no score", id="above 1"),
        pytest.param(entry(0.9), champion(math.nan), False, "could not be scored", id="champion without a score"),
        pytest.param(entry(0.1), champion(None), True, "takes windows of another length", id="other windows"),
        pytest.param(entry(0.9, origin="synthetic"), champion(None), False, "never replaces", id="other, synthetic"),
        pytest.param(entry(0.0, on_windows={}, over_folds=STEADY), None, True, "0.8800) is the first", id="only folds"),
        pytest.param(entry(0.0, on_windows={}), None, False, "stays out: no subject validates", id="nobody validates"),
        pytest.param(
            entry(0.0, on_windows={}, over_folds={1: 1.0}), None, False, "stays out: no subject", id="one fold"
        ),
        pytest.param(
            entry(0.0, on_windows={}, over_folds=BETTER),
            champion(0.0, on_windows={}),
            False,
            "har-lstm version 1 stays: no subject judges both",
            id="only one has folds",
        ),
        pytest.param(
            entry(0.0, on_windows={}, over_folds=STEADY, split="b"),
            champion(0.0, on_windows={}, kind="cnn"),
            True,
            "of today's recordings; no subject judges both",
            id="other recordings, only one has folds",
        ),
        pytest.param(entry(None), None, False, "stays out: it takes windows of another length", id="stays out"),
    ],
)
def test_the_gate(candidate: GateEntry, incumbent: GateEntry | None, promote: bool, reason: str) -> None:
    decision = decide(candidate, incumbent, RULE)
    assert decision.promote is promote
    assert reason in decision.reason
    assert candidate.name in decision.reason or present(incumbent).name in decision.reason


def test_the_settings_are_heeded() -> None:
    candidate, incumbent = entry(0.9, over_folds=BETTER), champion(0.9, over_folds=STEADY)
    noisy = zip(STEADY.items(), (0.02, -0.03) * 3, strict=True)
    cheap = entry(0.9, over_folds={s: score + noise for (s, score), noise in noisy}, milliseconds=1.0)
    slow = champion(0.9, over_folds=STEADY, milliseconds=1.5)
    assert decide(candidate, incumbent, RULE).promote
    assert not decide(candidate, incumbent, ChampionSettings(confidence=0.999_999)).promote
    assert not decide(cheap, slow, ChampionSettings(cheaper=0.7)).promote
    assert not decide(cheap, slow, ChampionSettings(margin=0.05)).promote
    assert decide(cheap, slow, ChampionSettings(margin=0.05, cheaper=0.7)).promote


def test_a_comparison_is_a_paired_t_test() -> None:
    """scipy's own, one-sided, has its p-value at 1 - confidence where the difference equals the uncertainty."""
    first, second = over_folds(0.9, 0.8, 0.7, 0.95, 0.9, 0.85), STEADY
    found = present(compare(entry(0.0, over_folds=first), champion(0.0, over_folds=second), 0.9))
    shifted = [first[s] - second[s] - found.difference + found.uncertainty for s in SUBJECTS]
    assert stats.ttest_1samp(shifted, 0.0, alternative="greater").pvalue == pytest.approx(0.1)
    assert found.subjects == SUBJECTS
    assert found.candidate == pytest.approx(statistics.fmean(first.values()))
    assert found.incumbent == pytest.approx(statistics.fmean(second.values()))


@pytest.mark.parametrize("num_subjects", [1, 2])
def test_few_subjects_have_the_usual_spread(num_subjects: int) -> None:
    scores = dict.fromkeys(range(num_subjects), 0.8)
    found = present(compare(entry(0.0, on_windows=scores), champion(0.0, on_windows=scores), 0.9))
    assert found.evidence == "validation windows"
    assert found.uncertainty == pytest.approx(1.2816 * USUAL_DEVIATION / math.sqrt(num_subjects), rel=1e-3)


FOLDS = st.dictionaries(st.sampled_from(SUBJECTS), st.floats(0, 1), min_size=ENOUGH_SUBJECTS)


@given(
    first=FOLDS,
    gains=st.lists(st.floats(-0.02, 0.02), min_size=6, max_size=6),
    milliseconds=st.tuples(st.floats(0.1, 10), st.floats(0.1, 10)),
    margin=st.floats(0, 0.1),
    cheaper=st.floats(0.01, 0.99),
)
def test_no_two_models_replace_each_other(
    first: dict[int, float], gains: list[float], milliseconds: tuple[float, float], margin: float, cheaper: float
) -> None:
    """So the alias never goes to and fro."""
    second = {subject: score + gain for (subject, score), gain in zip(first.items(), gains, strict=False)}
    one = entry(0.5, over_folds=first, milliseconds=milliseconds[0])
    other = champion(0.5, over_folds=second, milliseconds=milliseconds[1])
    rule = ChampionSettings(margin=margin, cheaper=cheaper)
    assert not (decide(one, other, rule).promote and decide(other, one, rule).promote)
    assert not decide(one, one, rule).promote


def test_candidates_are_ordered_by_folds_where_all_have_them() -> None:
    entries = {"a": entry(0.9, over_folds=STEADY), "b": entry(0.8, over_folds=BETTER)}
    standing = standings(entries)
    assert standing["b"] > standing["a"]
    standing = standings(entries | {"d": entry(None)})
    assert standing["b"] > standing["a"] > standing["d"], "what stays out takes no part"
    standing = standings(entries | {"c": entry(0.7), "d": entry(None)})
    assert sorted(standing, key=lambda name: -standing[name]) == ["a", "b", "c", "d"]
    assert standings({}) == {}
