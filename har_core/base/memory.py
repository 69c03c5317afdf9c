"""How much memory is free, whether it was too little, and whether the C library keeps what is freed."""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CONTAINER_LIMITS = ("memory.max", "memory/memory.limit_in_bytes")

_OUT_OF_MEMORY = (
    "can't allocate memory",
    "cannot allocate memory",
    "out of memory",
    "failed to map segment",
    "can't start new thread",
)

# Numbers from malloc.h; mallopt(3) explains them and the defaults that are restored.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4


_nested: list[bool] = []
"""An entry for each open context of :func:`freed_memory_kept`."""


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """With glibc, reuse freed memory instead of returning it to the system, until the context ends; else do nothing.

    By default every array above 32 MB is mapped anew and returned at once, and filling fresh pages takes a third of a
    training step (docs/results/performance.md), and of reading windows. Allocate what must outlive the context before
    it: at the end, memory goes back to the system only if nothing above it is in use. Contexts may nest in one thread;
    only the outermost has an effect.
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


def is_out_of_memory(error: BaseException) -> bool:
    """Whether Python, the loader of libraries, or PyTorch on any device raises ``error`` for lack of memory."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError | ImportError) and any(text in str(error).lower() for text in _OUT_OF_MEMORY)
    )


def free_bytes() -> int:
    """Memory that is available without taking it from other processes; in a container, at most its limit."""
    limits = [_read_number(Path("/sys/fs/cgroup") / name) for name in _CONTAINER_LIMITS]
    return min([_available_bytes(), *(limit for limit in limits if limit is not None)])


def _available_bytes() -> int:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:  # not Linux: all memory of the machine
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    [available] = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(available) * 1024


def _read_number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):  # no container, or "max"
        return None
