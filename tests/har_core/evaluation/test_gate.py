from __future__ import annotations

import math

import pytest
from narrowing import present

from har_core.datasets.origin import Origin
from har_core.evaluation.gate import GateEntry, decide


def entry(score: float | None, origin: Origin = "real", name: str = "har-cnn version 2") -> GateEntry:
    return GateEntry(name=name, origin=origin, validation_macro_f1=score)


def champion(score: float | None, origin: Origin = "real") -> GateEntry:
    return entry(score, origin, name="har-cnn version 1")


@pytest.mark.parametrize(
    ("candidate", "incumbent", "promote", "reason"),
    [
        (entry(0.1), None, True, "is the first champion"),
        (entry(0.0), None, True, "is the first champion"),
        (entry(0.1, "synthetic"), None, True, "is the first champion"),
        (entry(0.81), champion(0.80), True, "0.8100) is better than har-cnn version 1 (validation macro-F1 0.8000)"),
        (
            entry(0.80),
            champion(0.80),
            False,
            "har-cnn version 1 stays: har-cnn version 2 (validation macro-F1 0.8000) equals",
        ),
        (entry(0.79), champion(0.80), False, "is worse than"),
        (entry(0.81, "synthetic"), champion(0.80, "synthetic"), True, "is better than"),
        (entry(1.0, "synthetic"), champion(0.1), False, "trained on synthetic recordings, which never replaces"),
        (entry(1.0, "synthetic"), champion(math.nan), False, "never replaces"),
        (entry(0.1), champion(1.0, "synthetic"), True, "is of real recordings"),
        (entry(math.nan), champion(1.0, "synthetic"), False, "is nan, no score"),
        (entry(math.nan), None, False, "no score"),
        (entry(math.nan), champion(math.nan), False, "no score"),
        (entry(math.inf), champion(0.5), False, "no score"),
        (entry(1.5), champion(0.5), False, "no score"),
        (entry(0.9), champion(math.nan), False, "could not be scored"),
        (entry(0.1), champion(None), True, "takes windows of another length"),
        (entry(0.9, "synthetic"), champion(None), False, "never replaces"),
        (entry(None), None, False, "stays out: it takes windows of another length"),
    ],
)
def test_the_gate(candidate: GateEntry, incumbent: GateEntry | None, promote: bool, reason: str) -> None:
    decision = decide(candidate, incumbent)
    assert decision.promote is promote
    assert reason in decision.reason
    assert candidate.name in decision.reason or present(incumbent).name in decision.reason
