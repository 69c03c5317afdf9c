"""Turns the bytes of segment files into numbers: fast if the files are right, exact about every mistake if not.

A segment file is 125 lines of 45 comma-separated, finite decimal numbers. A byte-order mark, CRLF line ends, a missing
last line end, blank lines after the last row and blanks around a number are accepted; nothing else is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from har_core.base.errors import InputError, Problem, counted
from har_core.datasets.dataset import LooseSegments
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.dsads.diagnosis import diagnose
from har_core.datasets.dsads.layout import MAX_SEGMENT_BYTES, SEGMENT_LENGTH

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BLANK = b" \t\n"

_BLOCK_SIZES = (1 << 19, MAX_SEGMENT_BYTES + 1)
"""Bytes that the parser looks at together: no row may be longer. The second takes any row that a file can hold."""
# Blank lines and quotes have no place in a segment file: refusing both is stricter, and a quarter faster.
_PARSE = pyarrow.csv.ParseOptions(quote_char=False, double_quote=False, ignore_empty_lines=False)
_CONVERT = pyarrow.csv.ConvertOptions(
    column_types=dict.fromkeys(DSADS.channel_names, pa.float32()), null_values=[], strings_can_be_null=False
)


class SegmentText(NamedTuple):
    """A segment file's content in canonical form: no byte-order mark, LF line ends, no blank lines at the end."""

    content: bytes
    status: str
    """``ok``, and after a colon what was accepted: ``ok: BOM, CRLF, trailing blank lines``."""


def canonical(content: bytes) -> SegmentText:
    """Remove what is accepted but does not belong to the numbers."""
    notes = []
    if content.startswith(_BYTE_ORDER_MARK):
        content = content.removeprefix(_BYTE_ORDER_MARK)
        notes.append("BOM")
    if b"\r" in content and b"\r\n" in content:  # one byte is found ten times as fast as two
        content = content.replace(b"\r\n", b"\n")
        notes.append("CRLF")
    if content[-1:] != b"\n" or content[-2:-1] in _BLANK:
        rows = content.rstrip(_BLANK)
        _, _, after_last_row = content[len(rows) :].partition(b"\n")
        if after_last_row:
            notes.append("trailing blank lines")
        content = rows + b"\n" if rows else b""
    return SegmentText(content, f"ok: {', '.join(notes)}" if notes else "ok")


def parse_segments(texts: Sequence[SegmentText], names: Sequence[str]) -> npt.NDArray[np.float32]:
    """Parse S segment files in one go.

    Args:
        texts: their content.
        names: what errors call them.

    Returns:
        Samples (45, S * 125) in the files' units.

    Raises:
        InputError: with every problem of every file.
    """
    samples = _parse(texts)
    if samples is None:
        problems = [problem for name, text in zip(names, texts, strict=True) for problem in find_problems(name, text)]
        if not problems:
            raise AssertionError(f"{', '.join(names)}: the parser refuses files of which it takes each alone")
        files = counted(len({problem.path for problem in problems}), "file")
        raise InputError(f"{counted(len(problems), 'problem')} in {files}", problems)
    return samples


def parse_loose(contents: Mapping[str, bytes]) -> LooseSegments:
    """Parse files by their names; what is wrong with some keeps no other from being parsed."""
    texts = {name: canonical(content) for name, content in contents.items()}
    samples, refused = np.empty((DSADS.num_channels, 0), np.float32), None
    try:
        samples = parse_segments(list(texts.values()), list(texts)) if texts else samples
    except InputError as error:
        refused = error
        texts = {name: text for name, text in texts.items() if not find_problems(name, text)}
        samples = parse_segments(list(texts.values()), list(texts)) if texts else samples
    return LooseSegments(tuple(texts), samples, np.arange(len(texts) + 1) * SEGMENT_LENGTH, refused)


def find_problems(name: str, text: SegmentText) -> list[Problem]:
    """Everything that is wrong with the segment file that the problems call ``name``; empty if nothing is."""
    if _parse([text]) is not None:
        return []
    problems = diagnose(name, text.content)
    if not problems:
        raise AssertionError(f"{name}: the parser refuses a file in which the diagnosis finds no problem")
    return problems


def _parse(texts: Sequence[SegmentText]) -> npt.NDArray[np.float32] | None:
    """The samples (45, S * 125) of S segments; None if anything is wrong with any of them."""
    # pyarrow takes a lone carriage return for a line end; with none, and 125 line feeds each, no row can change files.
    # A second byte-order mark it skips, but only in the first file.
    if any(
        text.content.count(b"\n") != SEGMENT_LENGTH
        or b"\r" in text.content
        or text.content.startswith(_BYTE_ORDER_MARK)
        for text in texts
    ):
        return None
    table = _read_csv(b"".join(text.content for text in texts))
    if table is None:
        return None
    if table.num_rows != SEGMENT_LENGTH * len(texts):
        raise AssertionError(f"{table.num_rows} rows parsed from {len(texts)} segments")
    samples = np.stack([column.to_numpy() for column in table.columns])
    return samples if np.isfinite(samples).all() else None


def _read_csv(content: bytes) -> pa.Table | None:
    for block_size in _BLOCK_SIZES:
        read = pyarrow.csv.ReadOptions(column_names=list(DSADS.channel_names), use_threads=False, block_size=block_size)
        with suppress(pa.ArrowInvalid):
            return pyarrow.csv.read_csv(
                pa.BufferReader(content), read_options=read, parse_options=_PARSE, convert_options=_CONVERT
            )
    return None
