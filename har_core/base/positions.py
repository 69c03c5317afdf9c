"""On which line each key of a TOML file is: :mod:`tomllib` keeps no positions."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

Key = tuple[str | int, ...]
"""Path of a value in the document: ``("models", "lstm", "epochs")``; an index for an element of a list."""

_MAY_END = re.compile(r"[\]}]|\"\"\"|'''")
"""What the last line of a statement over several lines holds."""
_MOST_TRIES = 500
"""To find the end of one statement; each takes as long as the statement has lines."""


def lines_of_keys(text: str) -> dict[Key, int]:
    r"""The 1-based line of the statement that is the first to mention each key of a valid document.

    >>> lines_of_keys('a = [\n  1,\n]\n[b.c]\nd.e = 1')[("b", "c", "d", "e")]
    5
    """
    lines: dict[Key, int] = {}
    num_tables: defaultdict[Key, int] = defaultdict(int)
    table: Key = ()
    for line, is_header, values in _statements(text.replace("\r\n", "\n").split("\n")):
        if is_header:
            table = ()
            for key, value in walk(values):
                if isinstance(key[-1], int):
                    continue
                table = (*table, key[-1])
                lines.setdefault(table, line)
                num_tables[table] += isinstance(value, list)
                if num_tables[table]:
                    table = (*table, num_tables[table] - 1)
                    lines.setdefault(table, line)
        else:
            for key, _ in walk(values):
                lines.setdefault((*table, *key), line)
    return lines


def _statements(lines: list[str]) -> Iterator[tuple[int, bool, dict[str, Any]]]:
    """Line, whether it is the header of a table, and what the statement alone says.

    A statement ends where it is valid TOML for the first time: what continues in the next line is not.
    """
    start = 0
    while start < len(lines):
        tries = 0
        for end in range(start, len(lines)):
            if end > start and not _MAY_END.search(lines[end]):
                continue
            values = parse_or_none("\n".join(lines[start : end + 1]))
            tries += 1
            if values is not None or tries == _MOST_TRIES:
                break
        if values is None:
            return
        if values:
            yield start + 1, lines[start].lstrip().startswith("["), values
        start = end + 1


def walk(values: dict[str, Any]) -> Iterator[tuple[Key, Any]]:
    """Every key of a document with its value, outer ones before those within."""
    waiting: list[tuple[Key, Any]] = [((), values)]
    while waiting:
        key, value = waiting.pop()
        if key:
            yield key, value
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        waiting += [((*key, part), entry) for part, entry in inner]


def parse_or_none(text: str) -> dict[str, Any] | None:
    """What ``text`` says; None where it is no TOML."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return None
