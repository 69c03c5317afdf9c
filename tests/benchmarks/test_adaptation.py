"""Self-training learns the new wearer's shift without a label of theirs, and balance moves what is unsure."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from har_core.models.catalogue import describe

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def adaptation(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The bench as a module."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import adaptation  # noqa: PLC0415 - found only now

    return adaptation


def wearers(shift: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Activities on a ring of eight features, known and of a new wearer, all of whose features are shifted."""
    generator = np.random.default_rng(0)
    angles = 2 * np.pi * np.arange(19) / 19
    centres = np.concatenate([np.cos(angles * k) for k in (1, 2, 3, 4)] + [np.sin(angles * k) for k in (1, 2, 3, 4)])
    centres = centres.reshape(8, 19).T * 4
    known, new = np.tile(np.arange(19), 60), np.tile(np.arange(19), 30)
    return (
        centres[known] + generator.normal(size=(len(known), 8)),
        known,
        centres[new] + generator.normal(size=(len(new), 8)) + shift * np.linspace(-1, 1, 8),
        new,
    )


@pytest.mark.parametrize("balanced", [False, True])
def test_rounds_help_a_wearer_who_is_shifted(adaptation: ModuleType, balanced: bool) -> None:
    known, labels, new, truth = wearers(2.5)
    rates = [
        (answer.argmax(axis=1) == truth).mean() for answer in adaptation.adapted(known, labels, new, balanced=balanced)
    ]
    assert len(rates) == adaptation.ROUNDS + 1
    assert rates[0] < 0.95
    assert rates[-1] > rates[0] + 0.02


def test_the_discriminant_of_whole_shares_is_that_of_scikit_learn(adaptation: ModuleType) -> None:
    known, labels, new, _ = wearers(1)
    weights, bias = adaptation.discriminant(known, np.eye(19)[labels])
    expected = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=describe(adaptation.MODEL).options["shrinkage"])
    np.testing.assert_allclose(new @ weights + bias, expected.fit(known, labels).decision_function(new), rtol=1e-9)


def test_a_window_of_two_halves_counts_as_two_of_half_the_weight(adaptation: ModuleType) -> None:
    known, labels, _, _ = wearers(1)
    first, second = np.eye(19)[labels], np.eye(19)[np.roll(labels, 1)]
    halves = adaptation.discriminant(np.concatenate([known] * 2), np.concatenate([first, second]))
    shared = adaptation.discriminant(known, (first + second) / 2)
    for one, other in zip(halves, shared, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_the_first_answer_knows_nothing_of_the_wearer(adaptation: ModuleType) -> None:
    known, labels, new, _ = wearers(2.5)
    together, alone = (next(adaptation.adapted(known, labels, some, balanced=True)) for some in (new, new[:1]))
    np.testing.assert_allclose(together[:1], alone, atol=1e-12)


@pytest.mark.parametrize("balanced", [False, True])
def test_the_second_answer_is_trained_on_softened_first_ones(adaptation: ModuleType, balanced: bool) -> None:
    known, labels, new, _ = wearers(2.5)
    weights, bias = adaptation.discriminant(known, np.eye(19)[labels])
    logits = new @ weights + bias
    soft = adaptation.equally_frequent(logits) if balanced else softmax(logits / adaptation.SOFTENING, axis=1)
    weights, bias = adaptation.discriminant(np.concatenate([known, new]), np.concatenate([np.eye(19)[labels], soft]))
    logits = new @ weights + bias
    _, second, *_ = adaptation.adapted(known, labels, new, balanced=balanced)
    expected = adaptation.equally_frequent(logits) if balanced else softmax(logits, axis=1)
    np.testing.assert_allclose(second, expected, atol=1e-9)


def test_an_activity_that_nobody_known_does_is_never_answered(adaptation: ModuleType) -> None:
    known, labels, new, _ = wearers(0)
    for answer in adaptation.adapted(known[labels != 4], labels[labels != 4], new):
        assert answer[:, 4].max() == 0
        np.testing.assert_allclose(answer.sum(axis=1), 1)


def test_balanced_activities_are_equally_frequent(adaptation: ModuleType) -> None:
    logits = np.random.default_rng(0).normal(size=(300, 19)) * 30 + np.linspace(0, 40, 19)
    assert adaptation.equally_frequent(logits).mean(axis=0) == pytest.approx(np.full(19, 1 / 19), rel=0.02)
