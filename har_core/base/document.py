"""A parsed TOML file that knows on which line each key is, so that problems can name it.

It knows nothing of what the keys mean.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from har_core.base.errors import InputError, Problem
from har_core.base.files import read_file
from har_core.base.positions import Key, lines_of_keys, walk

TYPE_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}
"""TOML's types as error messages name them."""

MAX_BYTES = 250_000
"""Largest file; an experiment file with every key has 3 kB."""
_MOST_LEVELS = 20
"""Of tables and lists in each other; settings have four."""
_INTEGERS = range(-(2**63), 2**63)
"""Those that TOML promises."""
_MANY_DIGITS = re.compile(r"[0-9_]{4300,}")
"""More than Python reads as a number."""
_MOST_DOTS = 1_000
"""In a line; tomllib takes minutes for a key of ten thousand parts."""
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_LONGEST_VALUE_SHOWN = 80
_SYNTAX_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass(frozen=True)
class Document:
    """One parsed file."""

    path: Path
    text: str
    values: dict[str, Any]

    def get(self, key: Key) -> tuple[bool, Any]:
        """Whether the file has ``key``, and its value."""
        return _get(self.values, key)

    def line_of(self, key: Key) -> int | None:
        """The 1-based line of ``key``, or of the nearest table or list around it; None if the file has neither."""
        while key and not self.get(key)[0]:
            key = key[:-1]
        return self._lines.get(key)

    @cached_property
    def _lines(self) -> dict[Key, int]:
        return lines_of_keys(self.text)

    def problem(self, key: Key, expected: str, *, value: Any = None) -> Problem:
        """A problem with ``key``; ``value`` is what to show if the file lacks the key, because a default is wrong."""
        is_written, written = self.get(key)
        name = dotted(key)
        shown = written if is_written else value
        found = None if shown is None else name if isinstance(shown, dict) else f"{name} = {as_toml(shown)}"
        return Problem(path=str(self.path), line=self.line_of(key), value=found, expected=expected)


def read_document(path: Path, *, what: str = "experiment file") -> Document:
    """Read and parse ``path``; ``what`` is what messages call it.

    Raises:
        InputError: no such file, not a file, unreadable, too large, not UTF-8, not TOML, or with values that no setting
            can have.
    """
    try:
        content = read_file(path, most_bytes=MAX_BYTES)
    except InputError as error:
        raise InputError(f"The {what} cannot be read.", error.problems) from error
    try:
        # Some editors on Windows write a byte-order mark; TOML 1.1 ignores it.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        bytes_found = content[error.start : error.end].hex(" ")
        value = "UTF-16" if content.startswith(_UTF_16) else f"bytes {bytes_found}"
        problem = Problem(path=str(path), line=line, value=value, expected="text in UTF-8")
        raise InputError(f"The {what} is not text.", [problem]) from error
    for number, row in enumerate(text.split("\n"), start=1):
        if row.count(".") > _MOST_DOTS:
            problem = Problem(path=str(path), line=number, value=_shortened(row), expected="a line of fewer dots")
            raise InputError(f"The {what} is not one.", [problem])
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"The {what} is not valid TOML.", [_syntax_problem(path, text, str(error))]) from error
    document = Document(path=path, text=text, values=values)
    impossible = list(_impossible(document))
    if impossible:
        raise InputError(f"The {what} has values that nothing takes.", impossible)
    return document


def _impossible(document: Document) -> Iterator[Problem]:
    for key, value in walk(document.values):
        if len(key) > _MOST_LEVELS:
            line = document.line_of(key[:1])
            yield Problem(path=str(document.path), line=line, expected=f"at most {_MOST_LEVELS} lists in each other")
            return
        if isinstance(value, int) and value not in _INTEGERS:
            yield document.problem(key, "a whole number of at most 64 bits")


def dotted(key: Key) -> str:
    """A key as written in TOML.

    >>> dotted(("splits", "test_subjects", 1))
    'splits.test_subjects[1]'
    """
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def as_toml(value: Any) -> str:
    """A value as written in TOML, shortened."""
    if isinstance(value, bool | str):
        text = json.dumps(value, ensure_ascii=False)
    elif isinstance(value, list | tuple):
        text = f"[{', '.join(map(as_toml, value))}]"
    elif isinstance(value, int) and value not in _INTEGERS:
        text = hex(value)  # Python refuses to write thousands of digits
    else:
        text = str(value)
    return _shortened(text)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE_SHOWN else f"{text[:_LONGEST_VALUE_SHOWN]}…"


def _get(values: Any, key: Key) -> tuple[bool, Any]:
    for part in key:
        is_table, is_list = isinstance(values, dict), isinstance(values, list)
        if not (is_table and part in values) and not (is_list and part in range(len(values))):
            return False, None
        values = values[part]
    return True, values


def _syntax_problem(path: Path, text: str, message: str) -> Problem:
    place = _SYNTAX_PLACE.search(message)
    lines = text.split("\n")
    line = column = None
    if digits := _MANY_DIGITS.search(text):
        line = text.count("\n", 0, digits.start()) + 1
        return Problem(path=str(path), line=line, value=_shortened(digits[0]), expected="numbers of fewer digits")
    if place is not None:
        line = int(place[1]) if place[1] else max(1, len(lines))
        column = int(place[2]) if place[2] else None
    found = as_toml(lines[line - 1].strip())[1:-1] if line is not None and line <= len(lines) else None
    reason = _SYNTAX_PLACE.sub("", message)
    return Problem(path=str(path), line=line, column=column, value=found, expected=f"valid TOML ({reason})")
