"""``har export``; with a registered model: ``test_imports.py``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, get_args, get_type_hints

import pytest
from exported_graphs import NUM_TIMEPOINTS, SPEC, write_graph
from likeness_examples import some_training_windows
from torch import nn

from assets.resources import model_files
from assets.resources.model_files import ModelFiles
from assets.resources.store import Store
from har_core.export.formats import FORMATS, NOT_BESIDE_HAR
from pipelines.cli import export

if TYPE_CHECKING:
    from har_commands import Result


@pytest.fixture
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A model that is found under every address; the list has those that were asked for."""
    asked = []
    size = NUM_TIMEPOINTS * SPEC.num_channels
    files = ModelFiles(
        graph=write_graph(nn.Sequential(nn.Flatten(), nn.Linear(size, SPEC.num_activities)), tmp_path),
        spec=SPEC,
        window_length=NUM_TIMEPOINTS,
        join_segments=False,
        training=some_training_windows(NUM_TIMEPOINTS, SPEC),
    )

    def find(_: Store, model_uri: str) -> ModelFiles:
        asked.append(model_uri)
        return files

    monkeypatch.setattr(model_files, "find_model", find)
    return asked


def test_what_was_written_is_told(har: Callable[..., Result], registered: list[str], tmp_path: Path) -> None:
    path = tmp_path / "new" / "model.onnx"
    result = har("export", "--format", "onnx", "--output", path)
    assert (result.exit_code, result.err) == (0, "")
    told = result.out.splitlines()
    assert told[0] == f"Wrote {path} ({path.stat().st_size:,} bytes)"
    assert [line.split(maxsplit=1) for line in told[1:4]] == [
        ["opset", "18"],
        ["input", "windows, float32 (N, 24, 6)"],
        ["output", "probabilities, float32 (N, 4)"],
    ]
    assert har("export", "--format", "onnx", "-o", path, "--model", "models:/har-cnn/2").exit_code == 0
    assert registered == ["models:/har@champion", "models:/har-cnn/2"]


def test_formats_of_the_command_are_those_of_the_core() -> None:
    annotation, *_ = get_args(get_type_hints(export.export, include_extras=True)["to"])
    assert set(get_args(annotation)) == {*FORMATS, *NOT_BESIDE_HAR}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--format", "executorch", "--output", "model.pte"], "ExecuTorch cannot be installed beside har"),
        (["--format", "tflite", "--output", "model.tflite"], "'tflite' is not one of"),
        (["--format", "onnx"], "--output"),
        (["--output", "model.onnx"], "--format"),
        (["--format", "onnx", "--output", "."], "is a folder: name a file"),
        (["--format", "onnx", "--output", "model.onnx"], "models:/har@champion"),
        (["--format", "onnx", "--output", "model.onnx", "--model", "models:/har/9"], "models:/har/9"),
    ],
)
def test_wrong_arguments(har: Callable[..., Result], tmp_path: Path, options: list[str], text: str) -> None:
    result = har("export", *options)
    assert result.exit_code == 2
    assert text in result.err
    assert "Traceback" not in result.err
    assert not [*tmp_path.iterdir()]


def test_a_place_that_cannot_be_written(har: Callable[..., Result], registered: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = har("export", "--format", "onnx", "--output", tmp_path / "file" / "model.onnx")
    assert result.exit_code == 1
    assert "cannot be written" in result.err
    assert "Traceback" not in result.err
