"""Which folder is the home of this process, whether it can be used, and which experiment file it serves.

Where things lie in it is said in :mod:`assets.resources.home`, what it remembers in :mod:`assets.resources.memory`, who
may work there in :mod:`assets.resources.occupation`.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from assets.resources.home import Home
from assets.resources.memory import Memory, recall
from assets.resources.sqlite import plain_path, stores_of
from har_core.base.errors import InputError, StorageError
from har_core.base.files import sha256_of_file, write_text
from har_core.datasets.catalogue import find_dataset, list_datasets
from har_core.datasets.dataset import Dataset
from har_core.datasets.opening import require_place
from har_core.experiment.datasets import dataset_of
from har_core.experiment.loader import load_experiment
from har_core.settings.experiment import Experiment

DEFAULT_EXPERIMENT = Path(__file__).parent.parent / "experiments" / "demo.toml"
_LONGEST_NAME = 380
"""Bytes: SQLite takes paths of 512, and the longest name in a home, that of the log of a run, takes 70."""
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


def current_home() -> Home:
    """The home of this process: ``HAR_HOME``, or the current directory.

    Raises:
        InputError: that cannot be a home.
    """
    named = os.environ.get("HAR_HOME")
    if named == "":
        raise InputError("HAR_HOME is empty: name a folder, or unset it to work in the current one")
    try:
        home = Home(Path.cwd() / _expanded(Path(named or ".")))
        above = next(path for path in (home.root, *home.root.parents) if path.exists())
    except FileNotFoundError as error:
        raise InputError("The current folder is not there any more; go to another one") from error
    except OSError as error:
        raise InputError(f"HAR_HOME={named!r}: cannot be looked at ({error.strerror})") from error
    if not above.is_dir():
        raise InputError(f"HAR_HOME={named!r}: {above} is no folder; name another place")
    if problem := _problem_of_name(str(home.root)):
        raise InputError(f"{str(home.root)!r} cannot be a home: {problem}; name another folder in HAR_HOME")
    return home


def _expanded(path: Path) -> Path:
    """``path`` with ``~`` and ``~user`` replaced."""
    if not path.parts or not path.parts[0].startswith("~"):
        return path
    try:
        user = Path(path.parts[0]).expanduser()
    except RuntimeError as error:
        raise InputError(f"HAR_HOME={str(path)!r}: there is no such user; name another folder") from error
    if not user.is_dir():
        raise InputError(f"HAR_HOME={str(path)!r}: {user}, the folder of that user, is not there; name another one")
    return path.expanduser()


def _problem_of_name(name: str) -> str | None:
    """Why stores in SQLite cannot lie in a folder of this name, in words."""
    if any(unicodedata.category(character) == "Cs" for character in name):  # how Python names such bytes
        return "the name is not in UTF-8"
    if any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in name):
        return "the name has a line break or another control character"
    if len(os.fsencode(name)) > _LONGEST_NAME:
        return f"the path has {len(os.fsencode(name))} bytes, and may have {_LONGEST_NAME}"
    return None


def prepare(home: Home) -> None:
    """Make what Dagster needs to start, and name it in ``DAGSTER_HOME`` and ``HAR_HOME`` for this and child processes.

    What these processes make from now on is for this user alone, whatever the umask was.

    Raises:
        StorageError: the home cannot be written.
    """
    os.umask(0o077)
    try:
        home.dagster.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{home.root}: cannot be used as a home ({error.strerror})") from error
    if (forbidden := first_unwritable(home)) is not None:
        raise StorageError(
            f"{home.root}: can only be read, as {forbidden} cannot be written; `har status`, `predict`, `models` and "
            "`trace` work there, all else needs the right to write, or another folder in HAR_HOME"
        )
    with contextlib.suppress(PermissionError):  # somebody else's, who lets this user write there
        home.dagster.chmod(0o700)
    settings = home.dagster / "dagster.yaml"
    if not settings.exists():
        write_text(settings, DAGSTER_YAML)
    # What libraries keep for the next time, else outside the home.
    os.environ.setdefault("MPLCONFIGDIR", str(home.dagster / "matplotlib"))
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(home.dagster / "torch"))
    name_home(home)


def name_home(home: Home) -> None:
    """Name the home for this process and its children, who reach each other on loopback without a proxy."""
    os.environ["HAR_HOME"] = str(home.root)
    os.environ["DAGSTER_HOME"] = str(plain_path(home.dagster))
    for name in ("no_proxy", "NO_PROXY"):
        known = [host for host in os.environ.get(name, "").split(",") if host]
        os.environ[name] = ",".join(dict.fromkeys([*known, "127.0.0.1", "localhost"]))


def first_unwritable(home: Home) -> Path | None:
    """A file or folder of the home that this process should write, and cannot; None where it can write all of them."""
    written = (
        home.dagster if home.dagster.is_dir() else home.root,
        home.lock,
        home.memory,
        *(path for store in stores_of(home) for path in (store.parent, store)),
    )
    return next((path for path in written if path.exists() and not os.access(path, os.W_OK)), None)


def definitions_file(home: Home) -> Path:
    """The file that definitions are built from: ``HAR_EXPERIMENT``, else what the home serves, else the demo."""
    named = os.environ.get("HAR_EXPERIMENT")
    return Path(named) if named else served_file(home) or DEFAULT_EXPERIMENT


def served_file(home: Home) -> Path | None:
    """The experiment file of the home; where it is gone, one beside it with the same content. None in a new home."""
    memory = recall(home)
    if memory.experiment is None:
        return None
    path = Path(memory.experiment)
    if path.exists() or memory.experiment_sha256 is None:
        return path
    others = sorted(path.parent.glob("*.toml"))
    return next((other for other in others if _sha256(other) == memory.experiment_sha256), path)


def served_dataset(home: Home) -> Dataset | None:
    """What the recordings of the home are of; None in a new home, and where its file or card is wrong now."""
    path = served_file(home)
    try:
        return None if path is None else dataset_of(load_experiment(path)).asking_for(None)
    except InputError:
        return None


def dataset_for(name: str, given: str | None) -> Dataset:
    """What recordings are of that a model of the data set ``name`` is to see: ``given`` where it is, a name or card.

    Raises:
        InputError: nobody knows that data set here, or the card is wrong.
    """
    if given is None and name not in list_datasets():
        served = served_dataset(current_home())
        if served is None or served.spec.name != name:
            raise InputError(f"The model is of {name}, which is not known here: name its card with --dataset")
        return served
    return find_dataset(given or name, relative_to=Path())


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
    path = experiment or served_file(home)
    if path is None:
        raise InputError(f"Name an experiment file: the home {home.root} serves none yet")
    if experiment is None and not path.exists():
        raise InputError(
            f"{path}: the experiment file of {home.root} is not there any more; if it has another name or place now, "
            "say so: har home adopt EXPERIMENT.toml"
        )
    order = Order(home, load_experiment(path), data)
    propose(home, order.experiment.path, data, bind=False)
    if data is not None:
        require_place(data, dataset_of(order.experiment).naming.expectation)
    return order


def propose(home: Home, experiment: Path, data: Path | None = None, *, bind: bool = True) -> Memory:
    """What the home remembers once a command is accepted: its experiment file, and where the data lies.

    Nothing is written: :func:`remember` is for when the data and everything else of the command proved right. ``bind``
    says whether the home serves this file alone from now on; looking does not bind a new home.

    Raises:
        InputError: the home serves another experiment file.
    """
    known = recall(home)
    experiment = experiment.expanduser().resolve()
    if known.experiment is not None and not _is_same(known, experiment):
        raise InputError(
            f"{home.root} is the home of {known.experiment} and does not serve {experiment}; name another folder in "
            f"HAR_HOME, or have it serve this file from now on: har home adopt {shlex.quote(str(experiment))}"
        )
    place = str(data.expanduser().absolute()) if data is not None else known.data
    return memory_of(experiment, place) if bind or known.experiment is not None else Memory(data=place)


def memory_of(experiment: Path, data: str | None) -> Memory:
    """What a home remembers that serves ``experiment``, with recordings at ``data``."""
    path = experiment.expanduser().resolve()
    return Memory(str(path), data, _sha256(path))


def _is_same(known: Memory, given: Path) -> bool:
    """Whether both are one experiment, which may be edited in its place, or renamed, moved and copied as it was.

    A file of the same name counts as the same where the known one is gone: it was moved and then edited.
    """
    path = Path(known.experiment or "")
    if path == given or (known.experiment_sha256 is not None and _sha256(given) == known.experiment_sha256):
        return True
    return not path.exists() and path.name == given.name


def _sha256(path: Path) -> str | None:
    """Of a file's bytes; None where it cannot be read."""
    try:
        return sha256_of_file(path) if path.is_file() else None
    except OSError:
        return None
