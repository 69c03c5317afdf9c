"""Writes files and folders whole or not at all, and hashes files.

Every output of this project goes through this module; formats belong to the packages that own them.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from har_core.base.errors import StorageError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EROFS, errno.EPERM}
_RANDOM = "[a-z0-9_]" * 8  # what tempfile puts before the suffix; exact, so that no other file counts as a leftover


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to ``path``; on success it replaces ``path``, on failure it is removed.

    Leftovers of killed processes are removed first.

    Raises:
        StorageError: the disk is full or the folder is not writable; ``path`` is as it was.
    """
    with atomic_paths(path) as (temporary,):
        yield temporary


@contextmanager
def atomic_paths(*paths: Path) -> Iterator[tuple[Path, ...]]:
    """:func:`atomic_path` for files that belong together: none is replaced before all are safely on disk."""
    with ExitStack() as stack:
        temporaries = []
        for path in paths:
            with storage_errors(path):
                temporaries.append(stack.enter_context(_temporary_beside(path)))
        with storage_errors(paths[0]):
            yield tuple(temporaries)
        for path, temporary in zip(paths, temporaries, strict=True):
            with storage_errors(path):
                _flush_to_disk(temporary)
        for path, temporary in zip(paths, temporaries, strict=True):
            with storage_errors(path):
                temporary.replace(path)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield an empty temporary folder next to ``path``; on success it replaces ``path``, with its content.

    Leftovers of a killed process are removed first, and the folder that it was about to replace is put back if nothing
    has replaced it.

    Raises:
        StorageError: the disk is full or the folder is not writable; ``path`` is as it was.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _settle_retired(path)
        for leftover in _leftovers(path):
            shutil.rmtree(leftover)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part"))
        temporary.chmod(0o755)
    try:
        with storage_errors(path):
            yield temporary
            _replace_folder(path, temporary)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn the ``OSError`` for a full disk or a forbidden folder into a :class:`StorageError`."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageError(f"{path}: the disk is full; the previous content is unchanged") from error
        if error.errno in _FORBIDDEN:
            raise StorageError(f"{path}: cannot be written ({error.strerror})") from error
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write ``content`` to ``path`` as UTF-8, whole or not at all."""
    write_bytes(path, content.encode("utf-8"))


def sha256_of_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _temporary_beside(path: Path) -> Iterator[Path]:
    """An empty file, locked while in use; a process that dies loses its lock."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    temporary = Path(name)
    try:
        with suppress(OSError):  # a file system without locks: leftovers are not removed there either
            fcntl.flock(handle, fcntl.LOCK_EX)
        temporary.chmod(0o644)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
        os.close(handle)


def _remove_leftovers(path: Path) -> None:
    for leftover in _leftovers(path):
        with suppress(OSError), leftover.open("r+b") as file:  # another process is writing it, or has just ended
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            leftover.unlink()


def _leftovers(path: Path) -> Iterator[Path]:
    return path.parent.glob(f".{glob.escape(path.name)}.{_RANDOM}.part")


def _replace_folder(path: Path, new: Path) -> None:
    """Two renames, because a folder cannot be renamed onto one that is not empty."""
    try:
        if path.is_dir():
            path.replace(_retired(path))
        new.replace(path)
    finally:
        _settle_retired(path)


def _settle_retired(path: Path) -> None:
    """Put the retired folder back if nothing has replaced it; remove it if something has."""
    retired = _retired(path)
    if retired.exists() and path.exists():
        shutil.rmtree(retired)
    elif retired.exists():
        retired.replace(path)


def _retired(path: Path) -> Path:
    return path.with_name(f".{path.name}.retired")


def _flush_to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
