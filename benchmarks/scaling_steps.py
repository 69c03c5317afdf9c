"""The steps from text files to a report, each measured in a process of its own; started by ``benchmarks/scaling.py``.

``python benchmarks/scaling_steps.py TEXT FOLDER STEP...`` does steps, on what the steps before left in ``FOLDER``, and
prints time and memory of each as a line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import torch

from har_core.audit.defects import find_defects
from har_core.audit.findings import read_findings, write_findings
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.dsads.format import Dsads
from har_core.datasets.ingested import read_ingested
from har_core.datasets.manifest import ingest
from har_core.evaluation.records import FoldRecord, SeedRecord, read_record, write_record
from har_core.evaluation.results import score_fold
from har_core.fitting.trained import labelled
from har_core.inference.predictions import read_predictions, tabulate_predictions, write_predictions
from har_core.models import create_model
from har_core.report.build import build_report, write_report
from har_core.report.inputs import FoldEntry, ReportInputs
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.splits import SplitSettings
from har_core.settings.training import TrainingSettings
from har_core.splits.build import read_splits, write_splits
from har_core.splits.protocols import folds
from har_core.training.loop import train
from har_core.training.optimization import make_optimizers
from har_core.training.seeding import seed_everything
from har_core.windows import segment
from har_core.windows.checks import WindowChecks
from har_core.windows.dataset import write_windows
from har_core.windows.store import SampleStore
from har_core.windows.tensors import WindowTensors, read_keys

SEED = 0
SECONDS_BETWEEN_SAMPLES = 0.01


@dataclass(frozen=True)
class Place:
    """Where a size has its files."""

    text: Path
    folder: Path

    @property
    def recordings(self) -> Path:
        """Parsed."""
        return self.folder / "recordings.arrow"

    @property
    def findings(self) -> Path:
        """Of the audit."""
        return self.folder / "findings.parquet"

    @property
    def windows(self) -> Path:
        """All of them."""
        return self.folder / "windows.parquet"

    @property
    def splits(self) -> Path:
        """Normalised, by role."""
        return self.folder / "splits"

    @property
    def folds(self) -> Path:
        """Results of made folds."""
        return self.folder / "folds"


class Clock(AbstractContextManager["Clock"]):
    """Counts the seconds within it: of the wall, and of the processor over all threads."""

    seconds = processor_seconds = 0.0

    def __enter__(self) -> Self:
        self._start = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._start[0]
        self.processor_seconds = time.process_time() - self._start[1]


class PeakMemory(AbstractContextManager["PeakMemory"]):
    """Looks, in a thread, at how much memory this process has that is no file's: what cannot be dropped for others."""

    def __enter__(self) -> Self:
        self.start = self.peak = resident("RssAnon")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(SECONDS_BETWEEN_SAMPLES):
            self.peak = max(self.peak, resident("RssAnon"))


