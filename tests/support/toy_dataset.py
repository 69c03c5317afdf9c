"""A data set in a few lines: NumPy files ``walks/pN/nN_LABEL_pocket.npy`` beside ``…_wrist.npy``, and a table."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from data_sets import POCKET_AND_WRIST

from har_core.base.errors import InputError, Problem
from har_core.datasets.dataset import Dataset, ReadFile, ReadRecording
from har_core.datasets.recordings import LabelRun, Outline, Recording, RecordingKey
from har_core.datasets.source import FileName, Naming, Source, SourceFile

TABLE = "notes.csv"
_PATH = re.compile(r"p(\d+)/n(\d+)_([a-z]+)_(pocket|wrist)\.npy$")


class _ToyNaming(Naming):
    expectation = "walks pN/nN_LABEL_PLACE.npy"
    max_bytes = 100_000

    def may_match(self, path: str) -> bool:
        return path.endswith((".npy", TABLE))

    def names(self, paths: Sequence[str]) -> Mapping[str, FileName]:
        found = {path: match for path in paths if (match := _PATH.search(path))}
        tables = {path: FileName(0, 0, stream="notes") for path in paths if path.endswith(TABLE)}
        return tables | {
            path: FileName(int(match[1]), int(match[2]), stream=match[4], label=match[3])
            for path, match in found.items()
        }


class Toy(Dataset):
    """Reads what :func:`write_toy` writes."""

    spec = POCKET_AND_WRIST
    naming = _ToyNaming()

    def __init__(self, version: str = "1") -> None:
        self._version = version

    @property
    def version(self) -> str:
        return self._version

    def read(self, source: Source, files: Sequence[SourceFile]) -> ReadRecording:
        contents = [source.read(file) for file in files]
        samples = np.concatenate([np.load(io.BytesIO(content)) for content in contents])
        num_rows, (subject, session, *_, label) = samples.shape[1], files[0].name
        if label not in self.spec.activities:
            raise InputError("no label", [Problem(path=source.name(files[0]), value=label, expected="a label")])
        runs = (LabelRun(self.spec.activities.index(label) + 1, num_rows - 5), LabelRun(0, 5))
        outline = Outline(segments=(1, 2), lengths=(10, num_rows - 10), labels=runs)
        times = np.arange(num_rows) / self.spec.sampling_rate_hz
        recording = Recording(subject=subject, session=session, outline=outline, samples=samples, times=times)
        read = [ReadFile.of(file, content, num_rows=num_rows) for file, content in zip(files, contents, strict=True)]
        return ReadRecording(recording, tuple(read))

    def check_outlines(self, outlines: Mapping[RecordingKey, Outline]) -> list[Problem]:
        done = {activity for outline in outlines.values() for activity in outline.activities}
        return [] if 1 in done else [Problem(path="all", expected="somebody who sits")]


def toy_samples(subject: int, session: int, place: str) -> npt.NDArray[np.float32]:
    """(6 or 4, 30), one of them missing."""
    shape = (6 if place == "pocket" else 4, 30)
    samples = np.random.default_rng([subject, session, len(place)]).normal(size=shape).astype(np.float32)
    samples[0, 3] = np.nan
    return samples


def write_toy(folder: Path, labels: Mapping[tuple[int, int], str]) -> None:
    """Write recordings by subject and session, of these activities, and the table."""
    for (subject, session), label in labels.items():
        for place in ("pocket", "wrist"):
            path = folder / f"walks/p{subject}/n{session}_{label}_{place}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, toy_samples(subject, session, place))
    (folder / TABLE).write_text("notes\n", encoding="utf-8")
