"""How long text files take to become checked, hashed windows in Parquet, beside the plain way: pandas, file by file.

``python benchmarks/text_to_windows.py FOLDER_OR_ZIP`` measures both in turns in one warm process, the files in the page
cache, and prints a Markdown table for ``docs/results/text_to_windows.md``. The plain way neither checks nor hashes, and
writes nothing. Peak memory is that of the whole process, read before the plain way runs for the first time.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from har_core.dsads import open_source
from har_core.dsads.ingested import read_ingested
from har_core.dsads.manifest import ingest
from har_core.progress import silent
from har_core.windows import segment
from har_core.windows.dataset import write_windows


def ours(data: Path) -> None:
    """Read, check, hash and parse every file; write manifest, recordings and windows."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recordings = folder / "recordings.parquet"
        with open_source(data) as source:
            ingest(source, manifest_path=folder / "manifest.parquet", recordings_path=recordings, progress=silent)
        write_windows(segment(read_ingested(recordings), length=125, overlap=0.0), folder / "windows.parquet")


def plain(data: Path) -> None:
    """What a first script does: one array of all segments."""
    np.stack([pd.read_csv(path, header=None).to_numpy(np.float32) for path in sorted(data.glob("a*/p*/s*.txt"))])


def seconds(work: Callable[[Path], None], data: Path) -> tuple[float, float]:
    """Wall and processor seconds of one run."""
    wall, processor = time.perf_counter(), time.process_time()
    work(data)
    return time.perf_counter() - wall, time.process_time() - processor


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder or zip of recordings; the plain way needs a folder")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()

    seconds(ours, arguments.data)  # brings the files into the page cache and the libraries into memory
    peak_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    rounds = [
        (seconds(ours, arguments.data), seconds(plain, arguments.data) if arguments.data.is_dir() else None)
        for _ in range(arguments.repeats)
    ]
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print("\n| way | wall, median (range) | processor, median |\n|---|---|---|")
    for name, index in (("ours", 0), ("plain", 1)):
        times = [each[index] for each in rounds if each[index] is not None]
        if times:
            wall, processor = zip(*times, strict=True)
            spread = f"{min(wall):.2f} to {max(wall):.2f}"
            print(f"| {name} | {statistics.median(wall):.2f} s ({spread}) | {statistics.median(processor):.2f} s |")
    ratios = [plain_[0] / ours_[0] for ours_, plain_ in rounds if plain_ is not None]
    if ratios:
        print(f"\nplain / ours, wall, run by run: median {statistics.median(ratios):.1f}")
    print(f"peak memory of ours: {peak_gib:.2f} GiB")


if __name__ == "__main__":
    main()
