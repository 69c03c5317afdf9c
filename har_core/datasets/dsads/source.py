"""Opens a source of recordings, whatever holds them."""

from __future__ import annotations

from pathlib import Path

from har_core.base.errors import InputError, Problem
from har_core.datasets.dsads.archives import ZipSource
from har_core.datasets.dsads.folders import FolderSource
from har_core.datasets.dsads.listing import Source


def open_source(path: Path) -> Source:
    """Open the directory or zip of recordings at ``path``; only lists it.

    Raises:
        InputError: nothing is there, or it does not fit the layout; all problems are named.
    """
    if path.is_dir():
        return FolderSource(path)
    if path.exists():
        return ZipSource(path)
    expected = "a directory or zip of segment files aNN/pN/sNN.txt"
    raise InputError(f"{path}: no recordings here", [Problem(path=str(path), expected=expected)])
