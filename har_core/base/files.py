"""Writes files and folders whole or not at all, reads plain files up to a size, and hashes files.

Every output of this project goes through this module; formats belong to the packages that own them. Where a path is a
link, what it leads to is written, and the link stays.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from har_core.base.errors import InputError, Problem, StorageError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EROFS, errno.EPERM}
_RANDOM = "[a-z0-9_]" * 8  # what tempfile puts before the suffix; exact, so that no other file counts as a leftover
_MOST_LINKS = 40
READ_AT_ONCE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY
"""Flags for opening a file that could be a pipe by now, or one of the kernel's that waits for something to happen."""
_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to ``path``; on success it replaces ``path``, on failure it is removed.

    Leftovers of killed processes are removed first.

    Raises:
        StorageError: the disk is full, the folder is not writable, or ``path`` is something else than a file; it is as
            it was.
    """
    with atomic_paths(path) as (temporary,):
        yield temporary


@contextmanager
def atomic_paths(*paths: Path) -> Iterator[tuple[Path, ...]]:
    """:func:`atomic_path` for files that belong together: none is replaced before all are safely on disk."""
    with ExitStack() as stack:
        targets, temporaries = [], []
        for path in paths:
            with storage_errors(path, every=True):
                targets.append(_target(path))
                temporaries.append(stack.enter_context(_temporary_beside(targets[-1])))
        with storage_errors(paths[0]):
            yield tuple(temporaries)
        for path, temporary in zip(paths, temporaries, strict=True):
            with storage_errors(path, every=True):
                _flush_to_disk(temporary)
        for path, target, temporary in zip(paths, targets, temporaries, strict=True):
            with storage_errors(path, every=True):
                temporary.replace(target)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield an empty temporary folder next to ``path``; on success it replaces ``path``, with its content.

    Leftovers of a killed process are removed first, and the folder that it was about to replace is put back if nothing
    has replaced it.

    Raises:
        StorageError: the disk is full or the folder is not writable; ``path`` is as it was.
    """
    with storage_errors(path):
        path = Path(os.path.realpath(path))
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


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes left unfinished below ``folder``, where nobody else makes a folder now."""
    for leftover in [*folder.rglob(f".*.{_RANDOM}.part")]:
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            _remove_if_left(leftover)


@contextmanager
def storage_errors(path: Path, *, every: bool = False) -> Iterator[None]:
    """Turn the ``OSError`` for a full disk or a forbidden folder, or ``every`` one, into a :class:`StorageError`."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageError(f"{path}: the disk is full; the previous content is unchanged") from error
        if every or error.errno in _FORBIDDEN:
            raise StorageError(f"{path}: cannot be written ({error.strerror})") from error
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write ``content`` to ``path`` as UTF-8, whole or not at all."""
    write_bytes(path, content.encode("utf-8"))


def put_out(path: Path, content: bytes) -> None:
    """Write where a user says: a file is written whole or not at all; a device or a pipe is written into, and stays.

    Raises:
        StorageError: it cannot be written.
    """
    with storage_errors(path, every=True):
        descriptor = _open_as(path)
        if descriptor is not None:  # at the place that it has reached, which opening it anew would lose
            with os.fdopen(os.dup(descriptor), "wb") as file:
                file.write(content)
        elif not path.exists() or path.is_file():
            write_bytes(path, content)
        elif path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        else:
            with path.open("wb") as file:
                file.write(content)


def read_file(path: Path, *, most_bytes: int) -> bytes:
    """The bytes of a plain file, or of one that a link leads to; nothing else is waited for or read without end.

    Raises:
        InputError: there is no such file, it is larger, a folder, a pipe, a socket or a device, or cannot be read.
    """
    num_bytes = require_file(path).st_size
    content = b""
    if num_bytes <= most_bytes:  # it may grow; and what the kernel makes up has no size
        with _input_errors(path), open(path, "rb", buffering=0, opener=_open_without_waiting) as file:
            while len(content) <= most_bytes and (part := file.read(most_bytes + 1 - len(content))):
                content += part
        num_bytes = len(content)
    if num_bytes > most_bytes:
        problem = Problem(path=str(path), value=f"{num_bytes} bytes", expected=f"at most {most_bytes} bytes")
        raise InputError(f"{path}: too large", [problem])
    return content


def require_file(path: Path) -> os.stat_result:
    """What the system knows of a plain file, or of one that a link leads to.

    Raises:
        InputError: nothing is there, or something else.
    """
    with _input_errors(path):
        status = path.stat()
    kind = kind_of(status)
    if kind is not None:
        problem = Problem(path=str(path), value=kind, expected="a plain file, or a link to one")
        raise InputError(f"{path}: cannot be read", [problem])
    return status


def kind_of(status: os.stat_result) -> str | None:
    """What stands in the place of a plain file; None if one does."""
    return _KINDS.get(stat.S_IFMT(status.st_mode))


def sha256_of_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _input_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:  # the latter for a path with NUL
        value = getattr(error, "strerror", None) or str(error)
        problem = Problem(path=str(path), value=value, expected="a file that can be read")
        raise InputError(f"{path}: cannot be read", [problem]) from error


def _target(path: Path) -> Path:
    """The file to replace: that to which a link leads."""
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise FileExistsError(errno.EEXIST, f"{_KINDS.get(stat.S_IFMT(target.stat().st_mode))} is there, and no file")
    return target


def _open_as(path: Path) -> int | None:
    """The open file of this process that ``/dev/stdout``, ``/dev/fd/3`` and links to them stand for."""
    for _ in range(_MOST_LINKS):
        place = Path(os.path.realpath(path.parent)) / path.name
        if place.parent == Path(f"/proc/{os.getpid()}/fd") and place.name.isdecimal():
            return int(place.name)
        if not place.is_symlink():
            return None
        path = place.parent / place.readlink()
    return None


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | READ_AT_ONCE)


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
        _remove_if_left(leftover)


def _remove_if_left(leftover: Path) -> None:
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
