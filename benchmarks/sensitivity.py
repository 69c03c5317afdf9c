"""How much each layer of a network can spare: macro-F1 of validation windows where that layer alone is pruned.

``python benchmarks/sensitivity.py HOME --model NAME --csv FILE`` takes the newest version of a registered network, sets
shares of one layer's smallest weights to zero, without any training after that, and prints a Markdown table, a row for
each layer. The file gets a row for each point.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

from assets.resources.home import Home
from assets.resources.memory import recall
from assets.resources.model_files import find_model
from assets.resources.store import CHALLENGER, Store
from har_core.compression.recipe import Material, Parent
from har_core.compression.sensitivity import Sensitivity, sensitivity
from har_core.experiment.loader import load_experiment
from har_core.inference.graph import load_graph
from har_core.splits.build import read_splits

SHARES = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95)


def main() -> None:
    """Measure, write the file and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--csv", type=Path, required=True)
    parser.add_argument("--shares", type=float, nargs="+", default=SHARES)
    asked = parser.parse_args()
    rows = measure(Home(asked.home), asked.model, asked.shares)
    store(asked.csv, rows)
    print(table(rows))


def measure(home: Home, name: str, shares: Sequence[float]) -> list[Sensitivity]:
    """Every point, layer by layer."""
    kept = recall(home).experiment
    if kept is None:
        raise SystemExit(f"{home.root} has no experiment")
    experiment = load_experiment(Path(kept))
    settings = experiment.model_settings(name)
    material = Material(
        windows=read_splits(home.splits(experiment.splits.protocol)),
        settings=settings,
        runtime=experiment.runtime,
        seed=settings.training.seed,
        fills_gaps=experiment.windows.fills_gaps,
    )
    files = find_model(Store(home), f"models:/har-{name}@{CHALLENGER}")
    return [*sensitivity(Parent(name=name, model=load_graph(files.graph)), material, shares)]


def store(file: Path, rows: Sequence[Sensitivity]) -> None:
    """Write a row for each point."""
    with file.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, [field.name for field in fields(Sensitivity)])
        writer.writeheader()
        writer.writerows(map(asdict, rows))


def table(rows: Sequence[Sensitivity]) -> str:
    """Markdown, a row for each layer."""
    shares = [*dict.fromkeys(row.share for row in rows)]
    lines = [f"| layer | {' | '.join(f'{share:.0%}' for share in shares)} |", "|---|" + "--:|" * len(shares)]
    for layer in dict.fromkeys(row.layer for row in rows):
        scores = {row.share: row.macro_f1 for row in rows if row.layer == layer}
        lines.append(f"| `{layer}` | {' | '.join(f'{scores[share]:.3f}' for share in shares)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
