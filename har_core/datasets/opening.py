"""Opens a directory or a zip as a source of recordings."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path

from har_core.base.errors import InputError, Problem
from har_core.base.files import require_file
from har_core.datasets.archives import ZipSource
from har_core.datasets.folders import FolderSource
from har_core.datasets.source import Naming, Source

_NUM_NAMES_SHOWN = 5


def open_source(path: Path, naming: Naming, *, any_names: bool = False) -> Source:
    """Open the directory or zip of recordings at ``path``, or one file with the name of a recording; only lists it.

    Args:
        path: a directory, a zip, a file of a recording, or a link to one.
        naming: which files are recordings, and whose.
        any_names: whether loose files will do where there are no others.

    Raises:
        InputError: nothing is there, or it does not fit the layout; all problems are named.
    """
    require_place(path, naming.expectation)
    if path.is_dir():
        source: Source = FolderSource(path, naming)
    elif naming.may_match(path.name):
        source = FolderSource(path.parent, naming, only=path.name)
    else:
        source = ZipSource(path, naming)
    if source.subjects or (any_names and source.loose):
        return source
    source.close()
    found = [*source.loose, *source.others]
    zips = [name for name in found if name.lower().endswith(".zip")]
    value = some_of(zips, "a zip inside", "zips inside") if zips else None
    if value is None and found:
        value = some_of(found, "another file", "other files")
    expected = f"{naming.expectation}; name the zip itself" if zips and path.is_dir() else naming.expectation
    raise InputError(f"{path}: no recordings here", [Problem(path=str(path), value=value, expected=expected)])


def require_place(path: Path, expectation: str = "recordings") -> None:
    """Do nothing if ``path`` is a directory or a plain file, or a link to one; nothing is opened.

    ``expectation`` says in words what should lie there.

    Raises:
        InputError: it is not there, or something else.
    """
    expected = f"a directory or zip of {expectation}"
    try:
        is_directory = stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError) as error:
        value = "no such file or folder" + ("" if path.is_absolute() else f" in {Path.cwd()}")
        problem = Problem(path=str(path), value=value, expected=expected)
        raise InputError(f"{path}: no recordings here", [problem]) from error
    except (OSError, ValueError) as error:  # the latter for a path with NUL
        value = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"{path}: no recordings here", [Problem(path=str(path), value=value, expected=expected)]
        ) from error
    if not is_directory:
        require_file(path)


def some_of(names: Sequence[str], one: str, many: str) -> str:
    """How many, and the first names.

    >>> some_of(["a", "b"], "a file", "files"), some_of(["a"], "a file", "files")
    ('2 files: a, b', 'a file: a')
    """
    if not names:
        return "nothing"
    shown = ", ".join(names[:_NUM_NAMES_SHOWN])
    more = len(names) - _NUM_NAMES_SHOWN
    number = one if len(names) == 1 else f"{len(names)} {many}"
    return f"{number}: {shown}" + (f" and {more} more" if more > 0 else "")
