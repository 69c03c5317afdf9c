"""What a home remembers is found again where it was moved along with the home, and nothing else is taken for it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from assets.resources.home import Home
from assets.resources.memory import Memory, recall, remember
from har_core.base.errors import InputError


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home beside its experiment file, with recordings in it."""
    home = Home(tmp_path / "work" / "home")
    (home.root / "recordings").mkdir(parents=True)
    home.dagster.mkdir()
    (home.root.parent / "a.toml").touch()
    remember(home, Memory(str(home.root.parent / "a.toml"), str(home.root / "recordings"), "0" * 64))
    return home


def test_it_comes_back_as_it_was(home: Home) -> None:
    memory = Memory(str(home.root.parent / "a.toml"), str(home.root / "recordings"), "0" * 64)
    assert recall(home) == memory
    before = home.memory.stat().st_mtime_ns
    remember(home, memory)
    assert home.memory.stat().st_mtime_ns == before
    assert recall(Home(home.root / "new")) == Memory()


def test_all_is_found_where_the_folder_was_moved(home: Home, tmp_path: Path) -> None:
    (tmp_path / "work").rename(tmp_path / "moved")
    moved = Home(tmp_path / "moved" / "home")
    assert recall(moved).experiment == str(tmp_path / "moved" / "a.toml")
    assert recall(moved).data == str(moved.root / "recordings")


def test_what_stayed_is_found_where_it_is_and_a_copy_has_its_own_recordings(home: Home, tmp_path: Path) -> None:
    copy = Home(shutil.copytree(home.root, tmp_path / "copy"))
    assert recall(copy).experiment == str(tmp_path / "work" / "a.toml")
    assert recall(copy).data == str(copy.root / "recordings")


def test_what_is_gone_is_looked_for_in_the_folder_that_is_there(home: Home, tmp_path: Path) -> None:
    shutil.rmtree(home.root / "recordings")
    (home.root.parent / "a.toml").rename(home.root.parent / "b.toml")
    assert recall(home).data == str(home.root / "recordings")
    (tmp_path / "work").rename(tmp_path / "moved")
    moved = recall(Home(tmp_path / "moved" / "home"))
    assert moved.experiment == str(tmp_path / "moved" / "a.toml")
    assert moved.data == str(tmp_path / "moved" / "home" / "recordings")


def test_memory_of_an_earlier_version(home: Home) -> None:
    home.memory.write_text(json.dumps({"experiment": "/a.toml", "data": None}))
    assert recall(home) == Memory("/a.toml")


@pytest.mark.parametrize("content", [b"{", b"[]", b'"a"', b"\xff", b'{"experiment": 3}', b'{"data": []}', None])
def test_damaged_memory_is_named_with_the_way_out(home: Home, content: bytes | None) -> None:
    home.memory.unlink()
    home.memory.mkdir() if content is None else home.memory.write_bytes(content)
    with pytest.raises(InputError, match=r"har\.json: cannot be read .* har home adopt"):
        recall(home)
