"""The benches themselves: that they run, and that they tell what they measured. No time is asserted."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECTIONS = {
    "limits": {"file read, cached", "memory copied", "gemm fp32", "gemm bf16"},
    "preparing": {"unpacked text to windows", "zip to windows", "audit", "windows to normalised tensors"},
    "networks": {
        f"{what} {name}"
        for what in ("training", "answers", "one window")
        for name in ("cnn", "resnet", "lstm", "shufflenet")
    },
    "orchestration": {
        "a run of `splits` from the queue",
        "a materialisation of nothing",
        "logging lstm",
    },
    "commands": {
        f"`har {arguments}`"
        for arguments in (
            "--help",
            "run with a mistyped file name",
            "models",
            "status",
            "run with nothing to do",
            "trace",
            "predict of 5 files",
        )
    },
}


def bench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / "run.py"), *arguments, "--output", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)


def test_what_was_measured_stays_where_the_rest_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import measure as measuring  # noqa: PLC0415 - found only now
    import run  # noqa: PLC0415 - found only now

    def measure(section: str, *_: object) -> Iterator[object]:
        yield measuring.Measured(section=section, case="one", way="plain", unit="s", figures=[1.0])
        raise MemoryError

    monkeypatch.setattr(run, "measure", measure)
    monkeypatch.setattr(run, "pin_threads", lambda number: None)
    monkeypatch.setattr(sys, "argv", ["run.py", "limits", "--quick", "--output", str(tmp_path)])
    with pytest.raises(MemoryError):
        run.main()
    (row,) = json.loads((tmp_path / "bench.json").read_text())["measured"]
    assert row["case"] == "one"
    assert "| one |" in (tmp_path / "bench.md").read_text()


def test_unknown_section_is_refused(tmp_path: Path) -> None:
    done = bench(tmp_path, "limit")
    assert done.returncode == 2
    assert f"no section limit; there are {', '.join(SECTIONS)}" in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_section_runs_in_its_quick_form(tmp_path: Path) -> None:
    done = bench(tmp_path, "--quick")
    assert done.returncode == 0, done.stderr
    content = json.loads((tmp_path / "bench.json").read_text())
    assert content["machine"]["quick"] is True
    assert content["machine"]["threads"] >= 1
    markdown = (tmp_path / "bench.md").read_text()
    for section, cases in SECTIONS.items():
        assert all(f"| {case} |" in markdown for case in cases)
        assert {row["case"] for row in content["measured"] if row["section"] == section} == cases
    for row in content["measured"]:
        assert all(math.isfinite(figure) and figure > 0 for figure in row["figures"]), row
        assert bool(row["speedups"]) == bool(row["reference"]), row
        assert row["peak_mib"] > 0, row
    told = {target["what"].partition(" (")[0] for target in content["targets"]}
    assert {"training cnn", "answers lstm", "one window resnet", "training cnn: share of the bf16 limit"} <= told
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("bench.json", "bench.md")] == []
