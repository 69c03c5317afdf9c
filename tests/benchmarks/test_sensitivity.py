"""The curves as a table and as a file."""

from __future__ import annotations

import csv
from pathlib import Path
from types import ModuleType

import pytest

from har_core.compression.sensitivity import Sensitivity

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
ROWS = [
    Sensitivity(layer=layer, share=share, macro_f1=score)
    for layer, share, score in [("a", 0.0, 0.9), ("a", 0.5, 0.625), ("b", 0.0, 0.9), ("b", 0.5, 0.1)]
]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The bench as a module."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import sensitivity  # noqa: PLC0415 - found only now

    return sensitivity


def test_a_row_for_each_layer(bench: ModuleType) -> None:
    assert bench.table(ROWS).splitlines() == [
        "| layer | 0% | 50% |",
        "|---|--:|--:|",
        "| `a` | 0.900 | 0.625 |",
        "| `b` | 0.900 | 0.100 |",
    ]


def test_the_file_has_every_point(bench: ModuleType, tmp_path: Path) -> None:
    bench.store(tmp_path / "curve.csv", ROWS)
    with (tmp_path / "curve.csv").open(newline="") as file:
        read = [(row["layer"], float(row["share"]), float(row["macro_f1"])) for row in csv.DictReader(file)]
    assert read == [(row.layer, row.share, row.macro_f1) for row in ROWS]


def test_a_home_without_an_experiment_is_refused(bench: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="has no experiment"):
        bench.measure(bench.Home(tmp_path), "cnn", [0.5])
