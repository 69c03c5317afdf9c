"""Stores are opened to read without a trace, also where nothing may be written, and what is wrong with one is told."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from narrowing import present
from places import only_read

import assets.resources.sqlite
from assets.resources.home import Home
from assets.resources.sqlite import Kind, open_to_read, plain_path, stores_of, trouble_of

KIND = Kind("Dagster", "dagster", "runs", "_core/storage/alembic/versions")
KNOWN = min(KIND.known_versions())
LEFT_BY_A_KILL = """
import os, signal, sqlite3, sys
store = sqlite3.connect(sys.argv[1], isolation_level=None)
store.execute("PRAGMA journal_mode = wal")
store.execute("INSERT INTO runs VALUES ('last')")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "folder" / "runs.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES (?)", (KNOWN,))
        connection.execute("CREATE TABLE runs (name TEXT)")
        connection.execute("INSERT INTO runs VALUES ('first')")
    return path


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets.resources.sqlite, "SECONDS_TO_WAIT", 0.05)


def names(path: Path) -> list[str]:
    with open_to_read(path) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM runs")]


@pytest.fixture
def read_only(store: Path) -> Iterator[Path]:
    """The folder of the store on a file system that can only be read, with what a killed process left beside it."""
    killed = subprocess.run([sys.executable, "-c", LEFT_BY_A_KILL, str(store)], check=False)
    assert killed.returncode == -signal.SIGKILL
    (store.parent / "runs.db-shm").unlink()
    with only_read(store.parent):
        yield store


def test_reading_where_nothing_may_be_written_sees_the_last_commit(read_only: Path) -> None:
    before = sorted(read_only.parent.iterdir())
    assert names(read_only) == ["first", "last"]
    assert sorted(read_only.parent.iterdir()) == before


def test_sound_store_has_no_trouble(store: Path) -> None:
    assert names(store) == ["first"]
    assert trouble_of(store, KIND, thorough=True) is None
    assert trouble_of(store.with_name("none.db"), KIND) is None


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda path: path.write_bytes(b"no database"), "is damaged (file is not a database)"),
        (lambda path: path.write_bytes(path.read_bytes()[:5000]), "is damaged (database disk image is malformed)"),
        (lambda path: change(path, "UPDATE alembic_version SET version_num = 'f1'"), "was written by another Dagster"),
        (lambda path: change(path, "DROP TABLE runs"), "is damaged (no such table: runs)"),
    ],
)
def test_trouble(store: Path, damage: Callable[[Path], object], told: str) -> None:
    damage(store)
    trouble = present(trouble_of(store, KIND))
    assert str(trouble).startswith(f"{store}: {told}")
    assert "\n" not in str(trouble)


def test_store_that_was_not_finished_is_no_trouble(store: Path) -> None:
    store.write_bytes(b"")
    assert trouble_of(store, KIND, thorough=True) is None


@pytest.mark.usefixtures("quick")
def test_locked_store_is_told_and_not_copied(store: Path) -> None:
    with closing(sqlite3.connect(store, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        trouble = present(trouble_of(store, KIND))
    assert str(trouble) == f"{store}: stays locked by another process; end that process, and try again"


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def test_every_store_of_a_home_has_versions_that_are_known(tmp_path: Path) -> None:
    for kind in stores_of(Home(tmp_path)).values():
        assert len(kind.known_versions()) > 10


@pytest.mark.parametrize("name", ["plain", "100% x", "a#b;c", "wärme"])
def test_most_names_can_stand_in_a_url(tmp_path: Path, name: str) -> None:
    assert plain_path(tmp_path / name) == tmp_path / name


@pytest.mark.parametrize("name", ["a?b", "a%20b"])
def test_others_are_reached_by_a_link(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name / "mlruns"
    folder.mkdir(parents=True)
    link = plain_path(folder)
    assert not {"?", "%"} & set(str(link))
    assert link.samefile(folder)
    assert plain_path(folder) == link
    shutil.rmtree(link.parent)
    assert os.listdir(tmp_path / name) == ["mlruns"]  # noqa: PTH208 - names
