"""The bench of the report makes what it says, and reads it as a report's inputs."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from har_core.report import FILES

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    """The bench as a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        import report  # noqa: PLC0415 - found only now

        return report


@pytest.mark.parametrize("protocols", [("loso",), ("loso", "leaky")])
def test_every_training_is_made_and_read(bench: ModuleType, tmp_path: Path, protocols: tuple[str, ...]) -> None:
    size = bench.Size(2, 3, 2, 2, protocols)
    bench.make(tmp_path, size)
    inputs = bench.read(tmp_path, size)
    assert len(inputs.entries) == 2
    assert len(inputs.folds) == 2 * (3 + 5 * (len(protocols) - 1))
    assert all(len(fold.result.seeds) == 2 for fold in inputs.folds)
    assert {fold.result.num_windows["test"] for fold in inputs.folds if fold.result.protocol == "loso"} == {2 * 19}
    lines = list(bench.measure(tmp_path, size, rounds=1))
    assert lines[0] == f"2 models, 3 subjects, 2 seeds, {', '.join(protocols)}"
    told = [line.split(" | ") for line in lines if line.startswith("| `")]
    assert [row[0] for row in told] == [f"| `{name}`" for name in FILES]
    for name, row in zip(FILES, told, strict=True):
        assert row[1] == f"{(tmp_path / 'report' / name).stat().st_size:,} |"
