"""Folders of logged models: what MLflow writes is let through, and nothing that its loader would run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from assets.resources.model_files import read_model_files
from har_core.base.errors import InputError

if TYPE_CHECKING:
    from tests.assets.conftest import Graph

URI = "models:/har@champion"


def description() -> dict[str, Any]:
    """What MLflow 3.17 writes, as far as it matters."""
    return {
        "flavors": {
            "python_function": {"data": "data", "loader_module": "mlflow.pytorch"},
            "pytorch": {"code": None, "model_data": "data"},
        },
        "metadata": {"window_length": 250},
    }


def write(folder: Path, described: object) -> Path:
    (folder / "data").mkdir()
    (folder / "data" / "model.pt2").touch()
    (folder / "MLmodel").write_text(yaml.safe_dump(described))
    return folder


def test_an_exported_model(tmp_path: Path) -> None:
    files = read_model_files(write(tmp_path, description()), URI)
    assert (files.graph, files.window_length) == (tmp_path / "data" / "model.pt2", 250)


def test_what_the_registry_writes(ran: Graph) -> None:
    files = read_model_files(ran.tracking.folder_of(URI), URI)
    assert (files.graph.is_file(), files.window_length) == (True, 125)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda flavors: flavors.update(sklearn={}), "sklearn"),
        (lambda flavors: flavors.pop("pytorch"), "expected pytorch and python_function alone"),
        (
            lambda flavors: flavors["python_function"].update(loader_module="evil"),
            "found 'evil', expected mlflow.pytorch",
        ),
        (lambda flavors: flavors["python_function"].pop("loader_module"), "expected mlflow.pytorch"),
        (lambda flavors: flavors["pytorch"].update(code="code"), "code that its loader would run"),
    ],
)
def test_other_flavours_loaders_and_code_are_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], text: str
) -> None:
    described = description()
    change(described["flavors"])
    with pytest.raises(InputError, match=URI) as refused:
        read_model_files(write(tmp_path, described), URI)
    assert text in str(refused.value)


@pytest.mark.parametrize(
    "name", ["code/evil.py", "data/model.pth", "data/pickle_module_info.txt", "data/more/model.pt2"]
)
def test_files_that_an_exported_model_has_not_are_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path, description())
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    with pytest.raises(InputError, match="no exported PyTorch model"):
        read_model_files(tmp_path, URI)


@pytest.mark.parametrize("content", ["", "[1, 2]", "flavors: [", "!!python/object/apply:os.system ['true']"])
def test_a_damaged_description_is_refused(tmp_path: Path, content: str) -> None:
    write(tmp_path, description())
    (tmp_path / "MLmodel").write_text(content)
    with pytest.raises(InputError, match=URI):
        read_model_files(tmp_path, URI)


def test_files_that_are_gone(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{URI}: its files in .* cannot be read"):
        read_model_files(tmp_path / "nowhere", URI)
