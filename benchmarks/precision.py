"""Whether reduced precision changes what a network learns: macro-F1 on held-out subjects, in float32 and in bfloat16.

``python benchmarks/precision.py SPLIT_FOLDER`` trains each architecture once in each precision for each seed, from the
same weights and in the same order of windows, on a split that ``har run`` wrote (``data/splits/holdout``), and prints a
Markdown table for ``docs/results/performance.md``. Each training is appended to ``--results`` (JSON lines) as soon as
it is finished, and not repeated when the command is given again.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

from har_core.evaluation.scores import score
from har_core.fitting import fit_architecture, predict_normalised
from har_core.settings.experiment import ModelSettings
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.training import PRESETS
from har_core.splits import SplitWindows, read_splits
from har_core.training import LabelledWindows

ARCHITECTURES = ("cnn", "shufflenet", "lstm", "resnet")
PRECISIONS = ("off", "auto")


def train_once(split: SplitWindows, architecture: str, precision: str, seed: int, epochs: int) -> dict[str, object]:
    """One training, scored on validation and test windows; predictions are made in float32 whatever it trained in."""
    recipe = PRESETS["published"].model_copy(update={"epochs": epochs, "mixed_precision": precision, "seed": seed})
    channels = range(len(split.statistics.channels))
    labelled = {role: LabelledWindows(windows.windows, windows.labels) for role, windows in split.roles.items()}
    start = time.perf_counter()
    fitted = fit_architecture(
        architecture,
        labelled["training"],
        labelled["validation"],
        ModelSettings(training=recipe),
        RuntimeSettings(device="cpu"),
        channels=channels,
        statistics=split.statistics,
    )
    macro_f1 = {}
    for role in ("validation", "test"):
        probabilities = predict_normalised(
            fitted, labelled[role].windows, statistics=split.statistics, channels=channels
        )
        macro_f1[role] = score(labelled[role].labels.numpy(), probabilities).macro_f1
    return {
        "architecture": architecture,
        "precision": fitted.precision,
        "asked": precision,
        "seed": seed,
        "epochs": epochs,
        "training_loss": [record.training_loss for record in fitted.history],
        "macro_f1": macro_f1,
        "seconds": time.perf_counter() - start,
    }


def finished(path: Path) -> list[dict[str, object]]:
    """Every training that is on record."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def table(results: list[dict[str, object]]) -> str:
    """By architecture: mean macro-F1 over the seeds in each precision, and the differences of the pairs."""
    lines = [
        "| architecture | seeds | role | float32 | reduced | differences, points | their mean |",
        "|---|--:|---|--:|--:|---|--:|",
    ]
    for architecture in dict.fromkeys(result["architecture"] for result in results):
        own = {(each["asked"], each["seed"]): each for each in results if each["architecture"] == architecture}
        seeds = [seed for asked, seed in own if asked == "off" and ("auto", seed) in own]
        for role in ("validation", "test") if seeds else ():
            full = [own["off", seed]["macro_f1"][role] for seed in seeds]  # type: ignore[index]
            reduced = [own["auto", seed]["macro_f1"][role] for seed in seeds]  # type: ignore[index]
            differences = [100 * (b - a) for a, b in zip(full, reduced, strict=True)]
            pairs = ", ".join(f"{difference:+.1f}" for difference in differences)
            means = f"{statistics.mean(full):.3f} | {statistics.mean(reduced):.3f}"
            lines.append(
                f"| {architecture} | {len(seeds)} | {role} | {means} | {pairs} | {statistics.mean(differences):+.1f} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Train what is left, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("split", type=Path, help="folder with train.parquet, validation.parquet, test.parquet")
    parser.add_argument("--architectures", nargs="*", default=ARCHITECTURES)
    parser.add_argument("--seeds", nargs="*", type=int, default=(0, 1, 2))
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--results", type=Path, default=Path("precision.jsonl"))
    options = parser.parse_args()
    split = read_splits(options.split)
    done = {(each["architecture"], each["asked"], each["seed"], each["epochs"]) for each in finished(options.results)}
    for architecture in options.architectures:
        for seed in options.seeds:
            for precision in PRECISIONS:
                if (architecture, precision, seed, options.epochs) in done:
                    continue
                result = train_once(split, architecture, precision, seed, options.epochs)
                with options.results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(result) + "\n")
    wanted = [each for each in finished(options.results) if each["epochs"] == options.epochs]
    print(table(wanted))


if __name__ == "__main__":
    main()
