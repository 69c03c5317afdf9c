"""A model that is made from another one, as a user meets it. The tests build on each other: one home, in this order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from har_core.base.progress import silent
from har_core.datasets.dsads.synthetic.writer import write_recordings
from har_core.settings.source import SourceSettings

if TYPE_CHECKING:
    from tests.e2e.conftest import Har

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

EXPERIMENT = """\
[source]
kind = "files"

[splits]
validation_subjects = [2]
test_subjects = [3]

[training]
epochs = 3
batch_size = 16

[models]
architectures = ["compact", "lstm"]

[models.compact]
width = 8

[models.lstm]
hidden_size = 8

[compressed]
compact = ["int8"]
lstm = ["int8"]

[evaluation]
latency_repeats = 3
latency_warmup = 1

[runtime]
device = "cpu"
num_threads = 1
"""
WITHOUT_US = """
import sys
import torch
sys.modules["har_core"] = sys.modules["torchao"] = None
model = torch.export.load(sys.argv[1]).module()
print(tuple(model(torch.zeros(3, 125, 45)).shape))
"""


@pytest.fixture(scope="module")
def har(har: Har, tmp_path_factory: pytest.TempPathFactory) -> Har:
    """In a home of this module's own, with recordings of its own."""
    folder = tmp_path_factory.mktemp("compressed")
    experiment, data = folder / "small.toml", folder / "recordings"
    experiment.write_text(EXPERIMENT)
    write_recordings(data, SourceSettings(kind="synthetic", num_subjects=3, num_segments=2), silent)
    home = folder / "home"
    home.mkdir()
    return replace(har, home=home, experiment=experiment, data=data)


def test_it_is_made_below_its_parent(har: Har) -> None:
    ran = har.run("--data", har.data)
    assert {"compressed/compact-int8", "compressed/lstm-int8"} <= set(ran)
    assert ran.index("models/lstm") < ran.index("compressed/lstm-int8") < ran.index("comparison_report")
    assert har.run() == []


def test_it_is_made_again_alone_where_its_recipe_changes(har: Har) -> None:
    har.experiment.write_text(EXPERIMENT + "[recipes.int8]\nwindows_per_activity = 1\n")
    assert not [name for name in har.run() if name.startswith(("models/", "splits", "windows"))]


def test_it_answers_and_is_traced_as_any_model(har: Har) -> None:
    address = "models:/har-compact-int8@challenger"
    rows = json.loads(har("predict", har.data / "a01", "--model", address, "--format", "json").stdout)
    assert len(rows) == 3 * 2
    assert all(0 < row["probability"] <= 1 for row in rows)
    traced = har("trace", address).stdout
    assert "compressed/compact-int8" in traced
    assert "models/compact" in traced
    assert "har-lstm-int8" in har("models").stdout


def test_it_is_loaded_without_this_project_and_without_torchao(har: Har) -> None:
    files = [path for path in (har.home / "mlruns").rglob("*.pt2") if b"fake_quantize" in path.read_bytes()]
    assert len(files) >= 2
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_US, files[0]], env=os.environ, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "(3, 19)"), done.stderr


@pytest.mark.parametrize("form", ["onnx", "c"])
def test_it_is_exported_for_other_engines(har: Har, form: str) -> None:
    path = har.home.parent / f"model.{form}"
    told = har("export", "--format", form, "--output", path, "--model", "models:/har-compact-int8@challenger").stdout
    assert str(path) in told
    assert path.stat().st_size > 1000
