"""The table of architectures in docs/results: scores of each test subject, and what a window costs.

``python benchmarks/zoo.py FILE.csv [HOME …]`` adds what homes hold of ``loso`` to the file, a row for each test subject
and seed, and prints a Markdown table of all that the file has, best first. A row that the file has already is replaced;
an architecture, or a seed, that lacks a subject stays in the file and is left out of the table. So the file outlives
homes, and seeds may come from several. All homes of a file are of one experiment, but for seeds and architectures. With
``--holdout`` it reads the models of homes instead of their folds. With ``--validation FILE``, which ``ablation.py``
wrote, it tells what each reached on validation subjects. Multiply-accumulates and the time of one window are those of
the network in float32 on one thread, measured here.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch

from assets.machinery.keys import fold_key, model_key
from assets.resources.home import Home
from har_core.evaluation.complexity import measure_complexity
from har_core.evaluation.latency import measure_latency
from har_core.evaluation.records import FoldRecord, ModelRecord, read_record
from har_core.evaluation.results import score_predictions
from har_core.models.catalogue import describe, is_network, list_models
from har_core.models.registry import create_model
from har_core.settings.report import EvaluationSettings

T, C, K = 125, 45, 19


@dataclass(frozen=True, order=True)
class Row:
    """What one training, of one seed, reached on one test subject."""

    architecture: str
    """With the options that differ from its defaults: ``cnn base_width=8``."""
    fold: str
    """``holdout`` where a model's one split was scored."""
    subject: int
    seed: int
    macro_f1: float
    accuracy: float
    seconds: float
    """Of the training, for all of its subjects."""
    parameters: int

    @property
    def key(self) -> tuple[str, str, int, int]:
        """A later row with the same one replaces it."""
        return self.architecture, self.fold, self.subject, self.seed


def main() -> None:
    """Add the rows, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="CSV of the rows; made where there is none")
    parser.add_argument("homes", type=Path, nargs="*")
    parser.add_argument("--validation", type=Path, action="append", default=[], help="rows of the ablation's")
    parser.add_argument("--holdout", action="store_true", help="models on their one split instead of folds")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    rows = {row.key: row for row in stored(asked.file)}
    for home in asked.homes:
        rows |= {row.key: row for row in (read_models if asked.holdout else read_folds)(Home(home))}
    if len({row.fold == "holdout" for row in rows.values()}) > 1:
        parser.error(f"{asked.file}: folds and models do not go into one file")
    store(asked.file, sorted(rows.values()))
    print("\n".join(table(complete(rows.values()), validation_scores(asked.validation))))


def stored(file: Path) -> Iterator[Row]:
    """The rows of a file, none where there is no file."""
    if not file.exists():
        return
    with file.open(newline="") as opened:
        for row in csv.DictReader(opened):
            yield Row(
                architecture=row["architecture"],
                fold=row["fold"],
                subject=int(row["subject"]),
                seed=int(row["seed"]),
                macro_f1=float(row["macro_f1"]),
                accuracy=float(row["accuracy"]),
                seconds=float(row["seconds"]),
                parameters=int(row["parameters"]),
            )


def store(file: Path, rows: Iterable[Row]) -> None:
    """Write the rows."""
    with file.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, [entry.name for entry in fields(Row)], lineterminator="\n")
        writer.writeheader()
        for row in rows:
            scores = {"macro_f1": f"{row.macro_f1:.4f}", "accuracy": f"{row.accuracy:.4f}"}
            writer.writerow(asdict(row) | scores)


def read_folds(home: Home) -> Iterator[Row]:
    """Every fold of ``loso`` in a home, scored."""
    for path in sorted((home.data / "folds").glob("*/loso-p*.json")):
        record = read_record(path, FoldRecord)
        predictions = pq.read_table(home.predictions(fold_key(record.architecture).to_user_string(), record.fold))
        seconds = {entry.seed: entry.training_seconds for entry in record.seeds}
        yield from scored(record, record.fold, predictions, seconds, record.num_parameters)


def read_models(home: Home) -> Iterator[Row]:
    """Every model in a home, scored on its one split."""
    for path in sorted((home.data / "models").glob("*/result.json")):
        record = read_record(path, ModelRecord)
        predictions = pq.read_table(home.predictions(model_key(record.architecture).to_user_string(), "holdout"))
        seconds = dict.fromkeys(pc.unique(predictions["seed"]).to_pylist(), record.training_seconds)
        yield from scored(record, "holdout", predictions, seconds, record.complexity.num_parameters)


def scored(
    record: FoldRecord | ModelRecord,
    fold: str,
    predictions: pa.Table,
    seconds: Mapping[int, float],
    num_parameters: int,
) -> Iterator[Row]:
    """A row for each test subject and seed."""
    tested = predictions.filter(pc.equal(predictions["role"], "test"))
    for subject in pc.unique(tested["subject"]).to_pylist():
        for seed, spent in seconds.items():
            own = tested.filter(pc.and_(pc.equal(tested["subject"], subject), pc.equal(tested["seed"], seed)))
            test = score_predictions(own).scores["test"]
            yield Row(
                architecture=label(record),
                fold=fold,
                subject=subject,
                seed=seed,
                macro_f1=round(test.macro_f1, 4),
                accuracy=round(test.accuracy, 4),
                seconds=round(spent, 1),
                parameters=num_parameters,
            )


def complete(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows by architecture, of those seeds that have every subject which the rows know."""
    of_seed: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for row in rows:
        of_seed[row.architecture, row.seed].append(row)
    num_subjects = max((len(of) for of in of_seed.values()), default=0)
    whole: dict[str, list[Row]] = defaultdict(list)
    for (architecture, _), of in sorted(of_seed.items()):
        if len(of) == num_subjects:
            whole[architecture] += of
    return whole


