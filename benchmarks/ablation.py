"""What each augmentation and each regulariser is worth, one at a time, to subjects that validate.

``python benchmarks/ablation.py WINDOWS.parquet --model compact --output FILE.csv`` trains the architecture with a plain
recipe, and again with one change after the other, in inner folds of the subjects that do not test (``data/windows`` of
a home has the file). The test subjects of the default split are never read. Each training runs its fixed number of
epochs, and its last epoch is scored, so nothing is chosen within a training. Rows are appended as they come; what the
file has already is not run again, so an interrupted run goes on.

One change for one architecture after the other ranks architectures. Classical models have no recipe: all changes are
the same to them.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from har_core.evaluation.scores import score
from har_core.fitting.fit import classifier_of, fit_architecture
from har_core.fitting.recipe import channels_seen, takes_raw_windows
from har_core.fitting.trained import labelled
from har_core.inference.classifier import predict_probabilities
from har_core.models.catalogue import describe
from har_core.search.folds import inner_folds
from har_core.settings.experiment import ModelSettings
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.splits import SplitSettings
from har_core.settings.training import TrainingSettings
from har_core.splits.build import SplitWindows, cut_fold

PLAIN: dict[str, Any] = {
    "batch_size": 64,
    "learning_rate": 3e-3,
    "weight_decay": 1e-2,
    "schedule": "one_cycle",
    "keep": "last",
    "mixed_precision": "auto",
}
"""A recipe that works, with nothing of what is tried."""

CHANGES: dict[str, dict[str, Any]] = {
    "plain": {},
    "rotation 10": {"augmentation": {"rotation_degrees": 10.0}},
    "rotation 20": {"augmentation": {"rotation_degrees": 20.0}},
    "rotation 40": {"augmentation": {"rotation_degrees": 40.0}},
    "scaling 0.1": {"augmentation": {"scaling": 0.1}},
    "scaling 0.3": {"augmentation": {"scaling": 0.3}},
    "magnitude warp 0.2": {"augmentation": {"magnitude_warp": 0.2}},
    "time warp 0.2": {"augmentation": {"time_warp": 0.2}},
    "crop 0.3": {"augmentation": {"crop": 0.3}},
    "time shift 0.5": {"augmentation": {"time_shift": 0.5}},
    "jitter 0.1": {"augmentation": {"jitter": 0.1}},
    "channel dropout 0.1": {"augmentation": {"channel_dropout": 0.1}},
    "unit dropout 0.1": {"augmentation": {"unit_dropout": 0.1}},
    "blanking 0.2": {"augmentation": {"blanking": 0.2}},
    "holding 0.2": {"augmentation": {"holding": 0.2}},
    "mixup 0.2": {"augmentation": {"mixup": 0.2}},
    "mixup 1": {"augmentation": {"mixup": 1.0}},
    "cutmix 1": {"augmentation": {"cutmix": 1.0}},
    "label smoothing 0.1": {"label_smoothing": 0.1},
    "weight decay 0.1": {"weight_decay": 0.1},
    "l1 1e-5": {"l1_penalty": 1e-5},
    "average 0.99": {"ema_decay": 0.99},
    "clipping 1": {"clip_norm": 1.0},
    "focal 2": {"focal_gamma": 2.0},
    "balanced": {"class_weights": "balanced"},
    "he": {"initialisation": "he"},
    "muon": {"optimizer": "muon"},
    "nesterov": {"optimizer": "sgd", "nesterov": True, "learning_rate": 0.05, "weight_decay": 1e-3},
}
"""What is changed, one at a time."""
TOGETHER: dict[str, dict[str, Any]] = {
    "rotation 60": {"augmentation": {"rotation_degrees": 60.0}},
    "rotation 90": {"augmentation": {"rotation_degrees": 90.0}},
    "rotation 40, scaling 0.2": {"augmentation": {"rotation_degrees": 40.0, "scaling": 0.2}},
    "rotation 40, scaling 0.2, unit dropout 0.1": {
        "augmentation": {"rotation_degrees": 40.0, "scaling": 0.2, "unit_dropout": 0.1}
    },
    "rotation 40, scaling 0.2, unit dropout 0.1, channel dropout 0.1": {
        "augmentation": {"rotation_degrees": 40.0, "scaling": 0.2, "unit_dropout": 0.1, "channel_dropout": 0.1}
    },
    "rotation 60, scaling 0.2, unit dropout 0.1, channel dropout 0.1": {
        "augmentation": {"rotation_degrees": 60.0, "scaling": 0.2, "unit_dropout": 0.1, "channel_dropout": 0.1}
    },
}
"""What stood out, further and together; the last is the preset ``modern``."""
COLUMNS = ("model", "change", "epochs", "seed", "fold", "macro_f1", "accuracy", "seconds")


def main() -> None:
    """Run what is not in the file yet, then print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("windows", type=Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--set", action="append", default=[], metavar="OPTION=VALUE", help="of the architecture")
    parser.add_argument("--changes", type=Path, help="TOML file of further changes, a table each")
    parser.add_argument("--only", action="append", help="a change by its name")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True)
    asked = parser.parse_args()
    changes = CHANGES | TOGETHER | (tomllib.loads(asked.changes.read_text()) if asked.changes else {})
    chosen = {name: change for name, change in changes.items() if not asked.only or name in asked.only}
    options = tomllib.loads("\n".join(asked.set))
    name = " ".join([asked.model, *asked.set])
    rows = read(asked.output)
    done = {(row["model"], row["change"], row["epochs"], row["seed"], row["fold"]) for row in rows}
    folds = inner_folds(SplitSettings(), range(1, 9), asked.folds)
    normalise = not takes_raw_windows(asked.model)
    cut = [(fold.name, cut_fold(asked.windows, fold, normalise=normalise, wanted=fold.wanted)) for fold in folds]
    for change, values in chosen.items():
        for fold, windows in cut:
            key = (name, change, str(asked.epochs), str(asked.seed), fold)
            if key not in done:
                row = dict(zip(COLUMNS, (*key, *measure(asked, options, values, windows)), strict=True))
                append(asked.output, row)
                rows.append(row)
    print("\n".join(table(rows)))


