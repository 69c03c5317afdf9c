"""Which state of the repository is at work."""

import subprocess
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent


@cache
def git_commit() -> str:
    """The commit that is checked out, with ``-dirty`` where files differ from it; ``unknown`` outside a repository."""
    return _git("describe", "--always", "--dirty", "--abbrev=40", "--match=") or "unknown"


def has_commit(commit: str) -> bool:
    """Whether this repository knows ``commit``; not where there is no repository."""
    return _git("cat-file", "-e", f"{commit}^{{commit}}") is not None


def _git(*arguments: str) -> str | None:
    """What git says; None where it refuses."""
    try:
        done = subprocess.run(["git", *arguments], cwd=_FOLDER, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
