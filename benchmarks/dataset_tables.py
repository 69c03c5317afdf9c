"""The tables of public data sets in docs/results: what each model reaches on people that it never saw.

``python benchmarks/dataset_tables.py FILE.csv HOME …`` reads the reports and windows of homes, adds a row for each data
set, architecture, fold and seed to the file, in place of older ones, and prints Markdown: for each home the windows of
each activity, the table, and what became of each activity. ``--detail NAME`` says of which architecture that is. The
row ``majority`` is of the most frequent activity of the training windows. Macro-F1 is over the activities that the
people of a fold did; folds that lack some are told apart by the number of activities.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from assets.machinery.keys import fold_key
from assets.resources.home import Home
from har_core.evaluation.scores import score
from har_core.inference.predictions import learnt_of, probabilities_of, spec_of
from har_core.settings.report import TESTING_IN_TURN

MAJORITY = "majority"
MOST_MISTAKES = 2


@dataclass(frozen=True, order=True)
class Row:
    """What one training reached on the people of one fold."""

    data_set: str
    architecture: str
    fold: str
    seed: int
    macro_f1: float
    accuracy: float
    num_activities: int
    num_windows: int
    parameters: int

    @property
    def key(self) -> tuple[str, str, str, int]:
        """A later row with the same one replaces it."""
        return self.data_set, self.architecture, self.fold, self.seed


def main() -> None:
    """Add the rows, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="CSV of the rows; made where there is none")
    parser.add_argument("homes", type=Path, nargs="+")
    parser.add_argument("--detail", default="invariant_lda", help="the architecture whose mistakes are printed")
    asked = parser.parse_args()
    rows = {row.key: row for row in stored(asked.file)}
    for root in asked.homes:
        home = Home(root)
        own = list(read(home))
        rows |= {row.key: row for row in own}
        print(f"\n## {own[0].data_set}\n")
        print("\n".join([*counts(home), "", *table(own), "", *mistakes(home, asked.detail)]))
    store(asked.file, sorted(rows.values()))


def stored(file: Path) -> Iterator[Row]:
    """The rows of a file, none where there is no file."""
    if not file.exists():
        return
    types = {"seed": int, "macro_f1": float, "accuracy": float, "num_activities": int, "num_windows": int}
    types |= {"parameters": int}
    with file.open(newline="") as opened:
        for row in csv.DictReader(opened):
            yield Row(**{name: types.get(name, str)(value) for name, value in row.items()})


def store(file: Path, rows: Iterable[Row]) -> None:
    """Write the rows."""
    with file.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, [entry.name for entry in fields(Row)], lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow(asdict(row) | {"macro_f1": f"{row.macro_f1:.4f}", "accuracy": f"{row.accuracy:.4f}"})


def read(home: Home) -> Iterator[Row]:
    """A row for each fold of whole people and seed that the report of a home has, and those of the majority."""
    report = json.loads((home.report_folder / "report.json").read_text(encoding="utf-8"))
    data_set, subjects, activities = windows_of(home)
    sizes = {row["architecture"]: row["num_parameters"] for of in report["protocols"].values() for row in of["ranking"]}
    folds = {}
    for fold in report["folds"]:
        if fold["protocol"] not in TESTING_IN_TURN:
            continue
        trained, tested = (activities[np.isin(subjects, fold["subjects"][role])] for role in ("training", "test"))
        path = home.predictions(fold_key(fold["architecture"]).to_user_string(), fold["fold"])
        trained = trained[np.isin(trained - 1, learnt_of(pq.read_table(path, columns=["role"])))]
        common = {"data_set": data_set, "fold": fold["fold"], "num_windows": len(tested)}
        common["num_activities"] = len(np.intersect1d(trained, tested))
        folds[fold["fold"]] = majority(trained, tested, common)
        for seed in fold["seeds"]:
            yield Row(
                architecture=fold["architecture"],
                seed=seed["seed"],
                macro_f1=round(seed["macro_f1"]["test"], 4),
                accuracy=round(seed["accuracy"]["test"], 4),
                parameters=sizes[fold["architecture"]],
                **common,
            )
    yield from folds.values()


