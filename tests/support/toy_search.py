"""An objective that needs no windows, and a search of it as a process of its own: ``python -m toy_search``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from har_core.base.errors import HarError
from har_core.search.events import ignore
from har_core.search.study import Measured
from har_core.search.workers import run_search
from har_core.settings.experiment import Option
from har_core.settings.search import Dimension, Range, SearchSettings

LAST_STEP = 9
SPACE: dict[str, Dimension] = {"x": Range(low=0.0, high=1.0, step=0.05), "y": Range(low=0, high=9, step=1)}
"""The best is x = 0.3, y = 2."""


@dataclass(slots=True)
class Toy:
    """Best at x = 0.3 and y = 2; ``macs`` grow with x."""

    begun: Path | None = None
    """A file that gets a line as each trial begins."""
    seconds: float = 0.0
    """That each trial takes."""

    def prepare(self) -> None:
        """Nothing."""

    def __call__(self, values: Mapping[str, Option], report: Callable[[int, float], None]) -> Measured:
        x, y = float(values["x"]), float(values.get("y", 2))
        if x > 1:
            raise HarError(f"x is {x}")
        if self.begun is not None:
            with self.begun.open("a") as file:
                file.write(f"{x} {y}\n")
        time.sleep(self.seconds)
        score = 1 - (x - 0.3) ** 2 - (y - 2) ** 2 / 100
        for step in range(1, LAST_STEP + 1):
            report(step, score * step / LAST_STEP)
        return Measured(scores=(score, score - 0.01), macs=100 + int(1000 * x))


def main(path: Path, begun: Path, num_workers: int, seconds: float) -> None:
    """Search, until it is done or killed."""
    settings = SearchSettings(trials=8, sampler="random", space=SPACE)
    run_search(path, settings, Toy(begun, seconds), last_step=LAST_STEP, listener=ignore, num_workers=num_workers)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
