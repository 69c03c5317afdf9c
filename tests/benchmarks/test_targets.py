"""Verdicts of the benches: the best way counts, ratios are those of rounds, and a share is of the measured limit."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from measure import Case, Measured
from targets import verdicts


def measured(case: str, way: str, figure: float, speedup: float = 0.0, section: str = "networks") -> Measured:
    return Measured(
        section=section,
        case=case,
        way=way,
        unit="windows/s",
        figures=[figure],
        reference="plain" if speedup else None,
        speedups=[speedup] if speedup else [],
    )


@pytest.mark.parametrize(("speedup", "met"), [(3.6, True), (3.4, False)])
def test_ratio_is_held_against_the_target(speedup: float, met: bool) -> None:
    rows = [measured("training cnn", "plain", 40), measured("training cnn", "auto", 40 * speedup, speedup)]
    (verdict,) = verdicts(rows)
    assert (verdict.asked, verdict.met) == ("≥ 3.5 × plain", met)


def test_best_of_the_ways_that_a_user_can_choose_counts() -> None:
    rows = [
        measured("answers cnn", "plain", 100),
        measured("answers cnn", "torch auto", 390, 3.9),
        measured("answers cnn", "openvino auto", 500, 5.0),
        measured("answers cnn", "openvino int8", 900, 9.0),
    ]
    (verdict,) = verdicts(rows)
    assert (verdict.what, verdict.measured, verdict.met) == ("answers cnn (openvino auto)", "5.00 ×", True)


@pytest.mark.parametrize(("share", "met"), [(0.5, True), (0.4, False)])
def test_share_is_that_of_the_rounds(share: float, met: bool) -> None:
    rows = [measured("training cnn", "plain", 40), replace(measured("training cnn", "auto", 160, 4.0), shares=[share])]
    (_, verdict) = verdicts(rows)
    assert (verdict.what, verdict.met) == ("training cnn: share of the bf16 limit", met)


def test_less_time_is_faster_and_more_windows_are_too() -> None:
    assert Case(name="a", unit="ms", ways=()).figure(seconds=2.0, amount=4.0) == 500.0
    assert Case(name="a", unit="windows/s", ways=()).figure(seconds=2.0, amount=4.0) == 2.0
    assert Case(name="a", unit="GB/s", ways=(), scale=1e9).figure(seconds=2.0, amount=4e9) == 2.0
