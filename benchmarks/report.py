"""How long the report of many models takes from predictions on disk, and how large it gets.

``python benchmarks/report.py`` makes predictions and records of 40 models in a temporary folder, or in ``--folder``,
where they stay: of each a registered model, and leave-one-subject-out folds of 8 subjects with 3 seeds, 60 windows of
each of 19 activities a subject, as DSADS has. With ``--leaky`` there are the five folds of the random split too. It
prints a table: seconds, by the clock and of the processor, to read predictions and score them, to build the report, and
to write its files, in a process that has imported what they need; then the bytes of every file.

``--quick``: few and small, to see that it works.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from made_predictions import Roles, Study, fold_record, model_record, read_fold, read_model, store

from har_core.datasets.dsads.dataset import DSADS
from har_core.report.build import build_report, write_report
from har_core.report.inputs import FoldEntry, ReportEntry, ReportInputs
from har_core.splits.protocols import folds

HOLDOUT: Roles = {"training": (1, 2, 3, 4, 5), "validation": (6,), "test": (7, 8)}


class Size(NamedTuple):
    """How much there is."""

    num_models: int
    num_subjects: int
    num_seeds: int
    windows_each: int
    protocols: tuple[str, ...]

    @property
    def subjects(self) -> range:
        """By number."""
        return range(1, self.num_subjects + 1)

    @property
    def fold_roles(self) -> dict[str, Roles]:
        """Subjects by role and fold."""
        planned = [fold for protocol in self.protocols for fold in folds(protocol, self.subjects)]
        every = tuple(self.subjects)
        return {
            fold.name: {
                "training": fold.training or every,
                "validation": fold.validation or every,
                "test": fold.test or every,
            }
            for fold in planned
        }


def make(folder: Path, size: Size) -> None:
    """Predictions and records of all trainings."""
    study = Study(spec=DSADS, windows_each=size.windows_each, lacking={}, damaged=0.02)
    mixed = Study(spec=DSADS, windows_each=max(size.windows_each // 5, 1), lacking={}, damaged=0.02)
    seeds = range(size.num_seeds)
    for number in range(size.num_models):
        name, skill, cost = f"model_{number:02d}", 2.5 + 0.03 * number, 5000 * (number + 1)
        predictions = study.predictions(HOLDOUT, seeds=[0], skill=skill, salt=number)
        store(folder / "models" / name, model_record(name, HOLDOUT, predictions, num_parameters=cost), predictions)
        for place, (fold, roles) in enumerate(size.fold_roles.items()):
            own = mixed if fold.startswith("leaky") else study
            predictions = own.predictions(roles, seeds=seeds, skill=skill, salt=1000 * place + number)
            record = fold_record(name, fold, roles, predictions, num_parameters=cost)
            store(folder / "folds" / name / fold, record, predictions)


def read(folder: Path, size: Size) -> ReportInputs:
    """Everything that :func:`make` wrote, scored."""
    names = [path.stem for path in sorted((folder / "models").glob("*.json"))]
    entries = tuple(
        ReportEntry(
            result=read_model(folder / "models" / name),
            registered_model=f"har-{name}",
            version="1",
            mlflow_run_id=f"{number:032x}",
            mlflow_run_url=f"http://127.0.0.1:5000/#/experiments/1/runs/{number:032x}",
        )
        for number, name in enumerate(names)
    )
    planned = tuple(size.fold_roles)
    return ReportInputs(
        title="Human-activity recognition: a comparison",
        origin="synthetic",
        created=datetime.now(tz=UTC),
        spec=DSADS,
        entries=entries,
        experiment={"splits": {"test_subjects": list(HOLDOUT["test"]), "validation_subjects": [6]}},
        folds=tuple(
            FoldEntry(
                result=read_fold(folder / "folds" / name / fold),
                mlflow_run_id=f"{number:016x}{place:016x}",
                mlflow_run_url=f"http://127.0.0.1:5000/#/experiments/2/runs/{number:016x}{place:016x}",
            )
            for number, name in enumerate(names)
            for place, fold in enumerate(planned)
        ),
        planned_folds=dict.fromkeys(names, planned),
        subjects=tuple(size.subjects),
    )


def measure(folder: Path, size: Size, rounds: int) -> Iterator[str]:
    """The table in Markdown."""
    taken = []
    for _ in range(rounds):
        clocks = [_clocks()]
        inputs = read(folder, size)
        clocks.append(_clocks())
        report = build_report(inputs)
        clocks.append(_clocks())
        paths = write_report(report, folder / "report")
        clocks.append(_clocks())
        taken.append([*np.diff(clocks, axis=0), np.subtract(clocks[-1], clocks[0])])
    low, high, middle = np.min(taken, axis=0), np.max(taken, axis=0), np.median(taken, axis=0)
    yield f"{size.num_models} models, {size.num_subjects} subjects, {size.num_seeds} seeds, {', '.join(size.protocols)}"
    yield "\n| what | s, median (range) | processor s, median (range) |\n|---|--:|--:|"
    for row, name in enumerate(("read and scored", "built", "written", "together")):
        own = (f"{middle[row, k]:.2f} ({low[row, k]:.2f}–{high[row, k]:.2f})" for k in (0, 1))
        yield f"| {name} | {' | '.join(own)} |"
    yield "\n| file | bytes |\n|---|--:|"
    for path in paths:
        yield f"| `{path.name}` | {path.stat().st_size:,} |"


def _clocks() -> tuple[float, float]:
    """Of the wall and of the processor, over all threads."""
    return time.perf_counter(), time.process_time()


def main() -> None:
    """Make, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="for the made predictions; must be empty or made by this")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--leaky", action="store_true", help="folds of the random split too")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    protocols = ("loso", "leaky") if asked.leaky else ("loso",)
    size = Size(3, 8, 2, 4, protocols) if asked.quick else Size(40, 8, 3, 60, protocols)
    with tempfile.TemporaryDirectory(prefix="har-report-") as temporary:
        folder = asked.folder or Path(temporary)
        if not (folder / "models").exists():
            make(folder, size)
        print("\n".join(measure(folder, size, 1 if asked.quick else asked.rounds)))


if __name__ == "__main__":
    main()
