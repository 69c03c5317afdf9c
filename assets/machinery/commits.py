"""Which state of the repository is at work."""

import subprocess
from functools import cache
from pathlib import Path


@cache
def git_commit() -> str:
    """The commit that is checked out, with ``-dirty`` where files differ from it; ``unknown`` outside a repository."""
    try:
        return subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--match="],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def has_commit(commit: str, folder: Path = Path(__file__).parent) -> bool:
    """Whether the repository of ``folder``, this one by default, knows ``commit``; not where there is no repository."""
    try:
        subprocess.run(
            ["git", "cat-file", "-e", f"{commit}^{{commit}}"],
            cwd=folder,
            capture_output=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return True
