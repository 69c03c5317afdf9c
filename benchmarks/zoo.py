"""A table of every fold that homes hold, for docs/results: scores of each subject, and what each architecture costs.

``python benchmarks/zoo.py HOME [HOME …] --csv FILE`` reads records and predictions of ``loso``, prints a Markdown
table of the architectures whose folds are all there, best first, and writes a row for each fold and seed.
Multiply-accumulates and the time of one window are those of the network as it was trained, in float32 on one thread,
measured here.
"""

from __future__ import annotations

import argparse
import csv
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch

from assets.machinery.keys import fold_key
from assets.resources.home import Home
from har_core.evaluation.complexity import measure_complexity
from har_core.evaluation.latency import measure_latency
from har_core.evaluation.records import FoldRecord, read_record
from har_core.evaluation.results import FoldResult, score_fold
from har_core.models.catalogue import describe, is_network, list_models
from har_core.models.registry import create_model
from har_core.settings.report import EvaluationSettings

NUM_SUBJECTS = 8
T, C, K = 125, 45, 19


@dataclass(frozen=True)
class Cost:
    """What one window costs a network."""

    macs: int
    milliseconds: float


def main() -> None:
    """Print the table, and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("homes", type=Path, nargs="+")
    parser.add_argument("--csv", type=Path, help="a row for each fold and seed")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    results: dict[str, list[FoldResult]] = defaultdict(list)
    for home in asked.homes:
        for result in read(Home(home)):
            results[label(result)].append(result)
    complete = {name: sorted(of, key=lambda fold: fold.fold) for name, of in results.items() if len(of) == NUM_SUBJECTS}
    ranked = sorted(complete.items(), key=lambda entry: -statistics.fmean(subject_scores(entry[1])))
    print("\n".join(table(ranked)))
    if asked.csv is not None:
        with asked.csv.open("w", newline="") as file:
            writer = csv.DictWriter(file, ("architecture", "fold", "seed", "macro_f1", "accuracy", "seconds"))
            writer.writeheader()
            writer.writerows(row for name, of in sorted(complete.items()) for row in rows(name, of))


def read(home: Home) -> Iterator[FoldResult]:
    """Every fold of ``loso`` in a home, scored."""
    for path in sorted((home.data / "folds").glob("*/loso-p*.json")):
        record = read_record(path, FoldRecord)
        predictions = home.predictions(fold_key(record.architecture).to_user_string(), record.fold)
        yield score_fold(record, pq.read_table(predictions))


def defaults_of(result: FoldResult) -> Mapping[str, Any]:
    """Options of the architecture; an ensemble has none."""
    return describe(result.architecture).options if result.architecture in list_models() else {}


def options(result: FoldResult) -> dict[str, Any]:
    """Those that the architecture was built with."""
    return {name: result.training_settings[name] for name in defaults_of(result)}


def label(result: FoldResult) -> str:
    """The architecture, with what differs from its defaults."""
    defaults = defaults_of(result)
    changed = {name: value for name, value in options(result).items() if value != defaults[name]}
    return " ".join([result.architecture, *(f"{name}={value}" for name, value in changed.items())])


def subject_scores(folds: Sequence[FoldResult]) -> list[float]:
    """Macro-F1 of each subject, the mean over seeds."""
    return [fold.macro_f1 for fold in folds]


def cost(result: FoldResult) -> Cost | None:
    """Of one window; None of a classical model and of an ensemble."""
    if result.architecture not in list_models() or not is_network(result.architecture):
        return None
    network = create_model(
        result.architecture, num_channels=C, num_timepoints=T, num_classes=K, **options(result)
    ).eval()
    latency = measure_latency(network, T, C, EvaluationSettings(throughput_batch_size=1))
    return Cost(measure_complexity(network, T, C).macs, latency.batch1_median_ms)


def table(ranked: Iterable[tuple[str, Sequence[FoldResult]]]) -> Iterator[str]:
    """Markdown."""
    subjects = " | ".join(str(number) for number in range(1, NUM_SUBJECTS + 1))
    yield f"| architecture | mean | worst | {subjects} | accuracy | parameters | MACs | window, ms | training, min |"
    yield "|:--|" + "--:|" * (NUM_SUBJECTS + 7)
    for name, folds in ranked:
        scores, spent = subject_scores(folds), cost(folds[0])
        accuracy = statistics.fmean(seed.scores["test"].accuracy for fold in folds for seed in fold.seeds)
        minutes = statistics.fmean(seed.training_seconds for fold in folds for seed in fold.seeds) * len(folds) / 60
        told = f"| {spent.macs:,} | {spent.milliseconds:.2f}" if spent is not None else "| – | –"
        yield (
            f"| {name} | {statistics.fmean(scores):.3f} ± {statistics.stdev(scores):.3f} | {min(scores):.3f} | "
            f"{' | '.join(f'{score:.3f}' for score in scores)} | {accuracy:.3f} | {folds[0].num_parameters:,} {told} | "
            f"{minutes:.1f} |"
        )


def rows(name: str, folds: Iterable[FoldResult]) -> Iterator[dict[str, object]]:
    """One for each fold and seed."""
    for fold in folds:
        for seed in fold.seeds:
            test = seed.scores["test"]
            yield {
                "architecture": name,
                "fold": fold.fold,
                "seed": seed.seed,
                "macro_f1": f"{test.macro_f1:.4f}",
                "accuracy": f"{test.accuracy:.4f}",
                "seconds": f"{seed.training_seconds:.1f}",
            }


if __name__ == "__main__":
    main()
