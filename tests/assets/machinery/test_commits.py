"""Whether a commit is in a repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from assets.machinery import commits
from assets.machinery.commits import has_commit


def test_has_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits, "_FOLDER", tmp_path)
    assert not has_commit("0" * 40)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "a"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert has_commit(head.stdout.strip())
    assert not has_commit("0" * 40)
