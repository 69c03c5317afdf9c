"""What is free, and what is kept."""

from __future__ import annotations

import ctypes
import os
import platform
from pathlib import Path

import pytest

from har_core.base import memory
from har_core.base.memory import free_bytes, freed_memory_kept


def test_what_is_free_is_what_the_system_says() -> None:
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < free_bytes() <= total


@pytest.mark.parametrize(("limit", "expected"), [("4096\n", 4096), ("max\n", 2**30), (str(2**62), 2**30)])
def test_a_container_has_no_more_than_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, expected: int
) -> None:
    (tmp_path / "memory.max").write_text(limit)
    monkeypatch.setattr(memory, "_CONTAINER_LIMITS", (str(tmp_path / "memory.max"), str(tmp_path / "absent")))
    monkeypatch.setattr(memory, "_available_bytes", lambda: 2**30)
    assert free_bytes() == expected


def test_keeping_memory_ends_with_an_error_too() -> None:
    with pytest.raises(ZeroDivisionError), freed_memory_kept():
        1 / 0  # noqa: B018


def test_inner_context_leaves_the_outer_one_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []

    class Library:
        def __init__(self, _name: None) -> None: ...

        def mallopt(self, option: int, _value: int) -> None:
            told.append(option)

        def malloc_trim(self, _pad: int) -> None:
            told.append(0)

    monkeypatch.setattr(ctypes, "CDLL", Library)
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    with freed_memory_kept():
        with freed_memory_kept():
            pass
        assert told == [-4, -1]
    assert told == [-4, -1, -4, -1, 0]
