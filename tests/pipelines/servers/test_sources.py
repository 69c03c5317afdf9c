import os
from pathlib import Path

import pytest

from pipelines.servers.sources import state_of_sources


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "har_core" / "models").mkdir(parents=True)
    (tmp_path / "har_core" / "models" / "lstm.py").write_text("a = 1\n")
    (tmp_path / "one.toml").write_text("")
    return tmp_path


def look(root: Path) -> dict[Path, tuple[int, int]]:
    return state_of_sources(root / "one.toml", root)


@pytest.mark.parametrize("name", ["one.toml", "har_core/models/lstm.py", "har_core/models/new.py", "har_core/page.j2"])
def test_a_file_that_is_written_is_seen_once(root: Path, name: str) -> None:
    before = look(root)
    (root / name).write_text("b = 2  # longer\n")
    after = look(root)
    assert after != before
    assert look(root) == after


def test_a_file_that_is_gone_or_touched_is_seen(root: Path) -> None:
    before = look(root)
    os.utime(root / "one.toml", (1, 1))
    touched = look(root)
    assert touched != before
    (root / "one.toml").unlink()
    assert look(root) != touched


def test_what_python_leaves_behind_does_not_count(root: Path) -> None:
    before = look(root)
    (root / "har_core" / "models" / "lstm.pyc").write_text("")
    assert look(root) == before
