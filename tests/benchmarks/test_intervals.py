"""How sure means over subjects are."""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
HEAD = "architecture,fold,subject,seed,macro_f1,accuracy,seconds,parameters\n"


@pytest.fixture(scope="module")
def intervals() -> ModuleType:
    """The bench as a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        import intervals  # noqa: PLC0415 - found only now

        return intervals


def rows(name: str, scores: list[float]) -> str:
    return "".join(f"{name},loso-p{n},{n},0,{score},0.5,1,10\n" for n, score in enumerate(scores, start=1))


def test_each_is_set_against_one_by_subject(
    intervals: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, first = tmp_path / "z.csv", [0.8, 0.9, 0.7, 0.95]
    file.write_text(HEAD + rows("a", first) + rows("b", [0.9, 0.95, 0.65, 0.99]) + rows("c", first))
    monkeypatch.setattr(sys, "argv", ["intervals.py", str(file), "--against", "a"])
    intervals.main()
    head, _, b, a, c = capsys.readouterr().out.splitlines()
    assert head.split(" | ")[4] == "minus a"
    assert b.startswith("| b | 0.873 | 0.")
    assert " | 3: 0.650 | +0.035 | " in b
    assert b.endswith(" | 3 of 4 |")
    assert a.endswith(" | – | – | – |")
    assert c.endswith(" | +0.000 | – | 0 of 4 |")
    monkeypatch.setattr(sys, "argv", ["intervals.py", str(file), "--against", "d"])
    with pytest.raises(SystemExit):
        intervals.main()
    assert "expected one of a, b, c" in capsys.readouterr().err


@given(thousandths=st.lists(st.integers(0, 1000), min_size=3, max_size=10, unique=True))
def test_an_interval_holds_the_mean(intervals: ModuleType, thousandths: list[int]) -> None:
    values = [number / 1000 for number in thousandths]
    low, high = map(float, intervals.interval(values, "{:.6f}").split(" to "))
    assert min(values) - 1e-3 <= low <= statistics.fmean(values) + 1e-3
    assert statistics.fmean(values) - 1e-3 <= high <= max(values) + 1e-3
