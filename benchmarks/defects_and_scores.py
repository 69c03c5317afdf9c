"""What defects in recordings do to a score: each subject in turn left out, with copies and damage dropped and without.

``python benchmarks/defects_and_scores.py FOLDER_OR_ZIP`` audits the recordings, cuts them twice, once with the findings
and once as if nothing had been found, fits one architecture to the folds of ``loso`` with both, and prints a Markdown
table for ``docs/dsads_defects.md``: macro-F1 of each subject, and the F1 of the activities whose rows stand in
two places. Test windows are the same in both.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

import pyarrow as pa

from har_core.audit.defects import find_defects
from har_core.audit.kinds import Kind
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.dsads.format import Dsads
from har_core.datasets.ingested import read_ingested
from har_core.datasets.manifest import ingest
from har_core.evaluation.results import score_predictions
from har_core.evaluation.scores import Scores
from har_core.fitting.recipe import takes_raw_windows
from har_core.fitting.trained import train_and_predict
from har_core.settings.experiment import ModelSettings
from har_core.settings.runtime import RuntimeSettings
from har_core.splits.build import cut_fold
from har_core.splits.protocols import Fold, folds
from har_core.windows import segment
from har_core.windows.dataset import write_windows


def cut(data: Path, folder: Path) -> tuple[dict[str, Path], pa.Table]:
    """Windows with and without findings, and the findings."""
    recordings = folder / "recordings.arrow"
    dataset = Dsads()
    with dataset.open(data) as source:
        ingest(dataset, source, manifest_path=folder / "manifest.parquet", recordings_path=recordings)
    findings = find_defects(read_ingested(recordings), DSADS)
    paths = {"dropped": folder / "audited.parquet", "kept": folder / "unaudited.parquet"}
    for path, known in zip(paths.values(), (findings, None), strict=True):
        write_windows(segment(read_ingested(recordings), length=125, overlap=0.0, findings=known), path)
    return paths, findings


def score_fold(path: Path, fold: Fold, architecture: str, seed: int) -> Scores:
    """Test scores of one fit."""
    windows = cut_fold(path, fold, normalise=not takes_raw_windows(architecture))
    trained = train_and_predict(architecture, ModelSettings(), RuntimeSettings(), windows, seed=seed)
    return score_predictions(trained.predictions).scores["test"]


def copied_activities(findings: pa.Table) -> list[int]:
    """Activities whose rows another subject has too."""
    rows = findings.to_pylist()
    kinds = [row for row in rows if row["kind"] == Kind.DUPLICATE_ROWS and row["other_subject"] != row["subject"]]
    return sorted({row["activity"] for row in kinds} | {row["other_activity"] for row in kinds})


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder or zip of recordings")
    parser.add_argument("--architecture", default="extra_trees", help="a classical one: it needs no validation windows")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as name:
        paths, findings = cut(arguments.data, Path(name))
        activities = copied_activities(findings)
        subjects = range(1, 9)
        named = " | ".join(f"F1 {DSADS.activities[activity - 1]}, {how}" for activity in activities for how in paths)
        print(f"| subject left out | macro-F1, dropped | macro-F1, kept | {named} |")
        print("|" + "---|" * (3 + 2 * len(activities)))
        means: dict[str, list[float]] = {how: [] for how in paths}
        for fold in folds("loso", subjects, num_validation_subjects=0):
            scores = {
                how: [score_fold(path, fold, arguments.architecture, seed) for seed in range(arguments.seeds)]
                for how, path in paths.items()
            }
            figures = {how: statistics.fmean(entry.macro_f1 for entry in entries) for how, entries in scores.items()}
            for how, figure in figures.items():
                means[how].append(figure)
            cells = [
                statistics.fmean(entry.per_class[activity - 1].f1 for entry in scores[how])
                for activity in activities
                for how in paths
            ]
            print(f"| {fold.test[0]} | " + " | ".join(f"{cell:.4f}" for cell in [*figures.values(), *cells]) + " |")
        print("| mean | " + " | ".join(f"{statistics.fmean(figures):.4f}" for figures in means.values()) + " | |")


if __name__ == "__main__":
    main()
