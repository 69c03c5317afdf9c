"""``har`` within this process: as the console script runs it, with what it does to the process undone afterwards."""

import logging
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from narrowing import as_type

from pipelines.cli.main import main

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


@dataclass
class Result:
    exit_code: int
    out: str
    err: str


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
    environment = dict(os.environ)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with warnings.catch_warnings():
        yield tmp_path / "home"
    logging.captureWarnings(capture=False)
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in set(os.environ) - set(environment):
        del os.environ[name]
    os.environ.update(environment)


@pytest.fixture
def har(home: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run a command; what it prints comes from the file descriptors, where libraries' chatter would show too."""

    def run(*arguments: object) -> Result:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Result(as_type(int, ended.value.code or 0), out, err)

    return run
