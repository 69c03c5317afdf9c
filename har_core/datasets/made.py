"""The folder that a generator of recordings writes: whole or not at all, marked, and in the place of nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from har_core.base.errors import InputError, Problem
from har_core.base.files import atomic_folder
from har_core.datasets.origin import SYNTHETIC_MARKER


@contextmanager
def made_folder(folder: Path, *, by: str, seed: int) -> Iterator[Path]:
    """Give a folder to write recordings into; with the marker it takes the place of ``folder``, if all goes well.

    A folder that was made so before is replaced, all at once.

    Args:
        folder: where the recordings shall lie.
        by: the module that makes them, for the marker.
        seed: the same.

    Raises:
        InputError: ``folder`` holds something that was not made.
        StorageError: the disk is full, or the folder cannot be written; nothing is left of the attempt.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / SYNTHETIC_MARKER).exists():
        problem = Problem(path=str(folder), expected=f"an empty folder, or one with {SYNTHETIC_MARKER}")
        raise InputError(f"{folder} holds files that were not made here; they are left as they are", [problem])
    with atomic_folder(folder) as temporary:
        yield temporary
        (temporary / SYNTHETIC_MARKER).write_text(
            f"These recordings are synthetic: no person was measured. They were made by {by} from seed {seed}.\n",
            encoding="utf-8",
        )
