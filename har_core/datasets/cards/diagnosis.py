"""Finds what exactly is wrong with a file of samples; slow, and only called if the fast parser refuses the file."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime

from har_core.base.errors import Problem, counted
from har_core.datasets.cards.card import SECONDS, FileFormat
from har_core.datasets.cards.text import Text

NUMBER, TIME = "number", "time"
"""What a column holds."""

_MAX_VALUE_LENGTH = 60
_MOST_PROBLEMS = 1_000
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_FLOAT32_LIMIT = 3.4028235e38
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1f]")


def diagnose(text: Text, form: FileFormat, kinds: Mapping[int, str]) -> list[Problem]:
    """Every problem of a file; ``kinds`` says what columns hold, counted from 0."""
    body = text.content[text.start :]
    if found := _BINARY.search(body):
        line = form.header_lines + body.count(b"\n", 0, found.start()) + 1
        value = f"binary content (byte 0x{found[0][0]:02x})"
        return [Problem(path=text.name, line=line, value=value, expected="text")]
    try:
        body.decode()
    except UnicodeDecodeError as error:
        line = form.header_lines + body.count(b"\n", 0, error.start) + 1
        value = f"bytes {body[error.start : error.end].hex(' ')}"
        return [Problem(path=text.name, line=line, value=value, expected=f"text in {form.encoding}; see encoding")]
    problems: list[Problem] = []
    for line, row in text.lines():
        cells = text.split(row)
        if len(cells) != text.num_columns:
            expected = f"{counted(text.num_columns, 'column')}, as in the first row"
            column = min(len(cells), text.num_columns) + 1
            value = counted(len(cells), "column")
            problems.append(Problem(path=text.name, line=line, column=column, value=value, expected=expected))
        for index, kind in kinds.items():
            if index < len(cells) and (expected_ := _expectation(cells[index], kind, form)) is not None:
                value = cells[index][:_MAX_VALUE_LENGTH]
                problems.append(Problem(path=text.name, line=line, column=index + 1, value=value, expected=expected_))
        if len(problems) >= _MOST_PROBLEMS:
            expected = "fewer problems; the rest of the file was not looked at"
            return [*problems, Problem(path=text.name, line=line, value=f"{len(problems)} problems", expected=expected)]
    return problems


def _expectation(cell: str, kind: str, form: FileFormat) -> str | None:  # noqa: PLR0911 - one for each kind of cell
    """What a cell should have been; None if it is right."""
    if kind == TIME and form.time_unit not in SECONDS:
        try:
            datetime.strptime(cell, form.time_unit)
        except ValueError:
            return f"date and time as {form.time_unit}"
        return None
    if kind == NUMBER and (cell in form.missing or cell.lower() == "nan"):
        return None
    number = cell.replace(",", ".") if form.decimal == "," else cell
    if not _NUMBER.fullmatch(number) or (form.decimal == "," and "." in cell):
        if cell.lower().lstrip("+-") in ("inf", "infinity", "nan"):
            return "a finite number"
        missing = ", ".join(repr(value) for value in form.missing if value)
        return "a timestamp" if kind == TIME else "a number" + (f", or {missing} where it is missing" * bool(missing))
    value = float(number)
    if not math.isfinite(value) or (kind == NUMBER and abs(value) > _FLOAT32_LIMIT):
        return "a number within the range of float32"
    return None
