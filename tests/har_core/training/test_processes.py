"""Training in processes of its own: killed in the middle of an epoch, and where Dagster and MLflow do not exist."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

WORKER = """
import sys
from pathlib import Path
import torch
from har_core.models import create_model
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.training import TrainingSettings
from har_core.training import loop
from har_core.training.data import LabelledWindows
from har_core.training.events import EpochFinished, EpochProgress
from har_core.training.loop import train
from har_core.training.seeding import seed_everything

folder, wait_in_epoch = Path(sys.argv[1]), int(sys.argv[2])
loop.SECONDS_BETWEEN_PROGRESS = -1.0

def listener(event):
    if isinstance(event, EpochFinished):
        print("finished", event.record.epoch, flush=True)
    if isinstance(event, EpochProgress) and event.epoch == wait_in_epoch and event.num_done == 32:
        print("in the middle", flush=True)
        sys.stdin.read()  # until the test kills this process, or is killed itself

def windows(n):
    return LabelledWindows(torch.randn(n, 24, 3), torch.arange(n) % 4)

seed_everything(0)
model = create_model("cnn", num_channels=3, num_timepoints=24, num_classes=4, base_width=8)
settings = TrainingSettings(epochs=4, batch_size=16, seed=1, schedule="cosine", warmup_epochs=1.0)
result = train(model, windows(65), windows(12), settings, RuntimeSettings(device="cpu", num_threads=1), num_classes=4,
               checkpoint_path=folder / "checkpoint.pt", checkpoint_key="k", listener=listener)
torch.save(result.model.state_dict(), folder / "weights.pt")
"""


WITHOUT_TRACKERS = "import sys; sys.modules.update(dict.fromkeys(('dagster', 'mlflow')))\n"
SECONDS = 250
pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")]


def start(folder: Path, *, wait_in_epoch: int = 0, prelude: str = "") -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    arguments = [sys.executable, "-c", prelude + WORKER, str(folder), str(wait_in_epoch)]
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def finished_epochs(process: subprocess.Popen[str]) -> list[str]:
    output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    return output.splitlines()


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing interrupts, in a process where Dagster and MLflow cannot be imported."""
    folder = tmp_path_factory.mktemp("unbroken")
    told = finished_epochs(start(folder, prelude=WITHOUT_TRACKERS))
    assert told == [f"finished {epoch}" for epoch in (1, 2, 3, 4)]
    return folder


def test_training_needs_neither_dagster_nor_mlflow(unbroken: Path) -> None:
    for package in ("dagster", "mlflow"):
        code = f"{WITHOUT_TRACKERS}import {package}"
        assert subprocess.run([sys.executable, "-c", code], stderr=subprocess.DEVNULL, check=False).returncode != 0
    assert (unbroken / "weights.pt").exists()


def test_a_run_killed_in_the_middle_of_an_epoch_ends_with_the_weights_of_an_unbroken_one(
    unbroken: Path, tmp_path: Path
) -> None:
    killed = start(tmp_path, wait_in_epoch=3)
    assert killed.stdout is not None
    told = [killed.stdout.readline().strip() for _ in range(3)]
    assert told == ["finished 1", "finished 2", "in the middle"]
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL

    assert finished_epochs(start(tmp_path)) == ["finished 3", "finished 4"]

    ours, theirs = (torch.load(folder / "weights.pt", weights_only=True) for folder in (tmp_path, unbroken))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(tensor, theirs[key]) for key, tensor in ours.items())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.pt", "weights.pt"]
