"""The text of one file: decoded, with its header apart, and its rows as lines. Nothing is copied that need not be."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np

from har_core.base.errors import InputError, Problem
from har_core.base.names import hint
from har_core.datasets.cards.card import WHITESPACE, Column, TextFormat

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_AS_THEY_ARE = {"utf-8", "ascii"}


class Text:
    """The content of a file in UTF-8 with LF line ends; comments and blank lines are still in it."""

    def __init__(self, name: str, content: bytes, form: TextFormat) -> None:
        """Decode ``content``; ``name`` is what errors call the file.

        Raises:
            InputError: it is in another encoding.
        """
        self.name, self.form = name, form
        notes = []
        if form.encoding not in _AS_THEY_ARE:
            try:
                content = content.decode(form.encoding).encode()
            except UnicodeError as error:
                problem = Problem(path=name, value=str(error), expected=f"text in {form.encoding}")
                raise InputError(f"{name}: no text", [problem]) from error
        if content.startswith(_BYTE_ORDER_MARK):
            content = content.removeprefix(_BYTE_ORDER_MARK)
            notes.append("BOM")
        if b"\r" in content:
            notes.append("CRLF" if b"\r\n" in content else "CR")
            content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        self.status = f"ok: {', '.join(notes)}" if notes else "ok"
        """``ok``, and after a colon what was accepted."""
        place = 0
        for _ in range(form.header_lines):
            place = content.find(b"\n", place) + 1 or len(content)
        self.content, self.start = content, place
        """All of it, and where rows begin in it."""

    @cached_property
    def num_columns(self) -> int:
        """Columns of the first row; 0 if there is none."""
        return next((len(self.split(line)) for _, line in self.lines()), 0)

    def lines(self) -> Iterator[tuple[int, str]]:
        """Each row with its line in the file, from 1."""
        place, number, comment = self.start, self.form.header_lines, self.form.comment
        while place < len(self.content):
            end = self.content.find(b"\n", place)
            end = len(self.content) if end < 0 else end
            number += 1
            line = self.content[place:end].decode(errors="replace")
            place = end + 1
            if line.strip() and not (comment and line.startswith(comment)):
                yield number, line

    def line_of(self, row: int) -> int | None:
        """The line of a row, which counts from 0."""
        return next((line for index, (line, _) in enumerate(self.lines()) if index == row), None)

    def split(self, line: str) -> list[str]:
        """The cells of a line, without blanks around them."""
        if self.form.delimiter == WHITESPACE:
            return line.split()
        cells = next(csv.reader([line.replace("\0", "")], delimiter=self.form.delimiter), [])
        return [cell.strip() for cell in cells]

    def indices(self, columns: Sequence[Column]) -> list[int]:
        """Where columns stand, from 0.

        Raises:
            InputError: the file has no rows, or lacks some; each is named.
        """
        line = max(self.form.header_lines, 1)
        if not self.num_columns:
            problem = Problem(path=self.name, value="no rows", expected="at least one row of numbers")
            raise InputError(f"{self.name}: empty", [problem])
        names = list(self.form.column_names)
        if not names and self.form.header_lines:
            header = self.content[: self.start].rstrip(b"\n").rsplit(b"\n", 1)[-1]
            names = self.split(header.decode(errors="replace"))
        problems = []
        if any(isinstance(column, str) for column in columns) and len(names) != self.num_columns:
            value = f"{self.num_columns} columns under {len(names)} names"
            problems.append(Problem(path=self.name, line=line, value=value, expected="a name for each column"))
        for column in columns:
            if isinstance(column, str) and names.count(column) != 1:
                what = "one column" if column in names else "a column"
                expected = f"{what} called {column!r}" + ("" if column in names else hint(column, names))
                problems.append(Problem(path=self.name, line=line, expected=expected))
            elif isinstance(column, int) and column > self.num_columns:
                expected = f"a column {column}; rows have {self.num_columns}"
                problems.append(Problem(path=self.name, line=line + 1, column=self.num_columns, expected=expected))
        if problems:
            raise InputError(f"{self.name}: columns are missing", problems)
        return [names.index(column) if isinstance(column, str) else column - 1 for column in columns]

    def rows(self, *, is_numbers: bool) -> bytes | memoryview:
        """The rows alone, for a parser: no comments, no blank lines at the end, one character between columns.

        Args:
            is_numbers: whether every cell must be a number, so that the parser refuses two blanks side by side.
        """
        if self.form.comment and self.has(comment := self.form.comment.encode()):
            rows = re.sub(rb"(?m)^" + re.escape(comment) + rb"[^\n]*\n?", b"", self.content[self.start :])
            return self._spaced(rows.rstrip(self._blank), is_numbers=is_numbers)
        end = len(self.content)
        while end > self.start and self.content[end - 1] in self._blank:
            end -= 1
        return self._spaced(memoryview(self.content)[self.start : end], is_numbers=is_numbers)

    def has(self, what: bytes) -> bool:
        """Whether it occurs after the header."""
        return self.content.find(what, self.start) >= 0

    def _spaced(self, rows: bytes | memoryview, *, is_numbers: bool) -> bytes | memoryview:
        is_spaced = self.form.delimiter != WHITESPACE or (
            not self.has(b"\t") and (is_numbers or _is_single_spaced(rows))
        )
        return rows if is_spaced else single_spaced(bytes(rows))

    @property
    def _blank(self) -> bytes:
        """What may follow the last row; a tab between columns says that a cell is empty."""
        return b" \n" if self.form.delimiter == "\t" else b" \t\n"

    @property
    def separator(self) -> str:
        """What stands between columns in :meth:`rows`."""
        return " " if self.form.delimiter == WHITESPACE else self.form.delimiter


def single_spaced(rows: bytes) -> bytes:
    """Rows with one blank between columns."""
    rows = rows.replace(b"\t", b" ")
    while b"  " in rows:
        rows = rows.replace(b"  ", b" ")
    return rows.replace(b"\n ", b"\n").replace(b" \n", b"\n").strip(b" ")


def _is_single_spaced(rows: bytes | memoryview) -> bool:
    """Whether no two blanks or line ends are side by side; numpy is faster here than a search for each pair."""
    is_blank = np.frombuffer(rows, np.uint8) <= ord(" ")
    return not (is_blank[0] or (is_blank[1:] & is_blank[:-1]).any())


def tidy(rows: bytes, separator: str) -> bytes:
    """Rows without blanks around cells and plus signs before numbers, which a fast parser does not know."""
    around = re.escape(separator.encode())
    rows = single_spaced(rows) if separator == " " else rows
    blank = rb"[ ]" if separator == "\t" else rb"[ \t]"
    rows = re.sub(rb"(?m)" + blank + rb"*(" + around + rb"|$)" + blank + rb"*", rb"\1", rows)
    return re.sub(rb"(?m)(^|" + around + rb")[ \t]*\+", rb"\1", rows)
