"""The lines of docs/results/champion.md score a home's predictions as har does, and need nothing of har."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
from window_examples import named_windows

from har_core.datasets.dsads.dataset import DSADS
from har_core.evaluation.results import score_predictions
from har_core.inference.predictions import tabulate_predictions, write_predictions

PAGE = Path(__file__).parents[1] / "docs" / "results" / "champion.md"


def predictions(generator: np.random.Generator, subject: int, role: str) -> pa.Table:
    """Of five windows of each activity, with some errors."""
    labels = np.repeat(np.arange(DSADS.num_activities), 5)
    windows = named_windows(labels, subject, segments=np.tile(np.arange(5), DSADS.num_activities))
    weights = np.eye(DSADS.num_activities)[labels] + generator.random((len(labels), DSADS.num_activities)) * 1.5
    return tabulate_predictions(windows, weights / weights.sum(axis=1, keepdims=True), role=role, seed=0)


def test_ten_lines_give_the_score_of_the_report(tmp_path: Path) -> None:
    lines = PAGE.read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]
    assert "har" not in lines
    assert len([line for line in lines.splitlines() if line]) <= 10
    folder, expected = tmp_path / "data" / "predictions" / "folds" / "invariant_lda", []
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for subject in (1, 2):
        test = predictions(generator, subject, "test")
        table = pa.concat_tables([predictions(generator, 9, "validation"), test])
        write_predictions(folder / f"loso-p{subject}.parquet", table)
        expected.append(f"loso-p{subject} {round(score_predictions(test).scores['test'].macro_f1, 4)}")
    assert 0.1 < float(expected[0].split()[1]) < 0.99
    done = subprocess.run(
        [sys.executable, "-c", lines], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines() == expected
