"""What each recipe makes of a fitted network: macro-F1 of people left out, size, work and speed, beside its parent.

``python benchmarks/compression.py WINDOWS.parquet --architecture compact --recipe int8 --recipe "weights share=0.9"
--output FILE.csv`` leaves one subject out after the other (``--protocol holdout``: the test subjects of the default
split), trains the architecture on all the others for a fixed number of epochs, applies each recipe to what would be
registered, and prints a Markdown table (``data/windows`` of a home has the file). Options of a recipe are those of
``[recipes.<name>]``. Nobody validates, so nothing is chosen. Rows are appended as they come; what the file has already
is not run again.

Speed is of PyTorch and of OpenVINO, both in float32 where the model is, on as many threads as ``--threads`` says; a
parent and what is made of it are measured one after the other.

With ``--quick`` it makes a few windows itself, to see that it works; its figures mean nothing.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from ablation import read
from distillation import append, as_registered, macro_f1, measure_each, parsed
from torch import Tensor, nn

from har_core.base.errors import HarError, InputError
from har_core.compression.recipe import Material, Parent, compress
from har_core.evaluation.complexity import measure_complexity
from har_core.evaluation.latency import measure_latency
from har_core.fitting.recipe import takes_raw_windows
from har_core.fitting.trained import train_and_predict
from har_core.inference.acceleration import Accelerated, accelerate
from har_core.settings.experiment import ModelSettings
from har_core.settings.recipes import KINDS, RecipeSettings
from har_core.settings.report import EvaluationSettings
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.training import PRESETS, TrainingSettings
from har_core.splits.build import cut_fold
from har_core.splits.protocols import Fold

COLUMNS = (
    *("architecture", "training", "epochs", "fold", "seed", "recipe"),
    *("macro_f1", "parameters", "nonzero", "macs", "memory_bytes", "file_bytes"),
    *("torch_p50_ms", "torch_p95_ms", "torch_per_s", "openvino_p50_ms", "openvino_p95_ms", "openvino_per_s", "seconds"),
)
KEY, FIGURES = COLUMNS[:6], COLUMNS[6:]
PARENT = "–"


class Answering(nn.Module):
    """An engine as a module, so that both kinds are timed alike."""

    def __init__(self, engine: Accelerated) -> None:
        super().__init__()
        self.engine = engine

    def forward(self, windows: Tensor) -> Tensor:
        """Raw windows (N, T, C) to probabilities (N, K)."""
        return torch.from_numpy(self.engine(windows.numpy()))


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("windows", type=Path, nargs="?")
    parser.add_argument("--architecture", default="compact")
    parser.add_argument("--recipe", action="append", default=[], metavar="'KIND OPTION=VALUE …'")
    parser.add_argument("--set", action="append", default=[], metavar="OPTION=VALUE", help="of the architecture")
    parser.add_argument("--training", choices=[*PRESETS], default="modern", help="preset of the parent")
    parser.add_argument("--mixed-precision", choices=["off", "auto"], default="off", help="of every training")
    parser.add_argument("--epochs", type=int, default=20)
    asked = parsed(parser)
    asked.recipes = {" ".join(own.split()): recipe_of(own) for own in asked.recipe or ["int8"]}
    return asked


def recipe_of(text: str) -> RecipeSettings:
    """The recipe that ``KIND OPTION=VALUE …`` says.

    >>> recipe_of("int8 windows_per_activity=3").windows_per_activity
    3
    """
    kind, *options = text.split()
    return KINDS[kind].model_validate(tomllib.loads("\n".join(options)))


def main() -> None:
    """Run what is not in the file yet, then print a table."""
    asked = parse()
    measure_each(asked, measure)
    print("\n".join(table(read(asked.output))))


def measure(asked: argparse.Namespace, path: Path, fold: Fold, seed: int) -> None:
    """Add the rows of one fold and seed that the file lacks: the parent's, and one for each recipe."""
    done = {tuple(row[name] for name in KEY) for row in read(asked.output)}
    described = " ".join([asked.architecture, *asked.set])
    names = (described, asked.training, str(asked.epochs), fold.name, str(seed))
    missing = [recipe for recipe in (PARENT, *asked.recipes) if (*names, recipe) not in done]
    if not missing:
        return
    own = {"epochs": asked.epochs, "keep": "last", "seed": seed, "mixed_precision": asked.mixed_precision}
    training = TrainingSettings.model_validate({**PRESETS[asked.training].model_dump(), **own})
    settings = ModelSettings(training=training, architecture_options=tomllib.loads("\n".join(asked.set)))
    runtime = RuntimeSettings(device="cpu", num_threads=asked.threads)
    windows = cut_fold(path, fold)
    material = Material(windows=windows, settings=settings, runtime=runtime, seed=seed)
    start = time.perf_counter()
    own_windows = cut_fold(path, fold, normalise=False) if takes_raw_windows(asked.architecture) else windows
    trained = train_and_predict(asked.architecture, settings, runtime, own_windows)
    parent = Parent(name=asked.architecture, model=as_registered(trained.classifier, windows))
    for recipe in missing:
        model, seconds = parent.model, time.perf_counter() - start
        if recipe != PARENT:
            start = time.perf_counter()
            try:
                model = compress(asked.recipes[recipe], parent, material).classifier
            except InputError as error:
                print(f"{described} {recipe}: {error}", file=sys.stderr)
                continue
            seconds = time.perf_counter() - start
        append(asked.output, COLUMNS, (*names, recipe, *figures(model, material), f"{seconds:.1f}"))


