"""Places that tests need and not every user may make: what can only be read, and device nodes."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def only_read(folder: Path) -> Iterator[None]:
    """Have ``folder`` on a file system that can only be read, or without rights to write where the user is not root.

    Root may write whatever the rights are: there a container without the right to mount leaves nothing to test.
    """
    if os.getuid() != 0:
        paths = [folder, *folder.rglob("*")]
        rights = {path: stat.S_IMODE(path.stat().st_mode) for path in paths}
        for path in reversed(paths):
            path.chmod(rights[path] & ~0o222)
        yield
        for path in paths:
            path.chmod(rights[path])
        return
    if subprocess.run(["mount", "--bind", "-o", "ro", folder, folder], check=False).returncode != 0:
        pytest.skip("root may not mount in this container")
    yield
    subprocess.run(["umount", folder], check=True)


def make_device(path: Path, minor: int) -> Path:
    """A node like ``/dev/null`` (3) or ``/dev/full`` (7): what others would do to a pipe, root does to devices."""
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
        path.write_bytes(b"")
    except PermissionError:
        pytest.skip("this user may not make or open devices here; the same is tested with a pipe")
    return path
