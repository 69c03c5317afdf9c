import os
from pathlib import Path

import pytest

from pipelines.changes import DefinitionFiles


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "har_core" / "models").mkdir(parents=True)
    (tmp_path / "har_core" / "models" / "lstm.py").write_text("a = 1\n")
    (tmp_path / "one.toml").write_text("")
    return tmp_path


@pytest.fixture
def files(root: Path) -> DefinitionFiles:
    return DefinitionFiles(root / "one.toml", root)


def test_nothing_changed(files: DefinitionFiles) -> None:
    assert not files.have_changed()


@pytest.mark.parametrize("name", ["one.toml", "har_core/models/lstm.py", "har_core/models/new.py", "har_core/page.j2"])
def test_a_file_that_is_written_is_seen_once(files: DefinitionFiles, root: Path, name: str) -> None:
    (root / name).write_text("b = 2  # longer\n")
    assert files.have_changed()
    assert not files.have_changed()


def test_a_file_that_is_gone_or_touched_is_seen(files: DefinitionFiles, root: Path) -> None:
    os.utime(root / "one.toml", (1, 1))
    assert files.have_changed()
    (root / "one.toml").unlink()
    assert files.have_changed()


def test_what_python_leaves_behind_does_not_count(files: DefinitionFiles, root: Path) -> None:
    (root / "har_core" / "models" / "lstm.pyc").write_text("")
    assert not files.have_changed()
