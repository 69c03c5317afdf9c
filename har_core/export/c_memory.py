"""Which part of one block of memory each value between two steps has, so that all need little of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from har_core.export.c_steps import Buffer, Product, Program, Step

_ALIGNMENT = 4
"""Bytes of a float."""


@dataclass(slots=True, kw_only=True)
class Need:
    """So many bytes from one step to another, both included."""

    num_bytes: int
    first: int
    last: int


def offsets(needs: Sequence[Need]) -> list[int]:
    """Where each begins, in bytes; no two overlap that are needed during one step. The largest are placed first."""
    placed: dict[int, int] = {}
    for index in sorted(range(len(needs)), key=lambda index: -needs[index].num_bytes):
        need, start = needs[index], 0
        at_once = [i for i in placed if needs[i].first <= need.last and need.first <= needs[i].last]
        for other in sorted(at_once, key=placed.__getitem__):
            if start + need.num_bytes <= placed[other]:
                break
            start = max(start, _aligned(placed[other] + needs[other].num_bytes))
        placed[index] = start
    return [placed[index] for index in range(len(needs))]


def place(program: Program) -> tuple[dict[Buffer, int], int]:
    """The first byte of each buffer but the logits, which go into the answer; and how many bytes all need."""
    homes = _homes(program.steps)
    needs: dict[Buffer, Need] = {}
    for number, step in enumerate(program.steps):
        for buffer in (*step.reads, *step.writes):
            if buffer is not program.logits:
                home = homes.get(buffer, buffer)
                needs.setdefault(home, Need(num_bytes=home.num_bytes, first=number, last=number)).last = number
    starts = dict(zip(needs, offsets([*needs.values()]), strict=True))
    end = max(starts[home] + need.num_bytes for home, need in needs.items())
    return starts | {buffer: starts[home] for buffer, home in homes.items() if home in starts}, _aligned(end)


def _homes(steps: Sequence[Step]) -> Mapping[Buffer, Buffer]:
    """Results of sums that take the place of what is added to them, which nobody needs later."""
    homes: dict[Buffer, Buffer] = {}
    for number, step in enumerate(steps):
        if isinstance(step, Product) and step.added and step.floats:
            needed_later = any(step.added in later.reads for later in steps[number + 1 :])
            if not needed_later:
                homes[step.floats] = homes.get(step.added, step.added)
    return homes


def _aligned(num_bytes: int) -> int:
    return -(-num_bytes // _ALIGNMENT) * _ALIGNMENT
