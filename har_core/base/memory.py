"""How much memory is free, and how the C library keeps what was freed."""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CONTAINER_LIMITS = ("memory.max", "memory/memory.limit_in_bytes")

# Numbers from malloc.h; mallopt(3) tells what they mean, and the defaults that are restored.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4


_nested: list[bool] = []
"""One for each context of :func:`freed_memory_kept` that is open."""


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """With glibc, keep memory that is freed until the end, for what is asked for next; else do nothing.

    By default every array above 32 MB is mapped anew from the system and returned at once, and filling fresh pages
    takes a third of a step of training (docs/results/performance.md), and of reading windows. Ask for what is to
    outlive the context before it: memory within it goes back to the system in the end only where nothing lies above.
    Contexts may nest, in one thread: the outermost counts.
    """
    glibc = ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" and not _nested else None
    _nested.append(True)
    if glibc:
        glibc.mallopt(_M_MMAP_MAX, 0)
        glibc.mallopt(_M_TRIM_THRESHOLD, -1)
    try:
        yield
    finally:
        _nested.pop()
        if glibc:
            glibc.mallopt(_M_MMAP_MAX, 65536)
            glibc.mallopt(_M_TRIM_THRESHOLD, 128 * 1024)
            glibc.malloc_trim(0)


def free_bytes() -> int:
    """Memory that a process can have now without others losing theirs; within a container, no more than its limit."""
    limits = [_read_number(Path("/sys/fs/cgroup") / name) for name in _CONTAINER_LIMITS]
    return min([_available_bytes(), *(limit for limit in limits if limit is not None)])


def _available_bytes() -> int:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:  # no Linux: what the machine has
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    [available] = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(available) * 1024


def _read_number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):  # no container, or "max"
        return None