def validation_scores(paths: Iterable[Path]) -> dict[str, float]:
    """Mean macro-F1 over the inner folds of each architecture that has all of them, by its label."""
    scores: dict[str, dict[str, float]] = defaultdict(dict)
    for path in paths:
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                if row["fold"] in scores[row["model"]]:
                    sys.exit(f"{path}: {row['model']} has more than one score in {row['fold']}; leave one")
                scores[row["model"]][row["fold"]] = float(row["macro_f1"])
    num_folds = max((len(of) for of in scores.values()), default=0)
    return {name: statistics.fmean(of.values()) for name, of in scores.items() if len(of) == num_folds}


def label(record: FoldRecord | ModelRecord) -> str:
    """The architecture, with what differs from its defaults, in TOML; an ensemble has no options.

    An option that the record does not know is younger than it, and was as its default is.
    """
    name = record.architecture
    defaults = describe(name).options if name in list_models() else {}
    values = {option: record.training_settings.get(option, value) for option, value in defaults.items()}
    changed = {option: value for option, value in values.items() if value != defaults[option]}
    return " ".join([name, *(f"{option}={json.dumps(value)}" for option, value in changed.items())])


def cost(labelled: str) -> str:
    """Two cells, of one window: multiply-accumulates, milliseconds; none for a classical model and for an ensemble."""
    name, *changed = labelled.split()
    if name not in list_models() or not is_network(name):
        return "– | –"
    options = {**describe(name).options, **tomllib.loads("\n".join(changed))}
    network = create_model(name, num_channels=C, num_timepoints=T, num_classes=K, **options).eval()
    milliseconds = measure_latency(network, T, C, EvaluationSettings(throughput_batch_size=1)).batch1_median_ms
    return f"{measure_complexity(network, T, C).macs:,} | {milliseconds:.2f}"


def by(column: str, rows: Iterable[Row], value: str = "macro_f1") -> dict[int, float]:
    """Mean of a value for each subject, or for each seed."""
    found: dict[int, list[float]] = defaultdict(list)
    for row in rows:
        found[getattr(row, column)].append(getattr(row, value))
    return {key: statistics.fmean(found[key]) for key in sorted(found)}


def minutes(rows: Sequence[Row]) -> float:
    """Of one training of each fold, the mean over seeds."""
    folds: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        folds[row.fold].append(row.seconds)
    return sum(statistics.fmean(of) for of in folds.values()) / 60


def table(architectures: Mapping[str, Sequence[Row]], validation: Mapping[str, float]) -> Iterator[str]:
    """Markdown, best first; ``validation`` may have scores of some."""
    ranked = sorted(architectures.items(), key=lambda entry: -statistics.fmean(by("subject", entry[1]).values()))
    subjects = sorted({row.subject for _, rows in ranked for row in rows})
    several_seeds = any(row.seed != rows[0].seed for _, rows in ranked for row in rows)
    head = ["architecture", *(["validation"] if validation else []), "mean", "worst", *map(str, subjects)]
    head += [*(["each seed"] if several_seeds else []), "accuracy", "parameters", "MACs", "window, ms", "training, min"]
    yield f"| {' | '.join(head)} |"
    yield "|:--|" + "--:|" * (len(head) - 1)
    for name, rows in ranked:
        scores, seeds = list(by("subject", rows).values()), by("seed", rows).values()
        cells = [name]
        if validation:
            cells.append(f"{validation[name]:.3f}" if name in validation else "–")
        spread = f" ± {statistics.stdev(scores):.3f}" if len(scores) > 1 else ""
        cells += [f"{statistics.fmean(scores):.3f}{spread}", f"{min(scores):.3f}"]
        cells += [f"{score:.3f}" for score in scores]
        if several_seeds:
            cells.append(" ".join(f"{score:.3f}" for score in seeds) if len(seeds) > 1 else "–")
        cells.append(f"{statistics.fmean(by('subject', rows, 'accuracy').values()):.3f}")
        cells += [f"{rows[0].parameters:,}", cost(name), f"{minutes(rows):.1f}"]
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
