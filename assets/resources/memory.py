"""What a home remembers between commands: the experiment that it serves, and where its recordings lie.

Both are remembered with the place of the home, so that they are found where they were moved along with it. Which file
is the experiment of a home is decided in :mod:`pipelines.homes`.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from assets.resources.home import Home
from har_core.base.errors import InputError, StorageError
from har_core.base.files import write_text


@dataclass(frozen=True, slots=True)
class Memory:
    """What a home remembers between commands."""

    experiment: str | None = None
    """Absolute path of the one experiment file of this home."""
    data: str | None = None
    """Absolute path of the recordings that ``--data`` named; None where the experiment file decides."""
    experiment_sha256: str | None = None
    """Of the experiment file when it was last accepted."""

    @property
    def data_location(self) -> Path | None:
        """:attr:`data` as a path."""
        return None if self.data is None else Path(self.data)


def recall(home: Home) -> Memory:
    """What this home remembers, with paths as they are now if the home was moved; nothing where it is new.

    Raises:
        InputError: the file of the memory is damaged.
        StorageError: it may not be read.
    """
    before, memory = _read(home)
    if before is None or before == home.root:
        return memory
    return replace(
        memory,
        experiment=_followed(memory.experiment, before, home.root),
        data=_followed(memory.data, before, home.root),
    )


def remember(home: Home, memory: Memory) -> None:
    """Keep it for the next command."""
    if _read(home) != (home.root, memory):
        write_text(home.memory, json.dumps({**asdict(memory), "home": str(home.root)}, indent=2) + "\n")


def _read(home: Home) -> tuple[Path | None, Memory]:
    """Where the home lay when it remembered, and what it remembered then."""
    try:
        kept = json.loads(home.memory.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None, Memory()
    except PermissionError as error:
        raise StorageError(
            f"{home.memory}: may not be read; give yourself the right to the files of this home"
        ) from error
    except (OSError, ValueError) as error:
        raise _damaged(home) from error
    if not isinstance(kept, dict) or not all(value is None or isinstance(value, str) for value in kept.values()):
        raise _damaged(home)
    root = kept.get("home")
    return None if root is None else Path(root), Memory(
        **{field.name: kept.get(field.name) for field in fields(Memory)}
    )


def _damaged(home: Home) -> InputError:
    return InputError(
        f"{home.memory}: cannot be read as what this home remembers; tell it again: har home adopt EXPERIMENT.toml, "
        "and har run --data PATH where the recordings are your own"
    )


def _followed(recorded: str | None, before: Path, now: Path) -> str | None:
    """A path that was recorded while the home lay at ``before``, now that it lies at ``now``.

    What lay in the home is taken from where the home is now; what lay elsewhere from there, or if it is gone with its
    folder, from where that lies as seen from the home.
    """
    if recorded is None:
        return None
    there, moved = Path(recorded), Path(os.path.normpath(now / os.path.relpath(recorded, before)))
    is_gone = not there.exists() and (moved.exists() or (moved.parent.exists() and not there.parent.exists()))
    return str(moved) if is_gone or (there.is_relative_to(before) and moved.exists()) else recorded
