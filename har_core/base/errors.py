"""Errors meant for users, and the problems they list.

Programming mistakes stay plain ``AssertionError`` or ``TypeError``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from har_core.base.text import printable, printable_lines

NUM_PROBLEMS_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with an input: where it is, what was found, what was expected."""

    path: str
    """The file, member of a zip, or check, under the name that the user knows; printed by :func:`printable`."""
    expected: str
    """What would be right, in words: ``"a finite number"``."""
    value: str | None = None
    """What was found, as written; None if nothing was."""
    line: int | None = None
    """1-based line, if known."""
    column: int | None = None
    """1-based column, if known: of the table in recordings, of the text in TOML."""
    numbers: Mapping[str, float] = field(default_factory=dict, hash=False)
    """Of a check: what was counted or measured, by name."""

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.path, self.line, self.column) if part is not None)
        found = "found nothing" if self.value is None else f"found {self.value!r}"
        return printable(f"{place}: {found}, expected {self.expected}")


class HarError(Exception):
    """Base class of all errors meant for users; ``har`` exits with ``exit_code``. Its text can be printed anywhere."""

    exit_code = 1

    def __init__(self, text: str = "") -> None:
        super().__init__(printable_lines(text))


class InputError(HarError):
    """The input is wrong. Has every problem; its text shows the first twenty."""

    exit_code = 2

    def __init__(self, summary: str, problems: Iterable[Problem] = ()) -> None:
        self.summary = printable(summary)
        self.problems = tuple(problems)
        lines = [self.summary, *(f"  {problem}" for problem in self.problems[:NUM_PROBLEMS_SHOWN])]
        num_hidden = len(self.problems) - NUM_PROBLEMS_SHOWN
        if num_hidden > 0:
            lines.append(f"  ... and {num_hidden} more")
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[type[Self], tuple[str, tuple[Problem, ...]]]:
        """Pickle the parts: the text, made of them, is no summary."""
        return type(self), (self.summary, self.problems)

    def write(self, path: Path) -> None:
        """Write the summary and every problem to ``path``, one a line."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in (self.summary, *self.problems)), encoding="utf-8")


class StorageError(HarError):
    """A file could not be written: the disk is full, or the folder is not writable."""


class HomeBusyError(HarError):
    """Another process is at work in this home."""


class UnknownNameError(InputError):
    """A name that is not in a fixed list; the text suggests the nearest one."""


def counted(number: int, noun: str) -> str:
    """``1 file``, ``2 files``; for nouns whose plural ends in s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and everything it was raised from, outermost first; members of groups included."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        current = waiting.pop(0)
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting += [current.__cause__, None if current.__suppress_context__ else current.__context__]
        waiting += getattr(current, "exceptions", ())
