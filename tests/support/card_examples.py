"""Small data sets of text files, and cards for them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from har_core.base.errors import InputError, Problem
from har_core.datasets.cards.dataset import CardDataset
from har_core.datasets.dataset import read_recordings
from har_core.datasets.recordings import Recording

RATE = 50.0
HEAD = """\
name = "small"
title = "Small"
sampling_rate_hz = 50
none = "other"
activities = ["sitting", "walking"]
"""
PLAIN = f"""{HEAD}
[files]
pattern = "s{{subject}}/{{session}}.csv"
header_lines = 1
time = "t"
time_unit = "ms"

[labels]
column = "label"

[[channels]]
columns = ["x", "y", "z"]
place = "wrist"
sensor = "acc"
"""
"""A header, milliseconds, a label in each row."""


def rows_of(num_rows: int = 120, *, seed: int = 0, labels: tuple[str, ...] = ("sitting", "walking")) -> list[list[str]]:
    """Cells that :data:`PLAIN` describes, without the header: t, x, y, z, label."""
    values = np.random.default_rng(seed).normal(size=(num_rows, 3)).round(4)
    return [
        [str(20 * row), *map(str, own), labels[row * len(labels) // num_rows]]
        for row, own in enumerate(values.tolist())
    ]


def as_text(rows: list[list[str]], header: str = "t,x,y,z,label", separator: str = ",") -> str:
    """A file."""
    return "".join(f"{line}\n" for line in [*([header] if header else []), *(separator.join(row) for row in rows)])


def some_files() -> dict[str, str]:
    """Two subjects with two sessions each, as :data:`PLAIN` describes them."""
    return {
        f"s{subject:02}/{session}.csv": as_text(rows_of(seed=10 * subject + session))
        for subject in (1, 2)
        for session in (1, 2)
    }


def card_at(folder: Path, card: str) -> CardDataset:
    """The data set of a card with this text."""
    path = folder / "card.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(card, encoding="utf-8")
    return CardDataset.from_file(path)


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files below ``folder``/data."""
    for name, content in files.items():
        path = folder / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / "data"


def read_all(folder: Path, files: Mapping[str, str | bytes], card: str = PLAIN) -> list[Recording]:
    """The recordings of a folder with these files."""
    dataset = card_at(folder, card)
    with dataset.open(write(folder, files)) as source:
        assert dataset.check_listing(source) == []
        return list(read_recordings(dataset, source))


def problems_of(folder: Path, files: Mapping[str, str | bytes], card: str = PLAIN) -> list[Problem]:
    """Everything that is wrong with a folder; paths are inside it."""
    dataset = card_at(folder, card)
    data = write(folder, files)
    found: list[Problem] = []
    try:
        with dataset.open(data) as source:
            found += dataset.check_listing(source)
            for own in source.by_recording().values():
                try:
                    dataset.read(source, own)
                except InputError as error:
                    found += error.problems
    except InputError as error:
        found += error.problems
    inside = f"{data}/"
    return [
        Problem(path=p.path.removeprefix(inside), value=p.value, expected=p.expected, line=p.line, column=p.column)
        for p in found
    ]
