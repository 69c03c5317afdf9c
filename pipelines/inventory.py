"""What a home is and serves, and how it comes to serve another file. What is wrong in it: :mod:`pipelines.checkup`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assets.resources.home import Home
from assets.resources.memory import recall, remember
from assets.resources.occupation import holder_of, occupied
from assets.resources.tracking import Tracking
from har_core.base.errors import InputError
from har_core.experiment.loader import load_experiment
from pipelines.homes import current_home, memory_of, served_file
from pipelines.session import can_only_be_read, open_home


def take_inventory(home: Home) -> dict[str, Any]:
    """What ``har home show --json`` prints."""
    experiment, data, holder = served_file(home), recall(home).data_location, holder_of(home)
    folders = [folder for folder in (home.data, home.mlruns, home.dagster) if folder.is_dir()]
    return {
        "home": str(home.root),
        "can_only_be_read": can_only_be_read(home),
        "experiment": None if experiment is None else str(experiment),
        "experiment_is_there": experiment is None or experiment.is_file(),
        "data": None if data is None else str(data),
        "data_is_there": data is None or data.exists(),
        "bytes": {folder.name: _size(folder) for folder in folders},
        "at_work": str(holder) if holder is not None and holder.is_alive else None,
    }


def adopt_experiment(given: Path | None) -> str:
    """Have the home of this process serve ``given``, or the file that it serves where it lies now; says so.

    Raises:
        InputError: the file is no experiment file, or none is named and none is known.
        HomeBusyError: another process is at work in the home.
        StorageError: the home can only be read.
    """
    path = given or served_file(current_home())
    if path is None:
        raise InputError(f"Name an experiment file: the home {current_home().root} serves none yet")
    experiment = load_experiment(path)
    home = open_home()
    with occupied(home):
        try:
            data = recall(home).data
        except InputError:  # this is what mends a damaged memory
            home.memory.unlink()
            data = None
        remember(home, memory_of(experiment.path, data))
        Tracking(home).follow_home()
    return f"{home.root} serves {experiment.path.resolve()} from now on; `har status` says what that changes"


def _size(folder: Path) -> int:
    """Bytes of the files below ``folder``."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())
