"""Which heavy packages each command goes without; where everything ran: ``tests/e2e/test_cold_starts.py``."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from imports import heavy_in, listing
from likeness_examples import some_training_windows
from torch import nn

from assets.resources.export import log_model
from assets.resources.home import Home
from assets.resources.runs import TrackedRun
from assets.resources.store import ASSET_TAG, CHAMPION_ALIAS, OVERALL
from assets.resources.tracking import Tracking

LIGHT = {"dagster", "grimp", "sqlalchemy"}
COMMANDS = {
    "--help": (0, set()),
    "--version": (0, set()),
    "run nothing.toml": (2, set()),
    "run small.toml --data nothing": (2, set()),
    "status nothing.toml": (2, set()),
    "status small.toml": (0, LIGHT),
    "models": (0, set()),
    "models --json": (0, set()),
    "leaderboard": (1, set()),
    "report --compare nothing nothing.json": (2, set()),
    "predict sitting.txt": (0, {"numpy", "pyarrow", "torch"}),
    "predict sitting.txt --format parquet --output answers.parquet": (0, {"numpy", "pyarrow", "torch"}),
    "predict nothing.txt": (2, set()),
    "predict sitting.txt --model models:/har/9": (2, set()),
    "personalise --data nothing": (2, set()),
    "personalise --data . --model models:/har/9": (2, set()),
    "export --format onnx --output model.onnx": (0, {"numpy", "pyarrow", "torch", "torch._dynamo", "sympy"}),
    "export --format executorch --output model.pte": (2, set()),
    "export --format onnx --output model.onnx --model models:/har/9": (2, set()),
    "trace": (0, LIGHT | {"numpy", "pyarrow"}),
    "trace models:/har/9": (2, set()),
}
"""A command -> its exit code, and the heavy packages that it may import."""
QUICK = ("--help", "status small.toml", "predict sitting.txt", "trace")
"""Commands that are tried with every change; a second or more each."""
ONLY_READ = ("models", "predict", "export")
"""Commands that leave the home as it is, so that it may be one that they cannot write."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A segment file, an experiment file, and a home with a registered model that remembers no experiment file."""
    folder = tmp_path_factory.mktemp("folder")
    np.savetxt(folder / "sitting.txt", np.random.default_rng(0).normal(size=(125, 45)), delimiter=",")
    (folder / "small.toml").write_text('[source]\nkind = "synthetic"\n[models]\narchitectures = ["cnn"]\n')
    tracking = Tracking(Home(folder / "home"))
    run = TrackedRun(
        tracking, tracking.client.create_run(tracking.experiment_id, tags={ASSET_TAG: "models/har"}).info.run_id
    )
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(125 * 45, 19), nn.Softmax(dim=1))
    model_uri, _ = log_model(run, OVERALL, model, num_timepoints=125, training=some_training_windows())
    registered = tracking.register(OVERALL, model_uri, run.run_id, {})
    tracking.set_alias(OVERALL, CHAMPION_ALIAS, registered.version)
    return folder


@pytest.mark.parametrize(
    "command", [pytest.param(command, marks=() if command in QUICK else pytest.mark.slow) for command in COMMANDS]
)
def test_heavy_packages(folder: Path, tmp_path: Path, command: str) -> None:
    exit_code, allowed = COMMANDS[command]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HAR_", "DAGSTER_", "MLFLOW_"))}
    home, modules = folder / "home", tmp_path / "modules.txt"
    before = sorted(home.rglob("*"))
    done = subprocess.run(
        listing(modules, *command.split()),
        env={**kept, "HAR_HOME": str(home)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == exit_code, done.stderr
    assert heavy_in(modules) <= allowed
    assert exit_code != 0 or not command.startswith(ONLY_READ) or sorted(home.rglob("*")) == before
