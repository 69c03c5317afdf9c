"""Verdicts of the benches: the best way counts, ratios are those of rounds, and a share is of the measured limit."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from measure import Case, Measured
from targets import share_of_limit, verdicts


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


def test_share_counts_three_passes_of_two_operations() -> None:
    limits = {"gemm bf16": 400.0}
    macs = 246_000_000  # of one window through the cnn, but for a percent
    share = share_of_limit(measured("training cnn", "auto", 160.0), limits)
    assert share == pytest.approx(160.0 * 3 * 2 * macs / 400e9, rel=0.03)
    assert share_of_limit(measured("one window cnn", "auto", 160.0), limits) is None


def test_less_time_is_faster_and_more_windows_are_too() -> None:
    assert Case(name="a", unit="ms", ways=()).figure(seconds=2.0, amount=4.0) == 500.0
    assert Case(name="a", unit="windows/s", ways=()).figure(seconds=2.0, amount=4.0) == 2.0
    assert Case(name="a", unit="GB/s", ways=(), scale=1e9).figure(seconds=2.0, amount=4e9) == 2.0
