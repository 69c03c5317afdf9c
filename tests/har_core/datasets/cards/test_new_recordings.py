"""New recordings of a card's data set, for a model to answer for: nobody labelled them, and one file may be all."""

from __future__ import annotations

from pathlib import Path

import pytest
from card_examples import HEAD, PLAIN, as_text, card_at, rows_of, some_files, write

from har_core.base.errors import InputError
from har_core.datasets.cards.dataset import CardDataset
from har_core.datasets.dataset import read_recordings
from har_core.datasets.recordings import LabelRun
from har_core.datasets.source import Source

TABLE = 'intervals = { pattern = "labels.csv", subject = 1, session = 2, label = 3, first = 4, last = 5 }'
INTERVALS = PLAIN.replace('column = "label"', TABLE)
IN_PATHS = f"""{HEAD}
[files]
pattern = "s{{subject}}_{{activity}}.csv"
[[channels]]
columns = [2, 3, 4]
place = "wrist"
sensor = "acc"
"""


def is_wrong(dataset: CardDataset, source: Source) -> bool:
    try:
        list(read_recordings(dataset, source))
    except InputError:
        return True
    return bool(dataset.check_listing(source))


@pytest.mark.parametrize("card", [PLAIN, INTERVALS], ids=["column", "table"])
def test_labels_are_asked_for_only_where_they_are_wanted(tmp_path: Path, card: str) -> None:
    dataset = card_at(tmp_path, card)
    rows = [row[:-1] for row in rows_of()]
    with dataset.open(write(tmp_path, {"s01/1.csv": as_text(rows, header="t,x,y,z")})) as source:
        assert is_wrong(dataset, source)
        assert dataset.unlabelled().check_listing(source) == []
        [recording] = read_recordings(dataset.unlabelled(), source)
    assert recording.outline.labels == (LabelRun(0, len(rows)),)
    assert dataset.unlabelled().spec == dataset.spec


def test_labels_in_paths_stay(tmp_path: Path) -> None:
    dataset = card_at(tmp_path, IN_PATHS).unlabelled()
    files = {"s1_walking.csv": as_text(rows_of(), header=""), "s1_flying.csv": as_text(rows_of(seed=1), header="")}
    with dataset.open(write(tmp_path, {"s1_walking.csv": files["s1_walking.csv"]})) as source:
        [recording] = read_recordings(dataset, source)
    assert recording.outline.labels == (LabelRun(2, 120),)
    with pytest.raises(InputError, match="flying"):
        dataset.open(write(tmp_path, files))


def test_one_file_is_a_source(tmp_path: Path) -> None:
    files = {name.replace("/", "_"): text for name, text in some_files().items()}
    dataset = card_at(tmp_path, PLAIN.replace("s{subject}/{session}", "s{subject}_{session}"))
    data = write(tmp_path, files)
    with dataset.open(data / "s02_1.csv") as source:
        assert [source.name(file) for file in source.files] == [str(data / "s02_1.csv")]
        [recording] = read_recordings(dataset, source)
    assert recording.key == (2, 1)
    (data / "notes.csv").touch()
    with pytest.raises(InputError, match="not a zip"):
        dataset.open(data / "notes.csv")