def figures(model: nn.Module, material: Material) -> Iterator[str]:
    """What the columns say of a model, but for the last."""
    windows = material.windows
    shape = (windows.roles["training"].windows.shape[1], windows.spec.num_channels)
    cost = measure_complexity(model, *shape)
    registered = as_registered(model, windows)
    yield f"{macro_f1(model, material):.4f}"
    yield from map(str, (cost.num_parameters, cost.num_nonzero, cost.macs, cost.size_bytes, file_bytes(model, shape)))
    yield from told(registered, shape)
    try:
        engine = accelerate(
            registered, num_timepoints=shape[0], num_channels=shape[1], engine="openvino", precision="fp32"
        )
    except HarError as error:
        print(f"no speed of OpenVINO: {error}", file=sys.stderr)
        yield from ("", "", "")
    else:
        yield from told(Answering(engine), shape)


def told(model: nn.Module, shape: tuple[int, int]) -> Iterator[str]:
    """Median, 95th percentile, windows a second."""
    latency = measure_latency(model, *shape, EvaluationSettings(latency_repeats=200))
    yield f"{latency.batch1_median_ms:.3f}"
    yield f"{latency.batch1_p95_ms:.3f}"
    yield f"{latency.throughput_windows_per_s:.0f}"


def file_bytes(model: nn.Module, shape: tuple[int, int]) -> int:
    """Of the exported model, with an example of two windows in it as registered ones have."""
    exported = torch.export.export(model, (torch.zeros(2, *shape),), dynamic_shapes=({0: torch.export.Dim("N")},))
    with tempfile.TemporaryDirectory() as folder:
        torch.export.save(exported, path := Path(folder) / "model.pt2")
        return path.stat().st_size


def table(rows: Sequence[dict[str, str]]) -> Iterator[str]:
    """Markdown: a row for each recipe, scores as means over folds and seeds, the rest as medians."""
    yield (
        "| architecture | recipe | folds × seeds | macro-F1 | minus parent | worst fold | parameters | not 0 | MACs | "
        "in memory, kB | on disk, kB | PyTorch, ms | p95 | per s | OpenVINO, ms | p95 | per s |"
    )
    yield "|:--|:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    groups: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in rows:
        groups.setdefault((row["architecture"], row["recipe"]), []).append(row)
    for (architecture, recipe), own in groups.items():
        scores = by_training(own)
        parent = by_training(groups.get((architecture, PARENT), []))
        lost = [score - parent[key] for key, score in scores.items() if key in parent]
        folds: dict[str, list[float]] = {}
        for (fold, _), score in scores.items():
            folds.setdefault(fold, []).append(score)
        known = {name: [float(row[name]) for row in own if row[name]] for name in FIGURES}
        middle = {name: statistics.median(values) for name, values in known.items() if values}
        cells = [
            *(architecture, recipe, str(len(own)), f"{statistics.fmean(scores.values()):.3f}"),
            f"{statistics.fmean(lost):+.3f}" if lost and recipe != PARENT else "",
            f"{min(map(statistics.fmean, folds.values())):.3f}",
            *(f"{middle[name]:,.0f}" for name in ("parameters", "nonzero", "macs")),
            *(f"{middle[name] / 1000:,.0f}" for name in ("memory_bytes", "file_bytes")),
            *(
                f"{middle[key]:,.{digits}f}" if (key := f"{engine}_{name}") in middle else "–"
                for engine in ("torch", "openvino")
                for name, digits in (("p50_ms", 2), ("p95_ms", 2), ("per_s", 0))
            ),
        ]
        yield f"| {' | '.join(cells)} |"


def by_training(rows: Sequence[dict[str, str]]) -> dict[tuple[str, str], float]:
    """Macro-F1 by fold and seed."""
    return {(row["fold"], row["seed"]): float(row["macro_f1"]) for row in rows}


if __name__ == "__main__":
    main()
