"""Tables of what homes hold of each architecture, for docs/results: scores of each subject, and what it costs.

``python benchmarks/zoo.py HOME [HOME …] --csv FILE`` reads records and predictions of ``loso``, prints a Markdown table
of the architectures whose folds are all there, best first, and writes a row for each fold and seed. Seeds of a fold may
be in several homes. With ``--validation FILE``, which ``ablation.py`` wrote, it tells what each reached on validation
subjects. With ``--holdout`` it prints a table of the models instead. Multiply-accumulates and the time of one window
are those of the network as it was trained, in float32 on one thread, measured here.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch

from assets.machinery.keys import fold_key, model_key
from assets.resources.home import Home
from har_core.evaluation.complexity import measure_complexity
from har_core.evaluation.latency import measure_latency
from har_core.evaluation.records import FoldRecord, ModelRecord, read_record
from har_core.evaluation.results import FoldResult, ModelResult, score_fold, score_model, score_predictions
from har_core.models.catalogue import describe, is_network, list_models
from har_core.models.registry import create_model
from har_core.settings.report import EvaluationSettings

NUM_SUBJECTS = 8
T, C, K = 125, 45, 19
Result = FoldResult | ModelResult


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
    parser.add_argument("--validation", type=Path, action="append", default=[], help="rows of the ablation's")
    parser.add_argument("--holdout", action="store_true", help="models on their one split instead of folds")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.holdout:
        print("\n".join(holdout_table(result for home in asked.homes for result in read_models(Home(home)))))
        return
    results: dict[str, dict[str, FoldResult]] = defaultdict(dict)
    for home in asked.homes:
        for result in read(Home(home)):
            folds = results[label(result)]
            folds[result.fold] = joined(folds.get(result.fold), result)
    complete = {name: [of[fold] for fold in sorted(of)] for name, of in results.items() if len(of) == NUM_SUBJECTS}
    ranked = sorted(complete.items(), key=lambda entry: -statistics.fmean(subject_scores(entry[1])))
    print("\n".join(table(ranked, validation_scores(asked.validation))))
    if asked.csv is not None:
        with asked.csv.open("w", newline="") as file:
            columns = ("architecture", "fold", "seed", "macro_f1", "accuracy", "seconds")
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(row for name, of in sorted(complete.items()) for row in rows(name, of))


def read(home: Home) -> Iterator[FoldResult]:
    """Every fold of ``loso`` in a home, scored."""
    for path in sorted((home.data / "folds").glob("*/loso-p*.json")):
        record = read_record(path, FoldRecord)
        predictions = home.predictions(fold_key(record.architecture).to_user_string(), record.fold)
        yield score_fold(record, pq.read_table(predictions))


def joined(known: FoldResult | None, result: FoldResult) -> FoldResult:
    """A fold with the seeds of both."""
    if known is None:
        return result
    seeds = {entry.seed: entry for entry in (*known.seeds, *result.seeds)}
    return replace(known, seeds=tuple(seeds[seed] for seed in sorted(seeds)))


def read_models(home: Home) -> Iterator[tuple[ModelResult, dict[int, float]]]:
    """Every model in a home, with macro-F1 of each test subject."""
    for path in sorted((home.data / "models").glob("*/result.json")):
        record = read_record(path, ModelRecord)
        predictions = pq.read_table(home.predictions(model_key(record.architecture).to_user_string(), "holdout"))
        yield score_model(record, predictions), score_predictions(predictions).per_subject


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


def defaults_of(result: Result) -> Mapping[str, Any]:
    """Options of the architecture; an ensemble has none."""
    return describe(result.architecture).options if result.architecture in list_models() else {}


def options(result: Result) -> dict[str, Any]:
    """Those that the architecture was built with."""
    return {name: result.training_settings[name] for name in defaults_of(result)}


def label(result: Result) -> str:
    """The architecture, with what differs from its defaults."""
    defaults = defaults_of(result)
    changed = {name: value for name, value in options(result).items() if value != defaults[name]}
    return " ".join([result.architecture, *(f"{name}={value}" for name, value in changed.items())])


def subject_scores(folds: Sequence[FoldResult]) -> list[float]:
    """Macro-F1 of each subject, the mean over seeds."""
    return [fold.macro_f1 for fold in folds]


def each_seed(folds: Sequence[FoldResult]) -> str:
    """Mean macro-F1 over the subjects of each seed that all folds have; nothing where there is one seed."""
    by_seed = [{entry.seed: entry.scores["test"].macro_f1 for entry in fold.seeds} for fold in folds]
    shared = sorted(set.intersection(*(set(scores) for scores in by_seed)))
    if len(shared) == 1:
        return "–"
    return " ".join(f"{statistics.fmean(scores[seed] for scores in by_seed):.3f}" for seed in shared)


def cost(result: Result) -> Cost | None:
    """Of one window; None of a classical model and of an ensemble."""
    if result.architecture not in list_models() or not is_network(result.architecture):
        return None
    network = create_model(
        result.architecture, num_channels=C, num_timepoints=T, num_classes=K, **options(result)
    ).eval()
    latency = measure_latency(network, T, C, EvaluationSettings(throughput_batch_size=1))
    return Cost(measure_complexity(network, T, C).macs, latency.batch1_median_ms)


def told(spent: Cost | None) -> str:
    """Its two cells."""
    return f"| {spent.macs:,} | {spent.milliseconds:.2f} |" if spent is not None else "| – | – |"


def table(ranked: Iterable[tuple[str, Sequence[FoldResult]]], validation: Mapping[str, float]) -> Iterator[str]:
    """Markdown of folds; ``validation`` may have scores of some."""
    subjects = " | ".join(str(number) for number in range(1, NUM_SUBJECTS + 1))
    chosen_by = " validation |" if validation else ""
    yield (
        f"| architecture |{chosen_by} mean | worst | {subjects} | each seed | accuracy | parameters | MACs "
        "| window, ms | training, min |"
    )
    yield "|:--|" + "--:|" * (NUM_SUBJECTS + 8 + bool(validation))
    for name, folds in ranked:
        scores, spent = subject_scores(folds), cost(folds[0])
        accuracy = statistics.fmean(seed.scores["test"].accuracy for fold in folds for seed in fold.seeds)
        minutes = statistics.fmean(seed.training_seconds for fold in folds for seed in fold.seeds) * len(folds) / 60
        before = f" {validation[name]:.3f} |" if name in validation else " – |" if validation else ""
        yield (
            f"| {name} |{before} {statistics.fmean(scores):.3f} ± {statistics.stdev(scores):.3f} | {min(scores):.3f} | "
            f"{' | '.join(f'{score:.3f}' for score in scores)} | {each_seed(folds)} | {accuracy:.3f} | "
            f"{folds[0].num_parameters:,} {told(spent)} {minutes:.1f} |"
        )


def holdout_table(models: Iterable[tuple[ModelResult, Mapping[int, float]]]) -> Iterator[str]:
    """Markdown of models, best first."""
    ranked = sorted(models, key=lambda entry: -entry[0].scores["test"].macro_f1)
    subjects = [str(subject) for subject in ranked[0][1]]
    yield (
        f"| architecture | macro-F1 | {' | '.join(subjects)} | accuracy | parameters | MACs | window, ms "
        "| training, min |"
    )
    yield "|:--|" + "--:|" * (len(subjects) + 6)
    for result, per_subject in ranked:
        test = result.scores["test"]
        yield (
            f"| {label(result)} | {test.macro_f1:.3f} | {' | '.join(f'{own:.3f}' for own in per_subject.values())} | "
            f"{test.accuracy:.3f} | {result.complexity.num_parameters:,} {told(cost(result))} "
            f"{result.training_seconds / 60:.1f} |"
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
