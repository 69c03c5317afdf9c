"""What a student gains from a teacher: macro-F1 of both, and of the student that learnt from the activities alone.

``python benchmarks/distillation.py WINDOWS.parquet --output FILE.csv`` leaves one subject out after the other, fits the
teacher to the rest, trains the student once alone and once for each temperature with the recipe ``distilled``, from the
same first weights and in the same order of windows, and prints a Markdown table (``data/windows`` of a home has the
file). Several teachers vote. Every training runs its fixed number of epochs and its last one is scored, so nothing is
chosen by the subjects that test. Rows are appended as they come; what the file has already is not run again.

With ``--quick`` it makes a few windows itself, to see that it works; its figures mean nothing.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from ablation import read
from torch import nn

from har_core.base.progress import silent
from har_core.compression.recipe import Material, Parent, compress, predict_held_out
from har_core.datasets.dsads.synthetic.writer import write_recordings
from har_core.evaluation.complexity import measure_complexity
from har_core.evaluation.results import score_predictions
from har_core.fitting.recipe import takes_raw_windows
from har_core.fitting.trained import train_and_predict
from har_core.inference.classifier import predict_probabilities
from har_core.inference.ensemble import Ensemble, Vote
from har_core.inference.graph import load_graph
from har_core.inference.predictions import tabulate_predictions
from har_core.search.folds import inner_folds
from har_core.settings.experiment import ModelSettings
from har_core.settings.recipes import DistilledSettings
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.source import SourceSettings
from har_core.settings.splits import SplitSettings
from har_core.settings.training import PRESETS, TrainingSettings
from har_core.splits.build import SplitWindows, cut_fold
from har_core.splits.protocols import Fold, folds

COLUMNS = (
    *("teacher", "student", "recipe", "epochs", "fold", "seed", "temperature", "soft_weight", "feature_weight"),
    *("of_teacher", "alone", "distilled", "parameters", "seconds"),
)
KEY = COLUMNS[:9]
GROUP = ("teacher", "student", "recipe", "epochs", "temperature", "soft_weight", "feature_weight")
SUBJECTS = range(1, 9)
NUM_INNER = 3


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("windows", type=Path, nargs="?")
    parser.add_argument("--teacher", nargs="+", default=["invariant_lda"], metavar="ARCHITECTURE")
    parser.add_argument("--student", default="compact")
    parser.add_argument("--recipe", choices=[*PRESETS], default="modern", help="preset of every network")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--temperature", type=float, nargs="+", default=[4.0])
    parser.add_argument("--soft-weight", type=float, default=0.9)
    parser.add_argument("--feature-weight", type=float, default=0.0)
    return parsed(parser)


def main() -> None:
    """Run what is not in the file yet, then print a table."""
    asked = parse()
    measure_each(asked, measure)
    print("\n".join(table(read(asked.output))))


def parsed(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The command line, with what all measurements over folds ask for; ``--quick`` trains one epoch."""
    parser.add_argument("--protocol", choices=["loso", "holdout", "inner"], default="loso")
    parser.add_argument("--fold", nargs="+", help="these alone: loso-p7")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="a few windows that are made here")
    parser.add_argument("--output", type=Path, required=True)
    asked = parser.parse_args()
    if (asked.windows is None) != asked.quick:
        parser.error("either WINDOWS.parquet or --quick")
    if asked.quick:
        asked.epochs = 1
    return asked


def measure_each(asked: argparse.Namespace, measure: Callable[[argparse.Namespace, Path, Fold, int], None]) -> None:
    """Measure each fold with each seed that is asked for."""
    torch.set_num_threads(asked.threads)
    with tempfile.TemporaryDirectory() as name:
        path = made(Path(name)) if asked.quick else asked.windows
        for fold in chosen(asked, range(1, 4) if asked.quick else SUBJECTS):
            for seed in asked.seeds:
                measure(asked, path, fold, seed)


def made(folder: Path) -> Path:
    """Windows of a few synthetic recordings."""
    from defects_and_scores import cut  # noqa: PLC0415 - for this alone

    write_recordings(folder / "recordings", SourceSettings(kind="synthetic", num_subjects=3, num_segments=6), silent)
    return cut(folder / "recordings", folder)[0]["dropped"]


def chosen(asked: argparse.Namespace, subjects: Sequence[int]) -> list[Fold]:
    """The folds that are asked for, without validation; inner ones are of the subjects that do not test."""
    if asked.protocol == "inner":
        own = inner_folds(SplitSettings(), subjects, NUM_INNER)
        return [replace(fold, protocol="loso", validation=(), test=fold.validation) for fold in own]
    if asked.protocol == "loso":
        own = folds("loso", subjects, num_validation_subjects=0)
        return [fold for fold in own if not asked.fold or fold.name in asked.fold][: 1 if asked.quick else None]
    test = tuple(SplitSettings().test_subjects)
    training = tuple(subject for subject in subjects if subject not in test)
    return [Fold(name="holdout", protocol="loso", index=0, training=training, test=test)]


