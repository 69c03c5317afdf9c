"""A parsed TOML file that knows on which line each key is, so that problems can name it.

It knows nothing of settings; :mod:`har_core.experiment.loader` knows what the keys mean.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from har_core.base.errors import InputError, Problem

TYPE_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}
"""TOML's types as error messages name them."""

Key = tuple[str | int, ...]
"""Path of a value in the document: ``("models", "lstm", "epochs")``; an index for an element of a list."""

_LONGEST_VALUE_SHOWN = 80
_SYNTAX_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass(frozen=True, slots=True)
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
        if not key:
            return None
        # tomllib keeps no positions. A key's statement starts right after the longest prefix of the file that is valid
        # TOML and lacks the key. That also holds for dotted keys, inline tables and values over several lines.
        lines = self.text.splitlines(keepends=True)
        start = 0
        for num_lines in range(1, len(lines) + 1):
            values = _parse_or_none("".join(lines[:num_lines]))
            if values is None:
                continue
            if _get(values, key)[0]:
                return start + 1
            start = num_lines
        return None

    def problem(self, key: Key, expected: str, *, value: Any = None) -> Problem:
        """A problem with ``key``; ``value`` is what to show if the file lacks the key, because a default is wrong."""
        is_written, written = self.get(key)
        name = dotted(key)
        shown = written if is_written else value
        found = None if shown is None else name if isinstance(shown, dict) else f"{name} = {as_toml(shown)}"
        return Problem(path=str(self.path), line=self.line_of(key), value=found, expected=expected)


def read_document(path: Path) -> Document:
    """Read and parse ``path``.

    Raises:
        InputError: no such file, not a file, unreadable, not UTF-8, or not TOML.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            "The experiment file cannot be read.",
            [Problem(path=str(path), value=error.strerror or str(error), expected="a readable TOML file")],
        ) from error
    try:
        # Some editors on Windows write a byte-order mark; TOML 1.1 ignores it.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        bytes_found = content[error.start : error.end].hex(" ")
        problem = Problem(path=str(path), line=line, value=f"bytes {bytes_found}", expected="text in UTF-8")
        raise InputError("The experiment file is not text.", [problem]) from error
    try:
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError("The experiment file is not valid TOML.", [_syntax_problem(path, text, str(error))]) from error
    return Document(path=path, text=text, values=values)


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
    else:
        text = str(value)
    return text if len(text) <= _LONGEST_VALUE_SHOWN else f"{text[:_LONGEST_VALUE_SHOWN]}…"


def _get(values: Any, key: Key) -> tuple[bool, Any]:
    for part in key:
        is_table, is_list = isinstance(values, dict), isinstance(values, list)
        if not (is_table and part in values) and not (is_list and part in range(len(values))):
            return False, None
        values = values[part]
    return True, values


def _parse_or_none(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _syntax_problem(path: Path, text: str, message: str) -> Problem:
    place = _SYNTAX_PLACE.search(message)
    lines = text.splitlines()
    line = column = None
    if place is not None:
        line = int(place[1]) if place[1] else max(1, len(lines))
        column = int(place[2]) if place[2] else None
    found = as_toml(lines[line - 1].strip())[1:-1] if line is not None and line <= len(lines) else None
    reason = _SYNTAX_PLACE.sub("", message)
    return Problem(path=str(path), line=line, column=column, value=found, expected=f"valid TOML ({reason})")
