"""What votes over consecutive windows are worth: a protocol of its own, not to be mixed with scores of single windows.

``python benchmarks/votes.py HOME --model NAME`` reads predictions of ``loso``. It prints macro-F1 of each subject if
a window is answered by the mean probability of itself and the windows before it in its recording. So it takes for
granted that an activity goes on. At the beginning of a recording there are fewer windows to look back on, and none of
another activity: of a wearer who changes what they do, votes would tell later than single windows.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assets.machinery.keys import fold_key
from assets.resources.home import Home
from har_core.evaluation.scores import score
from har_core.inference.predictions import probabilities_of

WINDOWS = (1, 2, 3, 6, 12)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--windows", type=int, nargs="+", default=WINDOWS, help="how many vote")
    asked = parser.parse_args()
    folder = Home(asked.home).predictions(fold_key(asked.model).to_user_string(), "").parent
    paths = sorted(folder.glob("loso-*.parquet"))
    if not paths:
        parser.error(f"{folder} has no predictions of loso")
    print("\n".join(table([pq.read_table(path) for path in paths], asked.windows)))


def table(folds: Sequence[pa.Table], windows: Sequence[int]) -> Iterator[str]:
    """Markdown, a row for each number of windows."""
    tests = [fold.filter(pc.equal(fold["role"], "test")) for fold in folds]
    subjects = [test["subject"][0].as_py() for test in tests]
    yield f"| windows that vote | mean | {' | '.join(map(str, subjects))} |"
    yield "|--:|" + "--:|" * (len(subjects) + 1)
    for number in windows:
        scores = [fold_score(test, number) for test in tests]
        yield f"| {number} | {statistics.fmean(scores):.3f} | {' | '.join(f'{own:.3f}' for own in scores)} |"


def fold_score(test: pa.Table, num_windows: int) -> float:
    """Macro-F1, the mean over seeds."""
    scores = []
    for seed in pc.unique(test["seed"]).to_pylist():
        own = test.filter(pc.equal(test["seed"], seed)).sort_by(
            [(name, "ascending") for name in ("session", "segment", "start")]
        )
        labels, voted = own["label"].to_numpy(), votes(own, num_windows)
        scores.append(score(labels, voted, activities=set(labels.tolist())).macro_f1)
    return statistics.fmean(scores)


def votes(ordered: pa.Table, num_windows: int) -> npt.NDArray[np.float32]:
    """Probabilities (N, K): of each window the mean of its own and those before it in its recording."""
    probabilities, sessions = probabilities_of(ordered), ordered["session"].to_numpy()
    voted = np.empty_like(probabilities)
    for session in np.unique(sessions):
        rows = np.flatnonzero(sessions == session)
        for index, row in enumerate(rows):
            voted[row] = probabilities[rows[max(0, index + 1 - num_windows) : index + 1]].mean(axis=0)
    return voted


if __name__ == "__main__":
    main()
