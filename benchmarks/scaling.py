"""How time and memory of each step grow with the recordings: 1, 3, 10 and 30 times the size of DSADS, all made.

``python benchmarks/scaling.py`` makes recordings in a temporary folder (or ``--folder``; 30 times need 40 GB), measures
each step of ``benchmarks/scaling_steps.py`` in a process of its own, and writes ``scaling.json``, ``scaling_table.md``,
``scaling_time.png`` and ``scaling_memory.png`` into ``docs/results`` (or ``--output``).

A size that was measured before, with its steps, stays in ``scaling.json`` until it is measured again, so that sizes and
steps can be measured in several calls; ``--keep`` leaves the files of a size for the next call.

``--quick``: two tiny sizes, to see that it works.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from scaling_steps import SEED, STEPS

from har_core.base.files import write_bytes, write_text
from har_core.base.png import DPI, as_png
from har_core.base.progress import silent
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.dsads.format import Dsads
from har_core.datasets.origin import SYNTHETIC_MARKER
from har_core.settings.source import SourceSettings

SUBJECTS, SEGMENTS = 8, 60
RESULTS = Path(__file__).parent.parent / "docs" / "results"
PREPARATION = "folds to report on"
COLOURS = ("#1f3550", "#c8452f", "#3d7f5f", "#8a6bb1", "#b08a2e", "#4f8fc0", "#d97fa3", "#6b6b6b")
MIB = 2**20
Measured = dict[str, dict[int, dict[str, float]]]
"""What each step took, by the number of subjects."""


def make_text(folder: Path, subjects: Sequence[int], segments: int) -> dict[int, Path]:
    """Text folders of each number of subjects; the smaller ones are links to subjects of the largest."""
    settings = SourceSettings(kind="synthetic", num_subjects=max(subjects), num_segments=segments, seed=SEED)
    with Dsads().acquire(settings, None, folder, silent) as source:
        largest = source.location
    made = {}
    for number in subjects:
        made[number] = folder / f"text_{number}"
        shutil.rmtree(made[number], ignore_errors=True)
        for activity in range(1, DSADS.num_activities + 1):
            (made[number] / f"a{activity:02d}").mkdir(parents=True)
            for subject in range(1, number + 1):
                name = f"a{activity:02d}/p{subject}"
                (made[number] / name).symlink_to(largest / name)
        shutil.copy(largest / SYNTHETIC_MARKER, made[number])
    return made


def measure(steps: Sequence[str], text: Path, folder: Path) -> Iterator[tuple[str, dict[str, float]]]:
    """Each step in a process of its own, as soon as it is done."""
    command = [sys.executable, str(Path(__file__).with_name("scaling_steps.py")), str(text), str(folder), *steps]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            taken: dict[str, Any] = json.loads(line)
            yield taken.pop("step"), taken
    if process.returncode:
        sys.exit(process.returncode)


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """The slope of the line through the logarithms, by least squares; NaN of a single size."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0]) if len(sizes) > 1 else math.nan


def memory_of(taken: dict[str, float]) -> float:
    """Peak bytes beyond what the imported libraries take; at least one page."""
    return max(taken["bytes_at_peak"] - taken["bytes_at_start"], 4096.0)


def table_of(measured: Measured, scale: int) -> str:
    """A row a step and measure, a column a size."""
    sizes = sorted({size for by_size in measured.values() for size in by_size})
    heads = [f"{size / scale:g}×" for size in sizes]
    lines = [
        f"| step | | {' | '.join(heads)} | exponent |",
        f"|---|---|{'--:|' * len(sizes)}--:|",
    ]
    rows: tuple[tuple[str, Callable[[dict[str, float]], float], str, bool], ...] = (
        ("seconds", lambda taken: taken["seconds"], ".2f", True),
        ("processor seconds", lambda taken: taken["processor_seconds"], ".2f", True),
        ("own memory, MiB", lambda taken: memory_of(taken) / MIB, ".0f", True),
        ("with files and libraries, MiB", lambda taken: taken["bytes_with_files"] / MIB, ".0f", False),
    )
    for step in measured:
        for name, value, form, is_fitted in rows if step != PREPARATION else ():
            of_size = {size: value(taken) for size, taken in sorted(measured[step].items())}
            shown = [f"{of_size[size]:{form}}" if size in of_size else "" for size in sizes]
            fitted = f"{exponent(list(of_size), list(of_size.values())):.2f}" if is_fitted else ""
            cells = [step if name == "seconds" else "", name, *shown, fitted]
            lines.append(f"| {' | '.join(cells)} |".replace("  ", " "))
    return "\n".join(lines) + "\n"


