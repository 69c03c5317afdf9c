"""Opens a directory or a zip as a source of recordings."""

from __future__ import annotations

from pathlib import Path

from har_core.base.errors import InputError, Problem
from har_core.base.files import require_file
from har_core.datasets.dsads.archives import ZipSource
from har_core.datasets.dsads.folders import FolderSource
from har_core.datasets.dsads.listing import Source

_LAYOUT = "segment files aNN/pN/sNN.txt, at any depth"
_NUM_NAMES_SHOWN = 5


def open_source(path: Path, *, any_names: bool = False) -> Source:
    """Open the directory or zip of recordings at ``path``; only lists it.

    Args:
        path: a directory, a zip, or a link to one.
        any_names: whether text files outside the layout will do where no segment file is there.

    Raises:
        InputError: nothing is there, or it does not fit the layout; all problems are named.
    """
    if not is_there(path):
        problem = Problem(path=str(path), expected=f"a directory or zip of {_LAYOUT}")
        raise InputError(f"{path}: no recordings here", [problem])
    source: Source
    if path.is_dir():
        source = FolderSource(path)
    else:
        require_file(path)
        source = ZipSource(path)
    if source.files or (any_names and source.loose):
        return source
    source.close()
    found = [*source.loose, *source.others]
    zips = [name for name in found if name.lower().endswith(".zip")]
    value = f"{what_is_left_out(zips, 'a zip inside', 'zips inside')}" if zips else None
    if value is None and found:
        value = what_is_left_out(found, "another file", "other files")
    expected = f"{_LAYOUT}; name the zip itself" if zips and path.is_dir() else _LAYOUT
    raise InputError(f"{path}: no recordings here", [Problem(path=str(path), value=value, expected=expected)])


def is_there(path: Path) -> bool:
    """Whether anything is at ``path``; :meth:`Path.exists` raises an error for one that is too long.

    Raises:
        InputError: the system cannot say.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:
        value = getattr(error, "strerror", None) or str(error)
        problem = Problem(path=str(path), value=value, expected=f"a directory or zip of {_LAYOUT}")
        raise InputError(f"{path}: no recordings here", [problem]) from error
    return True


def what_is_left_out(names: list[str], one: str, many: str) -> str:
    """How many, and the first names.

    >>> what_is_left_out(["a", "b"], "a file", "files"), what_is_left_out(["a"], "a file", "files")
    ('2 files: a, b', 'a file: a')
    """
    shown = ", ".join(names[:_NUM_NAMES_SHOWN])
    more = len(names) - _NUM_NAMES_SHOWN
    number = one if len(names) == 1 else f"{len(names)} {many}"
    return f"{number}: {shown}" + (f" and {more} more" if more > 0 else "")