def resident(name: str) -> int:
    """A figure of ``/proc/self/status``, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    [kib] = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return int(kib) * 1024


def ingest_text(place: Place, clock: Clock) -> None:
    """Text files to manifest and recordings."""
    dataset = Dsads()
    with clock, dataset.open(place.text) as source:
        ingest(dataset, source, manifest_path=place.folder / "manifest.parquet", recordings_path=place.recordings)


def audit(place: Place, clock: Clock) -> None:
    """Recordings to findings."""
    with clock:
        write_findings(find_defects(read_ingested(place.recordings), DSADS), place.findings)


def cut_windows(place: Place, clock: Clock) -> None:
    """Recordings to windows, checked against the findings."""
    with clock:
        recordings, findings = read_ingested(place.recordings), read_findings(place.findings)
        reader = segment(recordings, length=125, overlap=0.0, findings=findings)
        checks = WindowChecks(findings, recordings.outlines, damaged="flag")
        write_windows(reader, place.windows, checks=checks)


def split(place: Place, clock: Clock) -> None:
    """Windows to normalised roles: of eight subjects in a row the sixth validates, the last two test, as in DSADS."""
    subjects = sorted(set(read_keys(place.windows)["subject"].to_pylist()))
    groups = [subjects[first : first + 8] for first in range(0, len(subjects), 8)]
    settings = SplitSettings(
        validation_subjects=tuple(group[-3] for group in groups),
        test_subjects=tuple(subject for group in groups for subject in group[-2:]),
    )
    with clock:
        write_splits(place.windows, settings, place.splits)


def load_into_memory(place: Place, clock: Clock) -> None:
    """Roles to tensors in memory."""
    with clock:
        read_splits(place.splits)


def load_mapped(place: Place, clock: Clock) -> None:
    """Roles to tensors that are mapped from files."""
    with clock:
        read_splits(place.splits, SampleStore(place.folder, max_mib=0))


def train_epoch(place: Place, clock: Clock) -> None:
    """One epoch of ``compact`` on mapped tensors, with validation, by one thread; loading them is not timed."""
    roles = read_splits(place.splits, SampleStore(place.folder, max_mib=0)).roles
    training, validation = (labelled(roles[role]) for role in ("training", "validation"))
    num_timepoints, num_channels = training.windows.shape[1:]
    seed_everything(SEED)
    network = create_model(
        "compact", num_channels=num_channels, num_timepoints=num_timepoints, num_classes=DSADS.num_activities
    )
    settings, runtime = TrainingSettings(epochs=1, seed=SEED), RuntimeSettings(device="cpu", num_threads=1)
    with clock:
        train(network, training, validation, settings, runtime, num_classes=DSADS.num_activities)


def make_folds(place: Place, clock: Clock) -> None:
    """What the report is made from: a result a subject, of the subject's keys and of probabilities that are drawn."""
    keys = read_keys(place.windows)
    subject_of = keys["subject"].to_numpy()
    rng = np.random.default_rng(SEED)
    with clock:
        for fold in folds("loso", subject_of.tolist()):
            own = keys.filter(np.isin(subject_of, fold.test))
            labels = torch.from_numpy(own["session"].to_numpy().astype(np.int64) - 1)
            nothing = torch.zeros(len(labels), dtype=torch.bool)
            windows = WindowTensors(
                spec=DSADS,
                keys=own,
                windows=torch.empty(0),
                labels=labels,
                damaged=nothing,
                duplicate_groups=nothing.int(),
            )
            drawn = rng.dirichlet(np.ones(DSADS.num_activities), len(labels)).astype(np.float32)
            record = FoldRecord(
                architecture="compact",
                origin="synthetic",
                fold=fold.name,
                protocol=fold.protocol,
                subjects={"training": fold.training, "validation": fold.validation, "test": fold.test},
                seeds=(SeedRecord(seed=SEED, best_epoch=1, training_seconds=1.0),),
                num_windows={"training": 0, "validation": 0, "test": len(labels)},
                num_dropped={},
                num_parameters=1,
                training_settings={},
                device="cpu",
                precision="fp32",
            )
            write_record(place.folds / f"{fold.name}.json", record)
            predictions = tabulate_predictions(windows, drawn, role="test", seed=SEED)
            write_predictions(place.folds / f"{fold.name}.parquet", predictions)


def report(place: Place, clock: Clock) -> None:
    """Results of folds and findings to the comparison report: its input grows with subjects and findings."""
    with clock:
        results = [
            score_fold(read_record(path, FoldRecord), read_predictions(path.with_suffix(".parquet")))
            for path in sorted(place.folds.glob("*.json"))
        ]
        inputs = ReportInputs(
            title="Scaling",
            origin="synthetic",
            created=datetime(2026, 1, 1, tzinfo=UTC),
            spec=DSADS,
            entries=(),
            folds=tuple(FoldEntry(result=result) for result in results),
            planned_folds={"compact": tuple(result.fold for result in results)},
            subjects=tuple(sorted(subject for result in results for subject in result.subjects["test"])),
            findings=read_findings(place.findings),
        )
        write_report(build_report(inputs), place.folder / "report")


STEPS: dict[str, Callable[[Place, Clock], None]] = {
    "ingest": ingest_text,
    "audit": audit,
    "windows": cut_windows,
    "splits": split,
    "load, in memory": load_into_memory,
    "load, mapped": load_mapped,
    "epoch, mapped": train_epoch,
    "folds to report on": make_folds,
    "report": report,
}
"""In the order in which they need each other."""


def import_late_modules() -> None:
    """What PyTorch and Arrow import when they are first used; nothing is computed, so that no thread is started."""
    make_optimizers(torch.nn.Linear(1, 1), TrainingSettings())
    pa.array([1]).to_numpy()


def measure(step: str, place: Place) -> dict[str, float]:
    """Seconds and bytes of one step."""
    clock = Clock()
    with PeakMemory() as memory:
        STEPS[step](place, clock)
    return {
        "seconds": clock.seconds,
        "processor_seconds": clock.processor_seconds,
        "bytes_at_start": memory.start,
        "bytes_at_peak": memory.peak,
        "bytes_with_files": resident("VmHWM"),
    }


def main() -> None:
    """Do each step in a process that is forked from this one, which has the libraries and has done nothing yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("steps", nargs="+", choices=STEPS)
    arguments = parser.parse_args()
    import_late_modules()
    for step in arguments.steps:
        child = os.fork()
        if not child:
            taken = measure(step, Place(arguments.text, arguments.folder))
            print(json.dumps({"step": step, **taken}), flush=True)
            os._exit(0)
        if os.waitpid(child, 0)[1]:
            sys.exit(f"{step} failed")


if __name__ == "__main__":
    main()
