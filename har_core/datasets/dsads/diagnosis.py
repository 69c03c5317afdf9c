"""Finds what exactly is wrong with a segment file; slow, and only called if the fast parser refuses the file."""

from __future__ import annotations

import re

import pyarrow as pa

from har_core.base.errors import Problem, counted
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.dsads.layout import SEGMENT_LENGTH

_NUM_CHANNELS = DSADS.num_channels
_MAX_VALUE_LENGTH = 60
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_NUMBER = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NOT_FINITE = re.compile(rb"[+-]?(?:nan|inf|infinity)(?:\([0-9a-z_]*\))?", re.IGNORECASE)
_INTEGER = re.compile(rb"[+-]?[0-9]+")
_OTHER_FORMATS = {
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"\xef\xbb\xbf": "a second byte-order mark",
}
"""By the first bytes, those that begin like another before it."""
_SEPARATORS = {b";": "semicolons", b"\t": "tabs", b"|": "bars", None: "blanks"}
_MOST_PROBLEMS, _MOST_COLUMNS = 1_000, 200
"""In one file, and looked at in a line: a file of commas has a problem a byte."""
_FLOAT32_LIMIT = 3.4e38
"""A little below the largest float32; larger numbers are converted to see whether they fit."""


def diagnose(path: str, content: bytes) -> list[Problem]:
    """Name every problem of a file's canonical content, or the one cause behind them all; empty if there is none."""
    if (cause := _cause(path, content)) is not None:
        return [cause]
    problems, first = [], 1
    lines = _lines(content)
    if _has_header(lines):
        value = f"a header, {_shortened(lines[0])}"
        problems.append(Problem(path=path, line=1, value=value, expected="numbers from the first line on"))
        lines, first = lines[1:], 2
    for number, text in enumerate(lines, start=first):
        problems += _diagnose_line(path, number, text)
        if len(problems) >= _MOST_PROBLEMS:
            expected = "fewer problems; the rest of the file was not looked at"
            return [*problems, Problem(path=path, line=number, value=f"{len(problems)} problems", expected=expected)]
    if len(lines) != SEGMENT_LENGTH:
        number = min(len(lines), SEGMENT_LENGTH) + first
        expected = f"{SEGMENT_LENGTH} rows"
        problems.append(Problem(path=path, line=number, value=counted(len(lines), "row"), expected=expected))
    return problems


def _cause(path: str, content: bytes) -> Problem | None:
    """What makes a file no table at all, or another one in every line."""
    table = f"{SEGMENT_LENGTH} rows of {_NUM_CHANNELS} numbers"
    if not content:
        return Problem(path=path, value="an empty file", expected=table)
    for start, what in _OTHER_FORMATS.items():
        if content.startswith(start):
            return Problem(path=path, line=1, value=what, expected=f"text of {table}")
    if control := _CONTROL.search(content):
        line = content.count(b"\n", 0, control.start()) + 1
        value = f"binary content (byte 0x{content[control.start()]:02x})"
        return Problem(path=path, line=line, value=value, expected=f"text of {table}")
    lines = _lines(content)
    if len(lines) == 1 and b"\r" in content:
        return Problem(path=path, line=1, value="line ends of CR alone", expected="line ends of LF or CRLF")
    other = _other_table(lines)
    expected = f"{_NUM_CHANNELS} columns separated by commas, with decimal points"
    return None if other is None else Problem(path=path, line=1, value=other, expected=expected)


def _lines(content: bytes) -> list[bytes]:
    return content.removesuffix(b"\n").split(b"\n")


def _other_table(lines: list[bytes]) -> str | None:
    """What is written as no line of a segment file is, in every line alike; None if that is not what is wrong."""
    widths = {line.count(b",") + 1 for line in lines}
    if len(lines) == 1 or _NUM_CHANNELS in widths:
        return None
    for separator, name in _SEPARATORS.items():
        if all(len(line.split(separator)) == _NUM_CHANNELS for line in lines):
            return f"columns separated by {name}" + (" and decimal commas" if len(widths) > 1 or widths != {1} else "")
    if len(widths) > 1:
        return None
    [width] = widths
    if width == 2 * _NUM_CHANNELS and all(_INTEGER.fullmatch(token.strip()) for token in lines[0].split(b",")):
        return "decimal commas"
    if (len(lines), width) == (_NUM_CHANNELS, SEGMENT_LENGTH):
        return f"{counted(len(lines), 'row')} of {counted(width, 'column')}: rows and columns are exchanged"
    return f"{counted(width, 'column')} in each of {len(lines)} lines" if width > 1 else None


def _has_header(lines: list[bytes]) -> bool:
    """Whether the first line holds words alone, and the second a number."""
    if len(lines) == 1:
        return False
    words, numbers = ([token.strip(b" \t") for token in line.split(b",")] for line in lines[:2])
    is_worded = all(re.search(rb"[A-Za-z]", word) and not _is_number(word) for word in words if word)
    return any(words) and is_worded and any(map(_is_number, numbers))


def _is_number(token: bytes) -> bool:
    return bool(_NUMBER.fullmatch(token) or _NOT_FINITE.fullmatch(token))


def _shortened(text: bytes) -> str:
    told = text.decode("utf-8", errors="backslashreplace")
    return told if len(told) <= _MAX_VALUE_LENGTH else f"{told[:_MAX_VALUE_LENGTH]}…"


def _diagnose_line(path: str, number: int, line: bytes) -> list[Problem]:
    if not line.strip(b" \t"):
        expected = f"{_NUM_CHANNELS} columns; blank lines may only follow the last row"
        return [Problem(path=path, line=number, value="a blank line", expected=expected)]
    tokens = line.split(b",")
    problems = []
    if len(tokens) != _NUM_CHANNELS:
        column = min(len(tokens), _NUM_CHANNELS) + 1
        value = counted(len(tokens), "column")
        expected = f"{_NUM_CHANNELS} columns separated by commas"
        problems.append(Problem(path=path, line=number, column=column, value=value, expected=expected))
    if len(tokens) == 1:  # the separator is wrong, and the whole line would be named again
        return problems
    for column, token in enumerate(tokens[:_MOST_COLUMNS], start=1):
        expectation = _expectation(token.strip(b" \t"))
        if expectation is not None:
            value = _shortened(token)
            problems.append(Problem(path=path, line=number, column=column, value=value, expected=expectation))
    return problems


def _expectation(token: bytes) -> str | None:
    """What a token should have been; None if it is right."""
    if _NUMBER.fullmatch(token):
        return "a number within the range of float32" if _overflows(token) else None
    return "a finite number" if _NOT_FINITE.fullmatch(token) else "a number"


def _overflows(token: bytes) -> bool:
    if abs(float(token)) < _FLOAT32_LIMIT:
        return False
    parsed: float = pa.scalar(token.decode()).cast(pa.float32()).as_py()
    return abs(parsed) == float("inf")
