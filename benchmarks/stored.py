"""What the weights of registered models take in memory: dense, and with their zeros left out in two ways.

``python benchmarks/stored.py HOME --models NAME …`` prints a Markdown table of their newest versions, in bytes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from assets.resources.home import Home
from assets.resources.model_files import find_model
from assets.resources.store import CHALLENGER, Store
from har_core.compression.sparse import stored_bytes
from har_core.evaluation.complexity import measure_complexity
from har_core.inference.graph import load_graph


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("--models", nargs="+", required=True)
    asked = parser.parse_args()
    print("\n".join(table(Home(asked.home), asked.models)))


def table(home: Home, names: Sequence[str]) -> Iterator[str]:
    """Markdown, a row for each model."""
    yield "| model | learnt numbers | of them not zero | dense | sparse rows | bitmap |"
    yield "|---|--:|--:|--:|--:|--:|"
    for name in names:
        files = find_model(Store(home), f"models:/har-{name}@{CHALLENGER}")
        model = load_graph(files.graph)
        costs, stored = measure_complexity(model, files.window_length, files.spec.num_channels), stored_bytes(model)
        figures = (costs.num_parameters, costs.num_nonzero, stored.dense, stored.csr, stored.bitmap)
        yield f"| {name} | {' | '.join(f'{figure:,}' for figure in figures)} |"


if __name__ == "__main__":
    main()