def majority(trained: npt.NDArray[Any], tested: npt.NDArray[Any], common: dict[str, Any]) -> Row:
    """Every test window called what most training windows are; macro-F1 is over what was both trained and tested."""
    numbers, frequencies = np.unique(trained, return_counts=True)
    answers = np.zeros((len(tested), max(tested.max(), trained.max())))
    answers[:, numbers[frequencies.argmax()] - 1] = 1
    scores = score(tested - 1, answers, activities=np.intersect1d(trained, tested) - 1)
    macro_f1, accuracy = round(scores.macro_f1, 4), round(scores.accuracy, 4)
    return Row(architecture=MAJORITY, seed=0, parameters=0, macro_f1=macro_f1, accuracy=accuracy, **common)


def windows_of(home: Home) -> tuple[str, npt.NDArray[Any], npt.NDArray[Any]]:
    """The name of the data set, and of each window the subject and the activity."""
    windows = pq.read_table(home.windows, columns=["subject", "activity"])
    return spec_of(windows).name, windows["subject"].to_numpy(), windows["activity"].to_numpy()


def counts(home: Home) -> Iterator[str]:
    """Markdown: the windows of each activity, the people who have any, and those of the most and the fewest."""
    names = spec_of(pq.read_table(home.windows, columns=["activity"])).activities
    _, subjects, activities = windows_of(home)
    yield "| activity | windows | people | of one, fewest to most |"
    yield "|:--|--:|--:|--:|"
    for number, name in enumerate(names, start=1):
        own = Counter(subjects[activities == number].tolist())
        few, most = (min(own.values()), max(own.values())) if own else (0, 0)
        yield f"| {name} | {own.total():,} | {len(own)} | {few} to {most} |"


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Markdown, best first: means over folds, of each the mean over seeds."""
    of: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        of[row.architecture].append(row)
    folds = sorted({row.fold for row in rows})
    head = ["architecture", "macro-F1", "worst fold", *folds, "each seed", "accuracy", "parameters"]
    yield f"| {' | '.join(head)} |"
    yield "|:--|" + "--:|" * (len(head) - 1)
    for name, own in sorted(of.items(), key=lambda entry: -statistics.fmean(by("fold", entry[1]).values())):
        scores, seeds = by("fold", own), by("seed", own).values()
        cells = [name, f"{statistics.fmean(scores.values()):.3f} ± {statistics.stdev(scores.values()):.3f}"]
        cells += [f"{min(scores.values()):.3f}", *(f"{scores[fold]:.3f}" for fold in folds)]
        cells.append(" ".join(f"{score:.3f}" for score in seeds) if len(seeds) > 1 else "–")
        cells += [f"{statistics.fmean(by('fold', own, 'accuracy').values()):.3f}", f"{own[0].parameters:,}"]
        yield f"| {' | '.join(cells)} |"


def by(column: str, rows: Iterable[Row], value: str = "macro_f1") -> dict[Any, float]:
    """Mean of a value for each fold, or for each seed."""
    found: dict[Any, list[float]] = defaultdict(list)
    for row in rows:
        found[getattr(row, column)].append(getattr(row, value))
    return {key: statistics.fmean(found[key]) for key in sorted(found)}


def mistakes(home: Home, architecture: str) -> Iterator[str]:
    """Markdown: F1 of each activity over all folds and seeds of an architecture, and what it is taken for."""
    key = fold_key(architecture).to_user_string()
    every = sorted(home.predictions(key, "").parent.glob("*.parquet"))
    paths = [path for path in every if path.name.startswith(TESTING_IN_TURN)]
    tables = [pq.read_table(path) for path in paths]
    tested = [table.filter(np.asarray(table["role"]) == "test") for table in tables]
    labels = np.concatenate([table["label"].to_numpy() for table in tested])
    names = spec_of(tables[0]).activities
    scores = score(labels, np.concatenate([probabilities_of(table) for table in tested]), names=names)
    yield f"| {architecture}: activity | precision | recall | F1 | taken for |"
    yield "|:--|--:|--:|--:|:--|"
    for number, entry in enumerate(scores.per_class):
        others = sorted(((n, k) for k, n in enumerate(scores.confusion[number]) if n and k != number), reverse=True)
        told = ", ".join(f"{names[k]} {n / max(entry.support, 1):.0%}" for n, k in others[:MOST_MISTAKES])
        cells = [entry.activity, *(f"{value:.2f}" for value in (entry.precision, entry.recall, entry.f1)), told or "–"]
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
