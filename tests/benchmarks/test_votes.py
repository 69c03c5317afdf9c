"""Votes look back within their recording, and nowhere else."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pytest
from window_examples import named_windows

from har_core.datasets.dsads.dataset import DSADS
from har_core.inference.predictions import tabulate_predictions, write_predictions

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def votes(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The bench as a module."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import votes  # noqa: PLC0415 - found only now

    return votes


def predictions(answers: dict[int, list[int]], subject: int = 1) -> pa.Table:
    """By activity: the class that each window of its recording is taken for, surely."""
    activities = np.repeat(list(answers), [len(of) for of in answers.values()]).astype(np.int16)
    segments = np.concatenate([np.arange(1, len(of) + 1) for of in answers.values()]).astype(np.int16)
    windows = named_windows(activities - 1, subject, segments=segments)
    chosen = np.concatenate(list(answers.values()))
    return tabulate_predictions(windows, np.eye(DSADS.num_activities)[chosen], role="test", seed=0)


def test_a_window_is_answered_with_those_before_it(votes: ModuleType) -> None:
    found = votes.votes(predictions({1: [0, 5, 0, 0], 2: [1, 1]}), 2)
    expected = [{0: 1.0}, {0: 0.5, 5: 0.5}, {0: 0.5, 5: 0.5}, {0: 1.0}, {1: 1.0}, {1: 1.0}]
    assert [{k: float(p) for k, p in enumerate(row) if p} for row in found] == expected


def test_a_single_error_is_voted_down_and_one_window_is_as_it_was(
    votes: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data" / "predictions" / "folds" / "lda"
    folder.mkdir(parents=True)
    # Rows in another order than time's, and validation windows, which do not count.
    table = predictions({1: [0, 0, 5, 0], 2: [1, 1, 1, 1]})
    write_predictions(folder / "loso-p1.parquet", table.take([7, 3, 1, 0, 2, 6, 5, 4]))
    monkeypatch.setattr(sys, "argv", ["votes.py", str(tmp_path), "--model", "lda", "--windows", "1", "3"])
    votes.main()
    head, _, single, three = capsys.readouterr().out.splitlines()
    assert head == "| windows that vote | mean | 1 |"
    assert single == "| 1 | 0.929 | 0.929 |"
    assert three == "| 3 | 1.000 | 1.000 |"
    monkeypatch.setattr(sys, "argv", ["votes.py", str(tmp_path), "--model", "rocket"])
    with pytest.raises(SystemExit):
        votes.main()
    assert "has no predictions of loso" in capsys.readouterr().err
