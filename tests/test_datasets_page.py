"""docs/datasets.md names every key of a card as the code knows it, and its examples work."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from setting_tables import part_of_page, rows_in, rows_of

from har_core.base.errors import InputError
from har_core.datasets import catalogue
from har_core.datasets.cards import loader
from har_core.datasets.cards.card import ChannelGroup, FileFormat, Intervals, Labels, Stream, TextFormat
from har_core.datasets.catalogue import find_dataset, list_datasets
from har_core.datasets.dataset import read_recordings
from har_core.datasets.recordings import LabelRun
from har_core.experiment.loader import load_experiment
from har_core.settings.base import Settings
from har_core.settings.windows import WindowSettings

PAGE = Path(__file__).parents[1] / "docs" / "datasets.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```toml\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)
WHOLE, EXPERIMENT = BLOCKS[:2]
ON_CARDS = {*loader._DESCRIPTION, *loader._SECTIONS}
PARTS = [block for block in BLOCKS[2:] if tomllib.loads(block).keys() <= ON_CARDS]
WINDOWS = [block for block in BLOCKS[2:] if tomllib.loads(block).keys() == {"windows"}]
TABLES: dict[str, tuple[type[Settings], tuple[str, ...]]] = {
    "[files]": (FileFormat, ()),
    "[[channels]]": (ChannelGroup, ()),
    "[[streams]]": (Stream, (*FileFormat.model_fields, "channels")),
    "[labels]": (Labels, ()),
    "[labels.intervals]": (Intervals, tuple(name for name in TextFormat.model_fields if name != "pattern")),
}
REST = {
    "activities": 'activities = ["sitting", "walking"]\n',
    "files": '[files]\npattern = "s{subject}_{session}.csv"\nheader_lines = 1\n',
    "channels": '[[channels]]\ncolumns = [2, 3, 4]\nplace = "wrist"\nsensor = "acc"\n',
    "labels": "[labels]\ncolumn = 5\n",
}
"""What makes a whole card of a part."""


@pytest.mark.parametrize("heading", TABLES)
def test_page_has_every_key(heading: str) -> None:
    model, apart = TABLES[heading]
    assert rows_in(part_of_page(PAGE, f"`{heading}`")) == rows_of(model, apart=apart)


def test_page_has_every_key_of_a_card() -> None:
    rows = rows_in(part_of_page(PAGE, "The card"))
    assert {row.split("`")[1] for row in rows} == ON_CARDS
    assert {row.split("`")[1] for row in rows if "required" in row} == {
        "name", "title", "sampling_rate_hz", "activities",
    }  # fmt: skip


def test_the_whole_card_reads_the_file_that_is_shown(tmp_path: Path) -> None:
    (tmp_path / "card.toml").write_text(WHOLE, encoding="utf-8")
    header, row = re.findall(r"^(time,left_ax.*|0\.000,.*)$", TEXT, flags=re.MULTILINE)
    more = row.replace("0.000,", "0.020,") + "walking"
    (tmp_path / "participant_07.csv").write_text("\n".join([header, row, more]) + "\n", encoding="utf-8")
    dataset = find_dataset("card.toml", relative_to=tmp_path)
    with dataset.open(tmp_path) as source:
        [recording] = read_recordings(dataset, source)
    assert recording.key == (7, 1)
    assert recording.outline.labels == (LabelRun(0, 1), LabelRun(5, 1))
    assert recording.samples.shape == (12, 2)
    (tmp_path / "experiment.toml").write_text(EXPERIMENT, encoding="utf-8")
    assert load_experiment(tmp_path / "experiment.toml").dataset == dataset.spec


@pytest.mark.parametrize("part", PARTS)
def test_parts_of_cards_are_valid(part: str, tmp_path: Path) -> None:
    own = tomllib.loads(part)
    left_out = {*own, *(["channels"] if "streams" in own else []), *(["labels"] if "{activity}" in part else [])}
    rest = {name: text for name, text in REST.items() if name not in left_out}
    head = 'name = "small"\ntitle = "Small"\nsampling_rate_hz = 50\nnone = "other"\n' + rest.pop("activities", "")
    (tmp_path / "card.toml").write_text(head + part + "".join(rest.values()), encoding="utf-8")
    assert find_dataset("card.toml", relative_to=tmp_path).spec.name == "small"


def test_parts_of_every_kind_are_shown() -> None:
    assert {name for part in PARTS for name in tomllib.loads(part)} >= {*loader._SECTIONS} - {"places"}


@pytest.mark.parametrize("part", WINDOWS)
def test_windows_that_are_shown_are_valid(part: str) -> None:
    values = tomllib.loads(part)["windows"]
    merged = {name: tuple(names) for name, names in values.get("activities", {}).items()}
    WindowSettings.model_validate({**values, "activities": merged or None})


def test_sets_that_are_shipped_are_listed() -> None:
    rows = rows_in(part_of_page(PAGE, "Sets that are shipped"))
    assert {row.split("`")[1] for row in rows} == set(list_datasets())
    for row in rows:
        spec = find_dataset(row.split("`")[1], relative_to=Path()).spec
        for words in (f"{spec.sampling_rate_hz:g} Hz", f"{spec.num_activities} activities", spec.licence):
            assert words in row


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The module of the page, installed beside har with its entry point."""
    name, source = re.findall(r"^`(\w+)\.py`\n\n```python\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)[0]
    (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, name, sys)  # what the entry point imports is forgotten afterwards
    del sys.modules[name]
    declared = tomllib.loads(BLOCKS[-1])["project"]["entry-points"][catalogue.GROUP]
    found = [EntryPoint(own, value, catalogue.GROUP) for own, value in declared.items()]
    monkeypatch.setattr(catalogue, "entry_points", lambda group: found if group == catalogue.GROUP else [])


@pytest.mark.usefixtures("lab")
def test_the_module_reads_what_no_card_can(tmp_path: Path) -> None:
    dataset = find_dataset("lab", relative_to=tmp_path)
    acc, path = np.arange(12.0).reshape(4, 3), tmp_path / "data" / "subject_3" / "run_2.mat"
    path.parent.mkdir(parents=True)
    scipy.io.savemat(path, {"acc": acc, "label": np.array([[0], [2], [2], [1]])})
    (path.parent / "notes.txt").touch()
    with dataset.open(tmp_path / "data") as source:
        [recording] = read_recordings(dataset, source)
        assert source.others == ("subject_3/notes.txt",)
    assert recording.key == (3, 2)
    np.testing.assert_array_equal(recording.samples, acc.T)
    assert recording.outline.labels == (LabelRun(0, 1), LabelRun(2, 2), LabelRun(1, 1))
    scipy.io.savemat(path, {"gyro": acc})
    with dataset.open(tmp_path / "data") as source, pytest.raises(InputError, match=r"run_2\.mat.*'acc'"):
        list(read_recordings(dataset, source))
