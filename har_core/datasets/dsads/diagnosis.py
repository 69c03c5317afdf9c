"""Finds what exactly is wrong with a segment file; slow, and only called if the fast parser refuses the file."""

from __future__ import annotations

import re

import pyarrow as pa

from har_core.base.errors import Problem, counted
from har_core.datasets.dsads.layout import NUM_CHANNELS, SEGMENT_LENGTH

_MAX_VALUE_LENGTH = 60
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_NUMBER = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NOT_FINITE = re.compile(rb"[+-]?(?:nan|inf|infinity)(?:\([0-9a-z_]*\))?", re.IGNORECASE)
_FLOAT32_LIMIT = 3.4e38
"""A little below the largest float32; larger numbers are converted to see whether they fit."""


def diagnose(path: str, content: bytes) -> list[Problem]:
    """Name every problem of a file's canonical content; empty if there is none."""
    table = f"{SEGMENT_LENGTH} rows of {NUM_CHANNELS} numbers"
    if not content:
        return [Problem(path=path, value="an empty file", expected=table)]
    if control := _CONTROL.search(content):
        line = content.count(b"\n", 0, control.start()) + 1
        value = f"binary content (byte 0x{content[control.start()]:02x})"
        return [Problem(path=path, line=line, value=value, expected=f"text of {table}")]
    lines = content.removesuffix(b"\n").split(b"\n")
    problems = [problem for number, line in enumerate(lines, start=1) for problem in _diagnose_line(path, number, line)]
    if len(lines) != SEGMENT_LENGTH:
        number = min(len(lines), SEGMENT_LENGTH) + 1
        expected = f"{SEGMENT_LENGTH} rows"
        problems.append(Problem(path=path, line=number, value=counted(len(lines), "row"), expected=expected))
    return problems


def _diagnose_line(path: str, number: int, line: bytes) -> list[Problem]:
    if not line.strip(b" \t"):
        expected = f"{NUM_CHANNELS} columns; blank lines may only follow the last row"
        return [Problem(path=path, line=number, value="a blank line", expected=expected)]
    tokens = line.split(b",")
    problems = []
    if len(tokens) != NUM_CHANNELS:
        column = min(len(tokens), NUM_CHANNELS) + 1
        value = counted(len(tokens), "column")
        expected = f"{NUM_CHANNELS} columns separated by commas"
        problems.append(Problem(path=path, line=number, column=column, value=value, expected=expected))
    if len(tokens) == 1:  # the separator is wrong, and the whole line would be named again
        return problems
    for column, token in enumerate(tokens, start=1):
        expectation = _expectation(token.strip(b" \t"))
        if expectation is not None:
            text = token.decode("utf-8", errors="backslashreplace")
            value = text if len(text) <= _MAX_VALUE_LENGTH else f"{text[:_MAX_VALUE_LENGTH]}…"
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
