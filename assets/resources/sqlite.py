"""The SQLite files of a home: opened to read, also where nothing may be written, and looked at for damage.

What they hold is not said here.
"""

import atexit
import os
import re
import resource
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import version as version_of
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from urllib.parse import quote

from assets.resources.home import Home

SECONDS_TO_WAIT = 30
"""For a writer that is committing."""
_ESCAPE = re.compile(r"\?|%[0-9a-fA-F]{2}")
_REVISION = re.compile(r"^revision\b[^=\n]*=\s*[\"']([^\"']+)", re.MULTILINE)
_BUSY = ("database is locked", "database table is locked", "database is busy")


@contextmanager
def open_to_read(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to read with; all that is read through it is of one moment, the last commit of whoever writes.

    Nothing is written, unless the file needs repair first, as it does where a writer was killed while it committed.
    Where SQLite would have to write and may not, a copy is read: then nobody else has the file open.

    Raises:
        sqlite3.Error: it is not there, no file of SQLite, or stays locked.
    """
    with ExitStack() as stack:
        try:
            connection = _begin(path, "ro")
        except sqlite3.OperationalError as error:
            connection = _begin_otherwise(path, error, stack)
        yield stack.enter_context(closing(connection))


def _begin_otherwise(path: Path, error: sqlite3.OperationalError, stack: ExitStack) -> sqlite3.Connection:
    """After ``error``, which says why the file could not be opened to read alone."""
    if is_busy(error) or not path.is_file():
        raise error
    try:
        return _begin(path, "rw")
    except sqlite3.OperationalError:
        if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
            raise
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="har-", ignore_cleanup_errors=True)))
    for ending in ("", "-wal", "-journal"):  # what others left in the last two is part of the content
        with suppress(FileNotFoundError):
            shutil.copyfile(path.with_name(path.name + ending), folder / (path.name + ending))
    return _begin(folder / path.name, "rw")


def is_busy(error: BaseException) -> bool:
    """Whether another process kept a store for longer than it was waited for."""
    return isinstance(error, sqlite3.OperationalError) and any(text in str(error) for text in _BUSY)


def limit_behind(error: BaseException) -> str | None:
    """The limit on the size of files, and the way out, where it may be why a store was refused; else None.

    SQLite says nothing of it: a file that may not grow is an I/O error. Who only reads meets it too, where a commit
    that was broken off has to be undone first.
    """
    most, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if most == resource.RLIM_INFINITY or not (isinstance(error, sqlite3.Error) and "disk I/O error" in str(error)):
        return None
    return f"a file may not grow beyond {most:,} bytes here; raise that limit (`ulimit -f`), and try again"


def _begin(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"file:{quote(str(path))}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=SECONDS_TO_WAIT)
    try:
        connection.execute("BEGIN")
        connection.execute("PRAGMA schema_version")  # the first look at the file
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def plain_path(folder: Path) -> Path:
    """``folder``, by a link with another name for this process where that cannot stand in a URL.

    Dagster and MLflow write the paths of their stores into URLs as they are. What follows a question mark is no path
    there, and a percent sign with two digits another character: they would make files beside the home.
    """
    return _link_to(folder) if _ESCAPE.search(str(folder)) else folder


@cache
def _link_to(folder: Path) -> Path:
    temporary = Path(mkdtemp(prefix="har-"))
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    link = temporary / folder.name
    link.symlink_to(folder)
    return link


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with one file or folder of a home, and what mends it; both in words that follow its name."""

    path: Path
    problem: str
    way_out: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}; {self.way_out}"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of store."""

    name: str
    """Of what keeps such stores."""
    package: str
    """Its package."""
    table: str
    """Is in each of them."""
    migrations: str
    """Folder of the package with a file for each version of the schema."""

    def known_versions(self) -> set[str]:
        """The versions of the schema that the installed package knows."""
        return _versions_in(self.package, self.migrations)


@cache
def _versions_in(package: str, migrations: str) -> set[str]:
    specification = find_spec(package)
    folders = (specification.submodule_search_locations if specification else None) or []
    files = (file for folder in folders for file in Path(folder, migrations).glob("*.py"))
    return {version for file in files for version in _REVISION.findall(file.read_text(encoding="utf-8"))}


MLFLOW = Kind("MLflow", "mlflow", "experiments", "store/db_migrations/versions")
_DAGSTER = partial(Kind, "Dagster", "dagster", migrations="_core/storage/alembic/versions")


def stores_of(home: Home) -> dict[Path, Kind]:
    """The files in SQLite that Dagster and MLflow keep in a home."""
    history = home.dagster / "history"
    return {
        history / "runs.db": _DAGSTER("runs"),
        history / "runs" / "index.db": _DAGSTER("event_logs"),
        home.dagster / "schedules" / "schedules.db": _DAGSTER("job_ticks"),
        home.mlflow_store: MLFLOW,
    }


def trouble_of(path: Path, kind: Kind, *, thorough: bool = False) -> Trouble | None:
    """What is wrong with a store; None where nothing is, or none is there. ``thorough`` reads all of it."""
    if not path.exists():
        return None
    try:
        with open_to_read(path) as connection:
            told = connection.execute("PRAGMA quick_check(1)").fetchone()[0] if thorough else "ok"
            versions = connection.execute("SELECT version_num FROM alembic_version").fetchall()
            connection.execute(f"SELECT 1 FROM {kind.table} LIMIT 1")  # noqa: S608 - a name of ours
    except sqlite3.Error as error:
        return _why_it_cannot_be_read(path, error)
    if told != "ok":
        return _damaged(path, told)
    unknown = {version for (version,) in versions} - kind.known_versions()
    return _of_another_version(path, kind, unknown) if unknown else None


def _why_it_cannot_be_read(path: Path, error: sqlite3.Error) -> Trouble | None:
    if "no such table: alembic_version" in str(error):
        return None  # whoever made it was killed on the way: Dagster and MLflow go on where that ended
    if is_busy(error):
        return Trouble(path, "stays locked by another process", "end that process, and try again")
    if (limit := limit_behind(error)) is not None:
        return Trouble(path, f"cannot be read ({error})", limit)
    if not os.access(path, os.R_OK):
        return Trouble(path, "may not be read", "give yourself the right to")
    return _damaged(path, str(error))


def _of_another_version(path: Path, kind: Kind, unknown: set[str]) -> Trouble:
    name, here = kind.name, version_of(kind.package)
    problem = f"was written by another {name} than {here}, which is here (its schema is {', '.join(sorted(unknown))})"
    return Trouble(path, problem, f"install the {name} that wrote it, or work in another home")


def _damaged(path: Path, told: str) -> Trouble:
    way_out = "put a copy of the file back, or move it away, and `har run` makes anew what it recorded"
    return Trouble(path, f"is damaged ({' '.join(told.split())})", way_out)
