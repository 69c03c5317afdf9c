"""What a home remembers between commands: its experiment file, and the copy of the data.

Where things lie is said in :mod:`assets.resources.home`, who may work there in :mod:`assets.resources.occupation`.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from assets.resources.home import Home
from har_core.base.errors import InputError, Problem, StorageError
from har_core.base.files import write_text
from har_core.experiment.loader import load_experiment
from har_core.settings.experiment import Experiment

DEFAULT_EXPERIMENT = Path(__file__).parent.parent / "experiments" / "demo.toml"
DAGSTER_YAML = """\
# Settings of the Dagster instance of this home; change them freely, the file is written only where there is none.
telemetry:
  enabled: false
nux:
  enabled: false

# One run at a time, whoever started it: trainings on one machine slow each other down. `har run` counts too.
run_queue:
  max_concurrent_runs: 1
  dequeue_interval_seconds: 2
# Starts a run in about a second; without it each imports PyTorch and MLflow anew.
run_launcher:
  module: pipelines.launcher
  class: WarmRunLauncher
# A run whose process was killed is closed, so that it does not block the queue.
run_monitoring:
  enabled: true
  poll_interval_seconds: 30
"""


@dataclass(frozen=True, slots=True)
class Memory:
    """What a home remembers between commands."""

    experiment: str | None = None
    """Absolute path of the one experiment file of this home."""
    data: str | None = None
    """Absolute path of the recordings that ``--data`` named."""


def current_home() -> Home:
    """The home of this process: ``HAR_HOME``, or the current directory."""
    return Home(Path(os.environ.get("HAR_HOME") or ".").expanduser())


def prepare(home: Home) -> None:
    """Make what Dagster needs to start, and name it in ``DAGSTER_HOME`` and ``HAR_HOME`` for this and child processes.

    What these processes make from now on is for this user alone, whatever the umask was.

    Raises:
        StorageError: the home cannot be written.
    """
    os.umask(0o077)
    try:
        home.dagster.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(PermissionError):  # somebody else's, who lets this user write there
            home.dagster.chmod(0o700)
    except OSError as error:
        raise StorageError(f"{home.root}: cannot be used as a home ({error.strerror})") from error
    settings = home.dagster / "dagster.yaml"
    if not settings.exists():
        write_text(settings, DAGSTER_YAML)
    os.environ.setdefault("MPLCONFIGDIR", str(home.dagster / "matplotlib"))  # its list of fonts, else in ~/.cache
    os.environ["HAR_HOME"] = str(home.root)
    os.environ["DAGSTER_HOME"] = str(home.dagster)


def recall(home: Home) -> Memory:
    """What this home remembers; nothing where it is new."""
    if not home.memory.is_file():
        return Memory()
    try:
        return Memory(**json.loads(home.memory.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise InputError(f"{home.memory}: cannot be read; remove it to start afresh") from error


def definitions_file(home: Home) -> Path:
    """The file that definitions are built from: ``HAR_EXPERIMENT``, else what the home serves, else the demo."""
    named = os.environ.get("HAR_EXPERIMENT") or recall(home).experiment
    return Path(named) if named else DEFAULT_EXPERIMENT


@dataclass(frozen=True, slots=True)
class Order:
    """What ``har run`` and ``har status`` were asked, read and found possible."""

    home: Home
    experiment: Experiment
    data: Path | None


def read_order(experiment: Path | None, data: Path | None) -> Order:
    """Read the experiment file, and look whether the data is there, in a moment and without Dagster.

    Raises:
        InputError: the file, the path of the data or the home is wrong, or the home serves no file yet.
    """
    home = current_home()
    path = experiment or recall(home).experiment
    if path is None:
        raise InputError(f"Name an experiment file: the home {home.root} serves none yet")
    order = Order(home, load_experiment(Path(path)), data)
    propose(home, order.experiment.path, data, bind=False)
    if data is not None and not data.expanduser().exists():
        problem = Problem(path=str(data), expected="a directory or zip of recordings")
        raise InputError(f"{data}: there are no recordings", [problem])
    return order


def propose(home: Home, experiment: Path, data: Path | None = None, *, bind: bool = True) -> Memory:
    """What the home remembers once a command is accepted: its experiment file, and where the data lies.

    Nothing is written: :func:`remember` is for when the data and everything else of the command proved right. ``bind``
    says whether the home serves this file alone from now on; looking does not bind.

    Raises:
        InputError: the home serves another experiment file.
    """
    known = recall(home)
    experiment = experiment.expanduser().resolve()
    if known.experiment is not None and not _is_same(Path(known.experiment), experiment):
        raise InputError(
            f"{home.root} is the home of {known.experiment} and cannot serve {experiment} too; "
            "name another folder in HAR_HOME"
        )
    return Memory(
        str(experiment) if bind else known.experiment,
        str(data.expanduser().absolute()) if data is not None else known.data,
    )


def remember(home: Home, memory: Memory) -> None:
    """Keep it for the next command."""
    if memory != recall(home):
        write_text(home.memory, json.dumps(asdict(memory), indent=2) + "\n")


def _is_same(known: Path, given: Path) -> bool:
    """Whether both are one file; a file that was moved along with its home counts as the same."""
    return known == given or (not known.exists() and known.name == given.name)
