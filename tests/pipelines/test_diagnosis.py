"""What comes out of a store, a lock or a forbidden file is told in a sentence; all else stays a mistake of ours."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy
from filelock import Timeout

from assets.resources.home import Home
from har_core.base.errors import HarError, InputError
from pipelines.diagnosis import explain, refuse_troubled_stores


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    (home.dagster / "history").mkdir(parents=True)
    return home


def test_store_that_is_damaged_is_named(home: Home) -> None:
    path = home.dagster / "history" / "runs.db"
    path.write_bytes(b"no database")
    engine = sqlalchemy.create_engine(f"sqlite:///{path}")
    with pytest.raises(sqlalchemy.exc.DatabaseError) as caught, engine.connect() as connection:
        connection.execute(sqlalchemy.text("SELECT 1 FROM runs"))
    assert str(explain(caught.value, home)).startswith(f"{path}: is damaged (file is not a database); put a copy")


def test_store_in_which_nothing_is_found_tells_what_was_said(home: Home) -> None:
    told = str(explain(sqlite3.OperationalError("no such column:\n x"), home))
    assert told == f"{home.root}: a store cannot be used (no such column: x); `har home check` looks at all of them"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Timeout("/a/store.lock"), "/a/store.lock: another process holds this lock"),
        (
            PermissionError(errno.EACCES, "Permission denied", "/a/b"),
            "/a/b: Permission denied; give yourself the right",
        ),
        (OSError(errno.EROFS, "Read-only file system", "/a/b"), "/a/b: Read-only file system; give yourself the right"),
    ],
)
def test_what_another_process_or_the_system_forbids(home: Home, error: Exception, told: str) -> None:
    wrapped = RuntimeError("outside")
    wrapped.__cause__ = error
    assert str(explain(wrapped, home)).startswith(told)


@pytest.mark.parametrize("error", [KeyError("x"), OSError(errno.ENOENT, "No such file", "/a"), RuntimeError("y")])
def test_mistakes_of_ours_keep_their_traceback(home: Home, error: Exception) -> None:
    assert explain(error, home) is None


@pytest.mark.parametrize("content", [b"{", b"- a\n", b"\xff\xfe\x00"])
def test_damaged_settings_are_named(home: Home, content: bytes) -> None:
    refuse_troubled_stores(home)
    (home.dagster / "dagster.yaml").write_bytes(content)
    with pytest.raises(InputError, match=r"dagster\.yaml: cannot be read as settings of Dagster \(.+\); mend it"):
        refuse_troubled_stores(home)


def test_errors_that_are_meant_for_users_are_of_one_line(home: Home) -> None:
    (home.dagster / "dagster.yaml").write_bytes(b"a: b: c\n  d")
    with pytest.raises(HarError) as caught:
        refuse_troubled_stores(home)
    assert "\n" not in str(caught.value)
