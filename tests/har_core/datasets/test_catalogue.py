"""Data sets by name: those that are shipped, cards, and what other packages bring."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from har_core.base.errors import InputError, UnknownNameError
from har_core.datasets import catalogue
from har_core.datasets.catalogue import find_dataset, list_datasets
from har_core.datasets.dsads.dataset import DSADS


@pytest.fixture
def brought(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entry points as other packages declare them."""
    found = [
        EntryPoint("toy", "toy_dataset:Toy", catalogue.GROUP),
        EntryPoint("none", "toy_dataset:TABLE", catalogue.GROUP),
    ]
    monkeypatch.setattr(catalogue, "entry_points", lambda group: found if group == catalogue.GROUP else [])


@pytest.mark.parametrize("name", list_datasets())
def test_every_listed_data_set_is_found_again_by_its_reference(name: str, tmp_path: Path) -> None:
    dataset = find_dataset(name, relative_to=tmp_path)
    again = find_dataset(dataset.reference, relative_to=Path("/elsewhere"))
    assert (again.spec, again.version) == (dataset.spec, dataset.version)


def test_dsads_is_the_first(tmp_path: Path) -> None:
    assert "dsads" in list_datasets()
    assert find_dataset("dsads", relative_to=tmp_path).spec == DSADS


def test_an_unknown_name_suggests_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"no data set is called 'dsdas'; did you mean 'dsads'\?"):
        find_dataset("dsdas", relative_to=tmp_path)


def test_a_card_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=str(tmp_path / "mine.toml")):
        find_dataset("mine.toml", relative_to=tmp_path)


@pytest.mark.usefixtures("brought")
def test_other_packages_bring_data_sets(tmp_path: Path) -> None:
    assert "toy" in list_datasets()
    assert find_dataset("toy", relative_to=tmp_path).spec.name == "pocket_and_wrist"


@pytest.mark.usefixtures("brought")
def test_an_entry_point_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="brings no data set"):
        find_dataset("none", relative_to=tmp_path)
