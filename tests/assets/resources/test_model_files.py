"""Folders of logged models: what ``har run`` writes is let through, and nothing else."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from data_sets import POCKET_AND_WRIST, SPECS
from likeness_examples import some_training_windows

from assets.resources import model_files
from assets.resources.model_files import (
    altered_files,
    find_model,
    hash_model_files,
    read_model_files,
    told_of,
)
from assets.resources.store import FILES_TAG, Store
from har_core.base.errors import HarError, InputError
from har_core.datasets.dsads.dataset import DSADS
from har_core.inference.archive import DamagedModelError
from har_core.settings.windows import MAX_LENGTH
from har_core.spec.dataset import DatasetSpec

if TYPE_CHECKING:
    from tests.assets.conftest import Graph

URI = "models:/har@champion"
BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


def description(spec: DatasetSpec = DSADS) -> dict[str, Any]:
    """What MLflow 3.17 writes, as far as it matters."""
    return {
        "flavors": {
            "python_function": {
                "config": {"device": None},
                "data": "data",
                "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
                "loader_module": "mlflow.pytorch",
                "pickle_module_name": "mlflow.pytorch.pickle_module",
                "python_version": "3.11.7",
            },
            "pytorch": {"code": None, "model_data": "data", "pytorch_version": "2.13.0"},
        },
        "metadata": {
            "dataset": spec.model_dump(mode="json"),
            **told_of(spec),
            "join_segments": False,
            "training_windows": some_training_windows(spec=spec).to_metadata(),
            "window_length": 250,
        },
    }


def write(folder: Path, described: object) -> Path:
    (folder / "data").mkdir()
    (folder / "data" / "model.pt2").touch()
    (folder / "MLmodel").write_text(yaml.safe_dump(described))
    return folder


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_an_exported_model(tmp_path: Path, spec: DatasetSpec) -> None:
    files = read_model_files(write(tmp_path, description(spec)), URI)
    assert (files.graph, files.window_length, files.spec) == (tmp_path / "data" / "model.pt2", 250, spec)
    assert files.training == some_training_windows(spec=spec)
    assert model_files._LONGEST_WINDOW == MAX_LENGTH


def test_what_the_registry_writes(ran: Graph) -> None:
    for uri in (URI, f"models:/{ran.tracking.resolve(URI).model_id}"):
        files = find_model(ran.tracking, uri)
        assert (files.graph.is_file(), files.window_length, files.spec) == (True, 125, DSADS)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda flavors: flavors.update(sklearn={}), "found 'sklearn', expected python_function, pytorch alone"),
        (lambda flavors: flavors.pop("pytorch"), "flavors.pytorch: found nothing"),
        (
            lambda flavors: flavors["python_function"].update(loader_module="evil"),
            "found 'evil', expected mlflow.pytorch",
        ),
        (lambda flavors: flavors["python_function"].pop("loader_module"), "expected mlflow.pytorch"),
        (lambda flavors: flavors["python_function"].update(code="code"), "found 'code'"),
        (lambda flavors: flavors["python_function"].update(data="../other"), "found '../other', expected data"),
        (lambda flavors: flavors["pytorch"].update(code="code"), "flavors.pytorch.code: found 'code'"),
        (lambda flavors: flavors.update(pytorch=["data"]), "flavors.pytorch: found"),
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
    assert "`har run` makes it again" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("window_length", 0),
        ("window_length", 10**9),
        ("window_length", True),
        ("window_length", "125"),
        ("join_segments", None),
        ("channels", list(DSADS.channel_names)[::-1]),
        ("activities", "sitting"),
        ("sampling_rate_hz", 50),
        ("units", {**told_of(DSADS)["units"], "T_xacc": "g"}),
        ("training_windows", [1]),
        ("dataset", None),
        ("dataset", "dsads"),
        ("dataset", {}),
        ("dataset", {**DSADS.model_dump(mode="json"), "channels": [[1], {"name": 5}]}),
        ("dataset", {**DSADS.model_dump(mode="json"), "sampling_rate_hz": 10**400}),
        ("dataset", {**DSADS.model_dump(mode="json"), "activities": ["sitting"] * 2}),
        ("dataset", {**DSADS.model_dump(mode="json"), "more": {3: "keys"}}),
    ],
)
def test_a_model_of_other_windows_is_refused(tmp_path: Path, name: str, value: object) -> None:
    described = description()
    described["metadata"][name] = value
    with pytest.raises(InputError, match=f"metadata.{name}"):
        read_model_files(write(tmp_path, described), URI)


def test_metadata_that_contradicts_its_data_set_is_refused(tmp_path: Path) -> None:
    described = description()
    described["metadata"]["dataset"] = POCKET_AND_WRIST.model_dump(mode="json")
    with pytest.raises(InputError) as refused:
        read_model_files(write(tmp_path, described), URI)
    for name in ("activities", "channels", "sampling_rate_hz", "units.pocket_acc_x"):
        assert f"metadata.{name}" in str(refused.value)
    described["metadata"] |= told_of(POCKET_AND_WRIST)
    (tmp_path / "MLmodel").write_text(yaml.safe_dump(described))
    with pytest.raises(InputError, match="what the training windows held cannot be read"):
        read_model_files(tmp_path, URI)


@pytest.mark.parametrize(
    "name",
    ["code/evil.py", "evil.py", "mlflow.py", "data/model.pth", "data/pickle_module_info.txt", "data/more/model.pt2"],
)
def test_files_that_a_model_has_not_are_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path, description())
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    with pytest.raises(InputError, match="no model as `har run` registers them"):
        read_model_files(tmp_path, URI)


@pytest.mark.parametrize("name", ["MLmodel", "data/model.pt2", "conda.yaml", "data"])
@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_links_devices_and_folders_in_the_place_of_files_are_refused(tmp_path: Path, name: str, kind: str) -> None:
    folder, outside = tmp_path / "model", tmp_path / "outside"
    folder.mkdir()
    write(folder, description())
    (folder / "conda.yaml").touch()
    (folder / name).rename(outside)
    if kind == "link":
        (folder / name).symlink_to(outside)
    elif kind == "pipe":
        os.mkfifo(folder / name)
    else:
        (folder / name).mkdir()
    with pytest.raises(InputError, match=URI):
        read_model_files(folder, URI)


def test_files_that_are_too_large_are_refused(tmp_path: Path) -> None:
    write(tmp_path, description())
    os.truncate(tmp_path / "data" / "model.pt2", 2**31 + 1)
    with pytest.raises(InputError, match=r"data/model\.pt2: found '2,147,483,649 bytes'"):
        read_model_files(tmp_path, URI)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[1, 2]",
        "flavors: [",
        "flavors: []",
        "!!python/object/apply:os.system ['true']",
        BOMB,
        "[" * 100_000,
        "a: 2001-99-99",
        f"a: {'1' * 5000}",
        "\0",
    ],
)
def test_a_damaged_description_is_refused(tmp_path: Path, content: str) -> None:
    write(tmp_path, description())
    (tmp_path / "MLmodel").write_text(content)
    with pytest.raises(InputError, match=URI):
        read_model_files(tmp_path, URI)


def test_files_that_are_gone(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{URI}: its files in .* cannot be read .*; `har run` makes it again"):
        read_model_files(tmp_path / "nowhere", URI)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("data/model.pt2", flip),
        ("data/model.pt2", lambda path: os.truncate(path, 1000)),
        ("MLmodel", lambda path: path.write_text(path.read_text().replace("window_length: 125", "window_length: 50"))),
        ("requirements.txt", lambda path: path.write_text("evil")),
        ("conda.yaml", lambda path: path.unlink()),
    ],
)
def test_a_file_that_is_not_the_one_that_was_registered(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, name: str, change: Callable[[Path], object]
) -> None:
    path = graph.tracking.folder_of(URI) / name
    change(path)
    with pytest.raises(DamagedModelError) as refused:
        find_model(graph.tracking, URI)
    assert str(refused.value) == (f"{URI}: altered or gone since it was registered: {path}; `har run` makes it again")
    change_of_hashes = {FILES_TAG: hash_model_files(graph.tracking.folder_of(URI))}
    monkeypatch.setattr(Store, "files_of", lambda store, uri: change_of_hashes[FILES_TAG])
    find_model(graph.tracking, URI)  # the hashes alone refused it


def test_what_mlflow_writes_while_it_loads_a_model_is_no_change(graph: Graph) -> None:
    (graph.tracking.folder_of(URI) / "registered_model_meta").write_text("model_name: har\n")
    find_model(graph.tracking, URI)


@pytest.mark.parametrize("recorded", ["", "[]", "{", "[" * 100_000, "{}", '{"MLmodel": "0"}'])
def test_hashes_that_say_nothing_verify_nothing(tmp_path: Path, recorded: str) -> None:
    folder = write(tmp_path, description())
    assert altered_files(folder, recorded) == ["MLmodel", "data/model.pt2"]
    assert altered_files(folder, hash_model_files(folder)) == []


def test_a_model_without_hashes_is_refused(graph: Graph) -> None:
    """One that somebody registered with MLflow alone."""
    entry = graph.tracking.resolve(URI)
    graph.tracking.client.delete_model_version_tag(entry.name, str(entry.version), FILES_TAG)
    with pytest.raises(InputError, match="were not recorded when it was registered"):
        find_model(graph.tracking, URI)
    find_model(graph.tracking, f"models:/{entry.model_id}")  # another version of the same model has them


def test_hashes_are_taken_of_every_file_that_a_registered_model_has(ran: Graph) -> None:
    folder = ran.tracking.folder_of(URI)
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    recorded = json.loads(ran.tracking.resolve(URI).tags[FILES_TAG])
    assert files - {"registered_model_meta"} == set(recorded) == set(model_files._LARGEST)
    assert issubclass(DamagedModelError, HarError)


@pytest.mark.parametrize(
    ("uri", "command"), [("models:/har-cnn-int8/2", "har run"), ("models:/har-cnn-for-anna/1", "har personalise")]
)
def test_a_model_of_one_person_is_made_by_another_command(tmp_path: Path, uri: str, command: str) -> None:
    with pytest.raises(InputError, match=f"{uri}: its files in .* cannot be read .*; `{command}` makes it again"):
        read_model_files(tmp_path / "gone", uri)
