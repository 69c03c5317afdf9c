"""How long each command takes to answer, beside an import it cannot do without, in a small home of made recordings."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from measure import Case, Once, Options, Way

EXPERIMENT = """\
[source]
kind = "synthetic"
num_subjects = 3
num_segments = 2
[splits]
validation_subjects = [2]
test_subjects = [3]
[training]
epochs = 1
batch_size = 16
[models]
architectures = ["cnn"]
[models.cnn]
base_width = 2
[evaluation]
latency_repeats = 3
latency_warmup = 1
[runtime]
device = "cpu"
"""
NUM_FILES = 5
DAGSTER = "import dagster"
TORCH = "import torch"


def cases(options: Options) -> list[Case]:
    """One of each command; those that are refused before any work are wrong on purpose."""
    return [
        _case("har --help", options, DAGSTER, lambda _: ["--help"]),
        _case("har run with a mistyped file name", options, DAGSTER, lambda _: ["run", "smal.toml"], fails=True),
        _case("har models", options, DAGSTER, lambda _: ["models"]),
        _case("har status", options, DAGSTER, lambda home: ["status", str(home / "small.toml")]),
        _case("har run with nothing to do", options, DAGSTER, lambda home: ["run", str(home / "small.toml")]),
        _case("har trace", options, DAGSTER, lambda _: ["trace"]),
        _case(f"har predict of {NUM_FILES} files", options, TORCH, lambda home: ["predict", *_files(home)]),
    ]


def python(*arguments: str, fails: bool = False) -> None:
    """A process of its own, which succeeds; or exits with 2, where it `fails`."""
    done = subprocess.run([sys.executable, *arguments], check=False, capture_output=True, text=True)
    if done.returncode != (2 if fails else 0):
        raise RuntimeError(done.stdout + done.stderr)


def prepare_home(root: Path) -> Path:
    """A home in which everything ran once; it is the working directory and home of this process from then on.

    Dagster lets the ``.env`` of a working directory override the environment.
    """
    home = root / "home"
    home.mkdir()
    (home / "small.toml").write_text(EXPERIMENT)
    os.environ |= {
        "HAR_HOME": str(home),
        "DAGSTER_HOME": str(home / ".dagster"),
        "HAR_EXPERIMENT": str(home / "small.toml"),
    }
    os.chdir(home)
    python("-m", "pipelines", "run", str(home / "small.toml"))
    return home


def _case(
    name: str, options: Options, reference: str, arguments: Callable[[Path], list[str]], *, fails: bool = False
) -> Case:
    def command() -> Once:
        return _counting("-m", "pipelines", *arguments(_home(options)), fails=fails)

    return Case(
        name=f"`{name}`",
        unit="s",
        ways=(Way(name="ours", prepare=command), Way(name=reference, prepare=partial(_counting, "-c", reference))),
        reference=reference,
    )


def _counting(*arguments: str, fails: bool = False) -> Once:
    def once() -> float:
        python(*arguments, fails=fails)
        return 1.0

    return once


def _files(home: Path) -> list[str]:
    return [str(path) for path in sorted((home / "data/raw/synthetic").glob("a*/p*/s*.txt"))[:NUM_FILES]]


@cache
def _home(options: Options) -> Path:
    """One home for all cases of a process."""
    return prepare_home(options.scratch)
