"""Whether reduced precision changes what a network learns or says: macro-F1 on held-out subjects.

``python benchmarks/precision.py SPLIT_FOLDER`` trains each architecture in float32 and in the precision that ``auto``
takes, for each seed, from the same weights and in the same order of windows, on a split that ``har run`` wrote
(``data/splits/holdout``). Scores are of float32 answers; those of every engine and precision stand beside them. It
prints two Markdown tables for ``docs/results/performance.md``. Each training is appended to ``--results`` (JSON lines)
as soon as it is finished, and not repeated when the command is given again.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from har_core.evaluation.results import score_predictions
from har_core.evaluation.scores import score
from har_core.fitting.trained import train_and_predict
from har_core.inference.acceleration import Engine, Precision, accelerate
from har_core.inference.classifier import RawWindowClassifier
from har_core.settings.experiment import ModelSettings
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.training import PRESETS
from har_core.splits.build import SplitWindows, read_splits
from har_core.training.events import Fitted

ARCHITECTURES = ("cnn", "shufflenet", "lstm", "resnet")
PRECISIONS = ("off", "auto")
ANSWERS: tuple[tuple[Engine, Precision], ...] = (
    ("torch", "auto"),
    ("openvino", "fp32"),
    ("openvino", "auto"),
    ("openvino", "int8"),
)
ROLES = ("validation", "test")
WINDOWS_TO_CALIBRATE = 190


def train_once(split: SplitWindows, architecture: str, precision: str, seed: int, epochs: int) -> dict[str, Any]:
    """One training, scored on validation and test windows; predictions are made in float32 whatever it trained in."""
    recipe = PRESETS["published"].model_copy(update={"epochs": epochs, "mixed_precision": precision, "seed": seed})
    start = time.perf_counter()
    trained = train_and_predict(architecture, ModelSettings(training=recipe), RuntimeSettings(device="cpu"), split)
    fitted = trained.fitted
    macro_f1 = {role: scores.macro_f1 for role, scores in score_predictions(trained.predictions).scores.items()}
    return {
        "architecture": architecture,
        "precision": fitted.precision,
        "asked": precision,
        "seed": seed,
        "epochs": epochs,
        "training_loss": [record.training_loss for record in fitted.history],
        "macro_f1": macro_f1,
        "answers": answers(fitted, split),
        "seconds": time.perf_counter() - start,
    }


def answers(fitted: Fitted, split: SplitWindows) -> dict[str, dict[str, float]]:
    """Macro-F1 of quicker answers, by engine and precision and then role; int8 is calibrated with training windows."""
    training = split.roles["training"].windows
    few = training[:: max(1, len(training) // WINDOWS_TO_CALIBRATE)].numpy()
    model = RawWindowClassifier(fitted.model, split.spec)
    found = {}
    for engine, precision in ANSWERS:
        fast = accelerate(
            model.eval(),
            num_timepoints=training.shape[1],
            num_channels=training.shape[2],
            engine=engine,
            precision=precision,
            calibration=few,
        )
        found[f"{engine} {fast.precision}"] = {
            role: macro_f1_of(split, role, fast(split.roles[role].windows.numpy())) for role in ROLES
        }
    return found


def macro_f1_of(split: SplitWindows, role: str, probabilities: npt.NDArray[np.float32]) -> float:
    """Of the windows of one role."""
    return score(split.roles[role].labels.numpy(), probabilities).macro_f1


def finished(path: Path) -> list[dict[str, Any]]:
    """Every training that is on record."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def trainings_table(results: list[dict[str, Any]]) -> str:
    """By architecture and epochs: mean macro-F1 over the seeds in each precision, and the differences of the pairs."""
    lines = [
        "| architecture | epochs | seeds | role | float32 | reduced | differences, points | their mean |",
        "|---|--:|--:|---|--:|--:|---|--:|",
    ]
    for architecture, epochs in dict.fromkeys((each["architecture"], each["epochs"]) for each in results):
        own = {
            (each["asked"], each["seed"]): each["macro_f1"]
            for each in results
            if (each["architecture"], each["epochs"]) == (architecture, epochs)
        }
        seeds = [seed for asked, seed in own if asked == "off" and ("auto", seed) in own]
        for role in ROLES if seeds else ():
            full = [own["off", seed][role] for seed in seeds]
            reduced = [own["auto", seed][role] for seed in seeds]
            differences = [100 * (b - a) for a, b in zip(full, reduced, strict=True)]
            pairs = ", ".join(f"{difference:+.2f}" for difference in differences)
            means = f"{statistics.mean(full):.4f} | {statistics.mean(reduced):.4f}"
            begin = f"| {architecture} | {epochs} | {len(seeds)} | {role} | {means}"
            lines.append(f"{begin} | {pairs} | {statistics.mean(differences):+.2f} |")
    return "\n".join(lines)


def answers_table(results: list[dict[str, Any]]) -> str:
    """What other answers of the same weights are off, in points of macro-F1, over all trained models and both roles."""
    lines = [
        "| architecture | answers | trained models | largest difference, points | mean difference, points |",
        "|---|---|--:|--:|--:|",
    ]
    differences: dict[tuple[str, str], list[float]] = {}
    for each in results:
        for name, macro_f1 in each["answers"].items():
            off = [100 * (macro_f1[role] - each["macro_f1"][role]) for role in ROLES]
            differences.setdefault((each["architecture"], name), []).extend(off)
    for (architecture, name), off in differences.items():
        begin = f"| {architecture} | {name} | {len(off) // len(ROLES)}"
        lines.append(f"{begin} | {max(off, key=abs):+.2f} | {statistics.mean(off):+.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Train what is left, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("split", type=Path, help="folder with train.parquet, validation.parquet, test.parquet")
    parser.add_argument("--architectures", nargs="*", default=ARCHITECTURES)
    parser.add_argument("--precisions", nargs="*", choices=PRECISIONS, default=PRECISIONS)
    parser.add_argument("--seeds", nargs="*", type=int, default=(0, 1, 2))
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--results", type=Path, default=Path("precision.jsonl"))
    options = parser.parse_args()
    split = read_splits(options.split)
    done = {(each["architecture"], each["asked"], each["seed"], each["epochs"]) for each in finished(options.results)}
    for architecture in options.architectures:
        for seed in options.seeds:
            for precision in options.precisions:
                if (architecture, precision, seed, options.epochs) in done:
                    continue
                result = train_once(split, architecture, precision, seed, options.epochs)
                with options.results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(result) + "\n")
    results = finished(options.results)
    print(trainings_table(results), answers_table(results), sep="\n\n")


if __name__ == "__main__":
    main()
