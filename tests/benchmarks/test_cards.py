"""The bench of cards: that its quick form runs. No time is asserted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.slow
def test_the_quick_form_prints_both_tables(tmp_path: Path) -> None:
    command = [sys.executable, str(BENCHMARKS / "cards.py"), "--quick", "--folder", str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    ways = [line.split(" | ")[1] for line in done.stdout.splitlines() if line.startswith("| ") and line.count("|") == 6]
    assert ways.count("pandas") == ways.count("read") == ways.count("ingest") == 3
    assert "| recordings: 12 files of 30 kB | s |" in done.stdout