def plot(measured: Measured, scale: int, *, of_memory: bool) -> bytes:
    """Log-log, a line a step, its exponent beside its name; the grey line is proportional to the size."""
    figure = Figure(figsize=(7.2, 4.6), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    steps = [step for step in measured if step != PREPARATION]
    first: list[float] = []
    for step, colour in zip(steps, COLOURS, strict=False):
        sizes = sorted(measured[step])
        taken = [measured[step][size] for size in sizes]
        values = [memory_of(one) / MIB if of_memory else one["processor_seconds"] for one in taken]
        first.append(values[0])
        label = f"{step}: {exponent(sizes, values):.2f}"
        axes.plot([size / scale for size in sizes], values, marker="o", ms=4, lw=1.4, color=colour, label=label)
    every = sorted({size for by_size in measured.values() for size in by_size})
    low, high = every[0] / scale, every[-1] / scale
    bottom = float(np.median(first)) / 2
    axes.plot([low, high], [bottom, bottom * high / low], color="#bbbbbb", lw=1, ls="--", label="proportional: 1.00")
    axes.set(xscale="log", yscale="log", xlabel="recordings, multiples of 8 subjects × 19 activities × 60 segments")
    axes.set_ylabel(
        "peak memory beyond the libraries, without files, MiB" if of_memory else "processor seconds, all threads"
    )
    axes.set_xticks([size / scale for size in every], [f"{size / scale:g}×" for size in every])
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", fontsize=8, frameon=False, title="exponent", title_fontsize=8)
    return as_png(figure)


def read_measured(path: Path) -> Measured:
    """What earlier calls measured."""
    if not path.exists():
        return {}
    stored: dict[str, dict[str, dict[str, float]]] = json.loads(path.read_text(encoding="utf-8"))["steps"]
    return {step: {int(size): taken for size, taken in by_size.items()} for step, by_size in stored.items()}


def write_results(output: Path, measured: Measured, scale: int, conditions: dict[str, Any]) -> str:
    """JSON, table and plots; returns the table."""
    ordered = {step: dict(sorted(measured[step].items())) for step in STEPS if measured.get(step)}
    table = table_of(ordered, scale)
    write_text(output / "scaling.json", json.dumps({**conditions, "steps": ordered}, indent=1) + "\n")
    write_text(output / "scaling_table.md", table)
    write_bytes(output / "scaling_time.png", plot(ordered, scale, of_memory=False))
    write_bytes(output / "scaling_memory.png", plot(ordered, scale, of_memory=True))
    return table


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scales", type=int, nargs="+", default=[1, 3, 10, 30], help="multiples of 8 subjects")
    parser.add_argument("--largest", type=int, help="multiple that is made; larger than all --scales of this call")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS))
    parser.add_argument("--folder", type=Path, help="for recordings and what is made of them")
    parser.add_argument("--keep", action="store_true", help="leave what is in --folder")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    options.subjects, options.segments = SUBJECTS, SEGMENTS
    if options.quick:
        options.scales, options.largest, options.subjects, options.segments = [1, 2], None, 4, 2
    if options.keep and options.folder is None:
        parser.error("--keep needs --folder")
    return options


def main() -> None:
    """Make recordings, measure, and write what was found."""
    options = parse_options()
    with tempfile.TemporaryDirectory() as temporary:
        root = options.folder or Path(temporary)
        output = Path(temporary) if options.quick and options.output == RESULTS else options.output
        sizes = [scale * options.subjects for scale in options.scales]
        largest = max(options.largest or 0, *options.scales) * options.subjects
        texts = make_text(root, sorted({*sizes, largest}), options.segments)
        measured = read_measured(output / "scaling.json")
        conditions = {
            "subjects": options.subjects,
            "segments": options.segments,
            "seed": SEED,
            "processor": torch.cpu.get_capabilities().get("cpu_name", ""),
            "num_cores": os.cpu_count(),
            "torch": torch.__version__,
        }
        table = ""
        for size in sizes:
            folder = root / f"made_{size}"
            folder.mkdir(exist_ok=True)
            for step, taken in measure(options.steps, texts[size], folder):
                measured.setdefault(step, {})[size] = taken
                print(f"{size / options.subjects:g}x {step}: {taken['seconds']:.2f} s", file=sys.stderr, flush=True)
                table = write_results(output, measured, options.subjects, conditions)
            if not options.keep:
                shutil.rmtree(folder)
        if not options.keep:
            for made in (*texts.values(), root / "synthetic"):
                shutil.rmtree(made)
            (root / "synthetic.json").unlink()
        print(table)


if __name__ == "__main__":
    main()
