"""Reading recordings by a card beside the plain way, and how its time and memory grow with them.

``python benchmarks/cards.py`` makes CSV files of a timestamp, six channels and a label (as the pilot) in a temporary
folder, or in ``--folder``, where they stay. It prints two tables:

- **Ratios**: the plain way is ``pandas.read_csv``, file by file, to float32 samples and codes; no file is checked.
  ``read`` is ours as ingestion runs it, in its threads: listing, hash, parsing, checks and labels. ``ingest`` also
  writes what was read, and the manifest. All in turns, after one round that does not count; no import is in a clock.
- **Growth**: seconds, and peak memory beyond the libraries, of ``read`` with 1, 3 and 10 times as many recordings, and
  with one recording 1, 3 and 10 times as long. Each is measured in a process of its own.

``--quick``: small files and one round, to see that it works.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import polars as pl

from har_core.base.ahead import ahead
from har_core.datasets.cards.dataset import CardDataset
from har_core.datasets.manifest import NUM_THREADS, ingest
from har_core.datasets.pilot.format import CARD
from har_core.datasets.pilot.generator import COLUMNS, RATE_HZ

LABELS = ("sitting", "walking", "stairs", "cycling")
BYTES_PER_ROW = 75
KB, MB = 1000, 1000**2
SCALES = (1, 3, 10)


class Size(NamedTuple):
    """How large a set of files is."""

    num_files: int
    num_bytes: int
    """Of one file, about."""

    def __str__(self) -> str:
        size = f"{self.num_bytes // KB} kB" if self.num_bytes < MB else f"{self.num_bytes // MB} MB"
        return f"{self.num_files} files of {size}"


def make_files(folder: Path, size: Size) -> Path:
    """A folder of such files, unless it is there; each half is of one activity, with five decimals."""
    own = folder / f"{size.num_files}_of_{size.num_bytes}"
    if own.exists():
        return own
    own.mkdir(parents=True)
    num_rows = size.num_bytes // BYTES_PER_ROW
    for number in range(size.num_files):
        generator = np.random.default_rng([size.num_bytes, number])
        values = generator.normal(0, 5, (len(COLUMNS), num_rows))
        labels = np.repeat(np.array(LABELS)[[number % 4, (number + 1) % 4]], (num_rows + 1) // 2)[:num_rows]
        times = 1_700_000_000_000 + 1000 // RATE_HZ * np.arange(num_rows)
        columns = {"time_ms": times, **dict(zip(COLUMNS, values, strict=True)), "label": labels}
        pl.DataFrame(columns).write_csv(own / f"p{number // 10 + 1:02d}_{number % 10 + 1}.csv", float_precision=5)
    return own


def read_plainly(folder: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Samples (C, R) and label codes (R,) of each file."""
    read = []
    for path in sorted(folder.glob("*.csv")):
        frame = pd.read_csv(path)
        read.append((frame[list(COLUMNS)].to_numpy(np.float32).T, pd.Categorical(frame["label"]).codes))
    return read


def read_ours(folder: Path) -> int:
    """As ingestion reads; returns the rows. One recording is kept at a time."""
    dataset, num_rows, outlines = CardDataset.from_file(CARD), 0, {}
    with dataset.open(folder) as source:
        problems = dataset.check_listing(source)
        groups = source.by_recording().values()
        with closing(ahead(partial(dataset.read, source), groups, num_threads=NUM_THREADS)) as results:
            for recording, _ in results:
                outlines[recording.key] = recording.outline
                num_rows += recording.outline.num_rows
    if problems or dataset.check_outlines(outlines):
        raise AssertionError("the made files are right")
    return num_rows


def ingest_ours(folder: Path, scratch: Path) -> None:
    """As ``read_ours``, and written."""
    dataset = CardDataset.from_file(CARD)
    with dataset.open(folder) as source:
        ingest(dataset, source, manifest_path=scratch / "manifest", recordings_path=scratch / "recordings")


class Taken(NamedTuple):
    """What a call took."""

    seconds: float
    processor_seconds: float
    """Over all threads."""


def take(once: Callable[[], object]) -> Taken:
    """Measure one call."""
    gc.collect()
    start, processor_start = time.perf_counter(), time.process_time()
    once()
    return Taken(time.perf_counter() - start, time.process_time() - processor_start)


def ratios(folder: Path, size: Size, rounds: int) -> Iterator[str]:
    """The rows of the first table."""
    data = make_files(folder, size)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        ways: dict[str, Callable[[], object]] = {
            "pandas": partial(read_plainly, data),
            "read": partial(read_ours, data),
            "ingest": partial(ingest_ours, data, Path(scratch)),
        }
        taken = [[take(way) for way in ways.values()] for _ in range(rounds + 1)][1:]
    for index, way in enumerate(ways):
        seconds, processor = (statistics.median(row[index][what] for row in taken) for what in (0, 1))
        own = [row[0].seconds / row[index].seconds for row in taken]
        faster = f"{statistics.median(own):.1f} ({min(own):.1f}–{max(own):.1f})" if index else ""
        yield f"| {'' if index else size} | {way} | {seconds:.2f} | {processor:.2f} | {faster} |"


def peak_mib() -> float:
    """Largest resident memory of this process; ``ru_maxrss`` would begin with that of the process that started it."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def grown(folder: Path) -> tuple[float, float]:
    """Seconds, and peak MiB beyond the libraries; called in a new process, it reads a small set before."""
    read_ours(make_files(folder.parent, Size(2, 10 * KB)))
    before = peak_mib()
    return take(partial(read_ours, folder)).seconds, peak_mib() - before


def growth(folder: Path, what: str, sizes: list[Size]) -> Iterator[str]:
    """Two rows of the second table."""
    measured = []
    for size in sizes:
        data = make_files(folder, size)
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
            measured.append(process.submit(grown, data).result())
    yield f"| {what}: {sizes[0]} | s | {' | '.join(f'{seconds:.2f}' for seconds, _ in measured)} |"
    yield f"| | MiB | {' | '.join(f'{mib:.0f}' for _, mib in measured)} |"


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="for the made files")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    part = 100 if asked.quick else 1
    with tempfile.TemporaryDirectory(prefix="har-cards-") as temporary:
        folder = asked.folder or Path(temporary)
        print("| set | way | s | processor s | times as fast |\n|---|---|--:|--:|--:|")
        for size in (Size(839, 10 * KB), Size(12, 3 * MB), Size(12, 30 * MB)):
            own = Size(
                max(size.num_files // part, 2), size.num_bytes if size.num_bytes < MB else size.num_bytes // part
            )
            print("\n".join(ratios(folder, own, 1 if asked.quick else asked.rounds)), flush=True)
        print(f"\n| growth | | {' | '.join(f'{scale}×' for scale in SCALES)} |\n|---|---|--:|--:|--:|")
        for what, sizes in (
            ("recordings", [Size(12 * scale, 3 * MB // part) for scale in SCALES]),
            ("length", [Size(4, 3 * MB * scale // part) for scale in SCALES]),
        ):
            print("\n".join(growth(folder, what, sizes)), flush=True)


if __name__ == "__main__":
    main()
