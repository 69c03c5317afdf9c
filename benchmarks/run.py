"""Measure everything: ``make bench``, or ``python benchmarks/run.py [SECTION…] [--data FOLDER] [--quick]``.

Sections are the modules ``limits``, ``preparing``, ``networks``, ``orchestration`` and ``commands`` beside this one.
The figures go to ``bench.json`` and ``bench.md`` in ``--output``. Without ``--data``, a folder of recordings is made,
as large as the real set. Each figure has its spread, and a ratio to the plain way that was measured in turns with it
(:mod:`measure`): on a shared machine a ratio of one run says more than two times of two runs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from measure import Measured, Options, measure, pin_threads
from targets import verdicts

SECTIONS = ("limits", "preparing", "networks", "orchestration", "commands")
LIBRARIES = ("torch", "openvino", "polars", "pyarrow", "pandas", "numpy", "dagster", "mlflow")


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; all where absent")
    parser.add_argument("--data", type=Path, help="folder of recordings in text files; made where absent")
    parser.add_argument("--only", default="", help="measure cases with this in their name")
    parser.add_argument("--rounds", type=int, default=5, help="that count, after one that does not")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--output", type=Path, default=Path(".bench"))
    parser.add_argument("--quick", action="store_true", help="one round of little work, to see that it works")
    options = parser.parse_args(arguments)
    unknown = sorted({*options.sections} - {*SECTIONS})
    if unknown:
        parser.error(f"there is no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    return options


def main() -> None:
    """Measure, and write what was measured after every section, so that an interruption loses one section alone."""
    asked = parse(sys.argv[1:])
    pin_threads(asked.threads)
    asked.output.mkdir(parents=True, exist_ok=True)
    machine = describe_machine(asked)
    measured: list[Measured] = []
    with tempfile.TemporaryDirectory(prefix="har-bench-") as name:
        scratch = Path(name)
        options = Options(
            data=asked.data or scratch / "recordings",
            scratch=scratch,
            quick=asked.quick,
            rounds=1 if asked.quick else asked.rounds,
            threads=asked.threads,
        )
        sections = asked.sections or SECTIONS
        if asked.data is None and "preparing" in sections:
            make_recordings(options)
        for section in sections:
            own = scratch / section
            own.mkdir()
            start = time.perf_counter()
            try:
                for each in measure(section, replace(options, scratch=own), asked.only):
                    measured.append(each)
                    print(line(each), flush=True)
            finally:  # the cases that were measured stay, whatever happens to the next
                write(asked.output, machine, measured)
            print(f"{section}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    print(f"Written: {asked.output / 'bench.md'}, {asked.output / 'bench.json'}")


def make_recordings(options: Options) -> None:
    """Recordings of the real set's size, from a seed."""
    from har_core.base.progress import silent  # noqa: PLC0415
    from har_core.datasets.dsads.synthetic.writer import write_recordings  # noqa: PLC0415 - after the threads are set
    from har_core.settings.source import SourceSettings  # noqa: PLC0415

    size = SourceSettings(num_subjects=3, num_segments=2) if options.quick else SourceSettings()
    write_recordings(options.data, size, silent)


def describe_machine(asked: argparse.Namespace) -> dict[str, Any]:
    """What the clock ran on, and what was asked of it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    models = [text.partition(":")[2].strip() for text in lines if text.startswith("model name")]
    flags = next((text.partition(":")[2].split() for text in lines if text.startswith("flags")), [])
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return {
        "processor": models[0] if models else platform.processor() or platform.machine(),
        "features": [flag for flag in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16") if flag in flags],
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "libraries": {name: found for name in LIBRARIES if (found := _version(name))},
        "threads": asked.threads,
        "load_before": round(os.getloadavg()[0], 2),
        "rounds": 1 if asked.quick else asked.rounds,
        "quick": asked.quick,
        "data": "recordings given" if asked.data else "synthetic recordings",
        "commit": commit.stdout.strip() or "unknown",
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def write(folder: Path, machine: dict[str, Any], measured: list[Measured]) -> None:
    """Everything as JSON; for people as Markdown."""
    rows = [asdict(each) | {"median": each.median, "speedup": each.speedup, "share": each.share} for each in measured]
    checked = [asdict(verdict) for verdict in verdicts(measured)]
    content = {"machine": machine, "measured": rows, "targets": checked}
    (folder / "bench.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    described = [f"| {name} | {_text(value)} |" for name, value in machine.items()]
    parts = [
        "| machine | |\n|---|---|\n" + "\n".join(described),
        f"{HEADER}\n" + "\n".join(line(each) for each in measured),
    ]
    if checked:
        told = "\n".join(verdict.row() for verdict in verdicts(measured))
        parts.append(f"| target | asked | measured | met |\n|---|--:|--:|---|\n{told}")
    (folder / "bench.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


COLUMNS = ("what", "way", "median (range)", "unit", "times as fast as", "(range)", "of the bf16 limit")
HEADER = f"| {' | '.join(COLUMNS)} |\n|---|---|--:|---|--:|--:|--:|"


def line(each: Measured) -> str:
    """One row of the table."""
    spread = f"{each.median:.3g} ({min(each.figures):.3g}–{max(each.figures):.3g})"
    faster = f"{each.speedup:.2f} × {each.reference}" if each.speedup else ""
    between = f"{min(each.speedups):.2f}–{max(each.speedups):.2f}" if each.speedups else ""
    told = f"{each.share:.2f}" if each.share else ""
    return f"| {each.case} | {each.way} | {spread} | {each.unit} | {faster} | {between} | {told} |"


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {found}" for name, found in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


if __name__ == "__main__":
    main()
