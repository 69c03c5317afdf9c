"""``har`` within this process: as the console script runs it, with what it does to the process undone afterwards."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from har_commands import Result, run_har, undone

TINY = """\
[source]
kind = "synthetic"
num_subjects = 3
num_segments = 1

[splits]
validation_subjects = [2]
test_subjects = [3]

[training]
epochs = 1
batch_size = 8

[models]
architectures = ["shufflenet"]

[evaluation]
latency_repeats = 3
latency_warmup = 1

[runtime]
num_threads = 1
"""


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in ("HAR_DATA", "HAR_EXPERIMENT", "DAGSTER_HOME", "MLFLOW_TRACKING_URI"):
        monkeypatch.setenv(name, "")  # also so that what a command sets is undone
        monkeypatch.delenv(name)
    monkeypatch.setenv("HAR_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    with undone():
        yield tmp_path / "home"


@pytest.fixture
def har(home: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run a command in that home."""
    return partial(run_har, capfd)
