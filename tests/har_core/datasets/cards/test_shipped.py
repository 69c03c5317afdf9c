"""Shipped cards read files of the layout that each set documents."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from card_examples import write

from har_core.datasets.catalogue import find_dataset, list_datasets
from har_core.datasets.dataset import read_recordings

GENERATOR = np.random.default_rng(0)


def table(*columns: object, separator: str = " ") -> str:
    """A file of 200 rows; what is no list is a number of random columns."""
    cells: list[list[str]] = []
    for column in columns:
        if isinstance(column, int):
            cells += GENERATOR.normal(size=(column, 200)).round(5).astype(str).tolist()
        else:
            cells.append([str(cell) for cell in np.asarray(column)])
    return "".join(f"{separator.join(row)}\n" for row in zip(*cells, strict=True))


HEADER = "x_acc,y_acc,z_acc,x_gyro,y_gyro,z_gyro,timestamp,label\n"
LABELS = np.repeat(["SEATED", "WALKING"], 100)
CODES = GENERATOR.integers(0, 64, size=(3, 200))
FILES: Mapping[str, Mapping[str, str]] = {
    "pamap2": {
        "PAMAP2_Dataset/Protocol/subject101.dat": table(
            np.arange(200) / 100, np.repeat([0, 24], 100), np.where(np.arange(200) % 10, "NaN", np.arange(200)), 51
        ),
        "PAMAP2_Dataset/Optional/subject101.dat": table(np.arange(200) / 100, [9] * 200, np.arange(200), 51),
    },
    "phone_and_watch": {
        "s01/s01_01_sp.csv": HEADER + table(6, 1_600_000_000_000 + 10 * np.arange(200), LABELS, separator=","),
        "s01/s01_01_sw.csv": HEADER + table(6, 1_600_000_000_004 + 10 * np.arange(200), LABELS, separator=","),
    },
    "smartphone_transitions": {
        "RawData/acc_exp01_user01.txt": table(3),
        "RawData/gyro_exp01_user01.txt": table(3),
        "RawData/labels.txt": "1 1 12 1 50\n1 1 5 101 200\n",
    },
    "wrist_adl": {
        "Walk/Accelerometer-2011-03-24-10-24-39-walk-f1.txt": table(*CODES),
        "Climb_stairs/Accelerometer-2011-03-24-10-25-44-climb_stairs-m10.txt": table(*CODES),
    },
}
FOUND = {
    "pamap2": {(101, 1): [(8, 200)], (101, 2): [(0, 100), (18, 100)]},
    "phone_and_watch": {(1, 1): [(1, 99), (3, 100)]},
    "smartphone_transitions": {(1, 1): [(12, 50), (0, 50), (5, 100)]},
    "wrist_adl": {(1, 1): [(14, 200)], (20, 1): [(2, 200)]},
}


@pytest.mark.parametrize("name", [name for name in list_datasets() if name not in {"dsads", "pilot"}])
def test_a_shipped_card_reads_its_layout(tmp_path: Path, name: str) -> None:
    dataset = find_dataset(name, relative_to=Path())
    with dataset.open(write(tmp_path, FILES[name])) as source:
        assert dataset.check_listing(source) == []
        recordings = list(read_recordings(dataset, source))
    found = {tuple(own.key): [tuple(run) for run in own.outline.labels] for own in recordings}
    assert found == FOUND[name]
    assert {len(own.samples) for own in recordings} == {dataset.spec.num_channels}
    if name == "pamap2":
        assert np.isnan(recordings[1].samples[0]).sum() == 180
    if name == "wrist_adl":
        assert recordings[0].samples == pytest.approx(-1.5 + CODES / 63 * 3, abs=1e-6)