def measure(asked: argparse.Namespace, path: Path, fold: Fold, seed: int) -> None:
    """Add a row for each temperature of one fold and seed that the file lacks."""
    done = {tuple(row[name] for name in KEY) for row in read(asked.output)}
    names = ("+".join(asked.teacher), asked.student, asked.recipe, str(asked.epochs), fold.name, str(seed))
    missing = [
        key
        for temperature in asked.temperature
        if (key := (*names, f"{temperature:g}", f"{asked.soft_weight:g}", f"{asked.feature_weight:g}")) not in done
    ]
    if not missing:
        return
    epochs = {"epochs": asked.epochs, "keep": "last", "seed": seed}
    training = TrainingSettings.model_validate({**PRESETS[asked.recipe].model_dump(), **epochs})
    settings, runtime = ModelSettings(training=training), RuntimeSettings(device="cpu", num_threads=asked.threads)
    windows = cut_fold(path, fold)
    material = Material(windows=windows, settings=None, student=settings, runtime=runtime, seed=seed)
    teacher = teacher_of(asked.teacher, material, settings, path, fold)
    of_teacher = macro_f1(teacher, material)
    alone = train_and_predict(asked.student, settings, runtime, windows)
    of_alone = score_predictions(alone.predictions).scores["test"].macro_f1
    for key in missing:
        start = time.perf_counter()
        recipe = DistilledSettings(
            student=asked.student,
            temperature=float(key[6]),
            soft_weight=asked.soft_weight,
            feature_weight=asked.feature_weight,
        )
        distilled = compress(recipe, Parent(name=key[0], model=teacher), material)
        seconds = time.perf_counter() - start
        score = score_predictions(predict_held_out(distilled, material)).scores["test"].macro_f1
        parameters = measure_complexity(
            distilled.classifier, windows.roles["training"].windows.shape[1], windows.spec.num_channels
        ).num_parameters
        figures = (*(f"{own:.4f}" for own in (of_teacher, of_alone, score)), str(parameters), f"{seconds:.0f}")
        append(asked.output, COLUMNS, (*key, *figures))


def teacher_of(names: Sequence[str], material: Material, settings: ModelSettings, path: Path, fold: Fold) -> nn.Module:
    """The fitted teacher, as it would be registered: a graph, or several that vote."""
    members, windows = [], material.windows
    for name in names:
        own = cut_fold(path, fold, normalise=False) if takes_raw_windows(name) else windows
        members.append(as_registered(train_and_predict(name, settings, material.runtime, own).classifier, windows))
    if len(members) == 1:
        return members[0]
    return Ensemble(members, Vote(torch.full((len(members),), 1 / len(members)).numpy())).eval()


def as_registered(model: nn.Module, windows: SplitWindows) -> nn.Module:
    """``model`` exported and read again."""
    example = windows.roles["training"].windows[:2]
    exported = torch.export.export(model, (example,), dynamic_shapes=({0: torch.export.Dim("N")},))
    with tempfile.TemporaryDirectory() as folder:
        torch.export.save(exported, path := Path(folder) / "model.pt2")
        return load_graph(path)


def macro_f1(model: nn.Module, material: Material) -> float:
    """Of the test windows."""
    own, learnt = material.windows.roles["test"], sorted(set(material.windows.roles["training"].labels.tolist()))
    probabilities = predict_probabilities(model, material.raw("test"))
    table_of_test = tabulate_predictions(own, probabilities, role="test", seed=material.seed, learnt=learnt)
    return score_predictions(table_of_test).scores["test"].macro_f1


def append(path: Path, columns: Sequence[str], row: Sequence[str]) -> None:
    """Add a row, and the names of the columns before the first."""
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if is_new:
            writer.writerow(columns)
        writer.writerow(row)


def table(rows: Sequence[dict[str, str]]) -> Iterator[str]:
    """Markdown: a row for each training of a student, and the means of each temperature."""
    yield f"| {' | '.join(GROUP)} | fold | seed | of teacher | alone | distilled | gap recovered |"
    yield "|---|---|---|--:|--:|--:|--:|---|--:|--:|--:|--:|--:|"
    groups: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in GROUP), []).append(row)
    for group, own in groups.items():
        figures = [tuple(float(row[name]) for name in ("of_teacher", "alone", "distilled")) for row in own]
        for row, scores in zip(own, figures, strict=True):
            yield _line(group, row["fold"], row["seed"], scores)
        yield _line(group, "mean", "", [statistics.fmean(scores) for scores in zip(*figures, strict=True)])


def _line(group: tuple[str, ...], fold: str, seed: str, scores: Sequence[float]) -> str:
    share = recovered(*scores)
    told = "" if share is None else f"{share:.0%}"
    return f"| {' | '.join([*group, fold, seed, *(f'{score:.3f}' for score in scores), told])} |"


def recovered(teacher: float, alone: float, distilled: float) -> float | None:
    """The share of the gap between teacher and student that distillation closed; None where there is no gap.

    >>> recovered(0.98, 0.94, 0.96)
    0.5
    """
    return None if teacher <= alone else round((distilled - alone) / (teacher - alone), 4)


if __name__ == "__main__":
    main()