def measure(
    asked: argparse.Namespace, options: dict[str, Any], values: dict[str, Any], windows: SplitWindows
) -> tuple[str, str, str]:
    """Macro-F1 and accuracy of what was fitted on the validation subjects, and seconds, as text."""
    training = TrainingSettings.model_validate({**PLAIN, "epochs": asked.epochs, "seed": asked.seed, **values})
    settings = ModelSettings(training=training, architecture_options={**describe(asked.model).options, **options})
    training_windows, validation_windows = (labelled(windows.roles[role]) for role in ("training", "validation"))
    channels, start = channels_seen(windows.spec, training), time.perf_counter()
    fitted = fit_architecture(
        asked.model,
        training_windows,
        validation_windows,
        settings,
        RuntimeSettings(device="cpu", num_threads=asked.threads),
        spec=windows.spec,
        channels=channels,
        statistics=windows.statistics,
    )
    seconds = time.perf_counter() - start
    classifier = classifier_of(fitted, None, windows.spec, channels)
    probabilities = predict_probabilities(classifier, validation_windows.windows)
    labels = validation_windows.labels.numpy()
    scores = score(labels, probabilities, activities=set(labels.tolist()))
    return f"{scores.macro_f1:.4f}", f"{scores.accuracy:.4f}", f"{seconds:.1f}"


def read(path: Path) -> list[dict[str, str]]:
    """The rows of an earlier run."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def append(path: Path, row: dict[str, str]) -> None:
    """Add a row, and the header before the first."""
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerow(row)


def table(rows: list[dict[str, str]]) -> Iterator[str]:
    """Markdown: each change, its score in every fold, and what it is worth beside the plain recipe."""
    folds = sorted({row["fold"] for row in rows})
    yield f"| model | change | {' | '.join(folds)} | mean | gain |"
    yield "|---" * (len(folds) + 4) + "|"
    scores: dict[tuple[str, str, str], dict[str, list[float]]] = {}
    for row in rows:
        of_folds = scores.setdefault((row["model"], row["epochs"], row["change"]), {})
        of_folds.setdefault(row["fold"], []).append(float(row["macro_f1"]))
    means = {key: {fold: statistics.fmean(own) for fold, own in found.items()} for key, found in scores.items()}
    for (model, epochs, change), of in means.items():
        plain = means.get((model, epochs, "plain"), {})
        shared = [of[fold] - plain[fold] for fold in of if fold in plain]
        told = " | ".join(f"{of[fold]:.3f}" if fold in of else "" for fold in folds)
        gain = f"{statistics.fmean(shared):+.3f}" if shared else ""
        yield f"| {model}, {epochs} epochs | {change} | {told} | {statistics.fmean(of.values()):.3f} | {gain} |"


if __name__ == "__main__":
    main()
