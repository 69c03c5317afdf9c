"""The bench of growth: what it works out, and that its quick form runs. No time is asserted."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
STEPS = ["ingest", "audit", "windows", "splits", "load, in memory", "load, mapped", "epoch, mapped", "report"]


@pytest.fixture
def scaling(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The bench as a module."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import scaling  # noqa: PLC0415 - found only now

    return scaling


def taken(seconds: float, mib: float) -> dict[str, float]:
    return {
        "seconds": seconds,
        "processor_seconds": 2 * seconds,
        "bytes_at_start": 100 * 2**20,
        "bytes_at_peak": (100 + mib) * 2**20,
        "bytes_with_files": (300 + mib) * 2**20,
    }


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_the_exponent_is_that_of_the_power(scaling: ModuleType, power: float) -> None:
    sizes = [8, 24, 80, 240]
    assert scaling.exponent(sizes, [3.0 * size**power for size in sizes]) == pytest.approx(power, abs=1e-9)
    assert math.isnan(scaling.exponent([8], [1.0]))


def test_the_table_has_a_column_a_size_and_blanks_for_what_was_not_measured(scaling: ModuleType) -> None:
    measured = {
        "ingest": {8: taken(1, 64), 24: taken(3, 64)},
        "audit": {8: taken(2, 10)},
        "folds to report on": {8: taken(1, 1)},
    }
    assert scaling.table_of(measured, 8).splitlines() == [
        "| step | | 1× | 3× | exponent |",
        "|---|---|--:|--:|--:|",
        "| ingest | seconds | 1.00 | 3.00 | 1.00 |",
        "| | processor seconds | 2.00 | 6.00 | 1.00 |",
        "| | own memory, MiB | 64 | 64 | 0.00 |",
        "| | with files and libraries, MiB | 364 | 364 | |",
        "| audit | seconds | 2.00 | | nan |",
        "| | processor seconds | 4.00 | | nan |",
        "| | own memory, MiB | 10 | | nan |",
        "| | with files and libraries, MiB | 310 | | |",
    ]


def test_results_of_several_calls_are_joined(scaling: ModuleType, tmp_path: Path) -> None:
    first = {"audit": {8: taken(2, 10), 24: taken(6, 30)}, "ingest": {24: taken(3, 5)}}
    scaling.write_results(tmp_path, first, 8, {"seed": 0})
    assert scaling.read_measured(tmp_path / "scaling.json") == first
    assert list(scaling.read_measured(tmp_path / "scaling.json")) == ["ingest", "audit"]
    for name in ("scaling_time.png", "scaling_memory.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_quick_form_measures_every_step_and_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, str(BENCHMARKS / "scaling.py"), "--quick", "--output", str(tmp_path / "out")]
    command += ["--folder", str(tmp_path / "made")]
    (tmp_path / "made").mkdir()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "made").iterdir()) == []
    measured = json.loads((tmp_path / "out" / "scaling.json").read_text(encoding="utf-8"))["steps"]
    assert list(measured) == [*STEPS[:-1], "folds to report on", "report"]
    assert all(list(by_size) == ["4", "8"] for by_size in measured.values())
    for by_size in measured.values():
        for one in by_size.values():
            assert one["bytes_at_peak"] >= one["bytes_at_start"] > 0
    assert (tmp_path / "out" / "scaling_table.md").read_text(encoding="utf-8") in done.stdout
