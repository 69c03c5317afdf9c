"""From the bytes of segment files to numbers: fast where all is well, and exact about what is not.

A segment file is 125 lines of 45 comma-separated, finite decimal numbers. A byte-order mark, CRLF line ends, a missing
last line end, blank lines after the last row and blanks around a number are accepted; nothing else is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from har_core.base.errors import InputError, Problem, counted
from har_core.datasets.dsads.diagnosis import diagnose
from har_core.datasets.dsads.layout import CHANNELS, NUM_CHANNELS, SEGMENT_LENGTH

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BLANK = b" \t\n"

_READ = pyarrow.csv.ReadOptions(column_names=list(CHANNELS), use_threads=False, block_size=1 << 19)
# Blank lines and quotes have no place in a segment file: refusing both is stricter, and a quarter faster.
_PARSE = pyarrow.csv.ParseOptions(quote_char=False, double_quote=False, ignore_empty_lines=False)
_CONVERT = pyarrow.csv.ConvertOptions(
    column_types=dict.fromkeys(CHANNELS, pa.float32()), null_values=[], strings_can_be_null=False
)


@dataclass(frozen=True, slots=True)
class SegmentText:
    """A segment file's content in canonical form: no byte-order mark, LF line ends, no blank lines at the end."""

    content: bytes
    notes: tuple[str, ...]
    """What was not canonical but is accepted: ``BOM``, ``CRLF``, ``trailing blank lines``."""

    @property
    def status(self) -> str:
        """``ok``, or ``ok: BOM, CRLF``."""
        return f"ok: {', '.join(self.notes)}" if self.notes else "ok"


def canonical(content: bytes) -> SegmentText:
    """Take away what is accepted but does not belong to the numbers."""
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
    return SegmentText(content=content, notes=tuple(notes))


def parse_table(texts: Sequence[SegmentText]) -> pa.Table | None:
    """Parse the segments in one go.

    Returns:
        One float32 column for each channel, 125 rows for each segment; None where any segment is not as it must be.
    """
    # pyarrow takes a lone carriage return for a line end; with none, and 125 line feeds each, no row can change files.
    if any(text.content.count(b"\n") != SEGMENT_LENGTH or b"\r" in text.content for text in texts):
        return None
    buffer = pa.py_buffer(b"".join(text.content for text in texts))
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(buffer), read_options=_READ, parse_options=_PARSE, convert_options=_CONVERT
        )
    except pa.ArrowInvalid:
        return None
    if table.num_rows != SEGMENT_LENGTH * len(texts):
        raise AssertionError(f"{table.num_rows} rows parsed from {len(texts)} segments")
    return table if _all_finite(table) else None


def find_problems(path: str, text: SegmentText) -> list[Problem]:
    """Everything that is wrong with a segment file, which ``path`` names in the problems; empty where it is right."""
    if parse_table([text]) is not None:
        return []
    problems = diagnose(path, text.content)
    if not problems:
        raise AssertionError(f"{path}: the parser refuses what the diagnosis finds right")
    return problems


def parse_segments(contents: Sequence[bytes], paths: Sequence[str]) -> npt.NDArray[np.float32]:
    """Parse the bytes of segment files.

    Args:
        contents: bytes of S segment files.
        paths: their names in errors.

    Returns:
        Samples (S, 125, 45) in the files' units; see :func:`samples_of` for their order in memory.

    Raises:
        InputError: with every problem of every file.
    """
    if not contents:
        return np.empty((0, SEGMENT_LENGTH, NUM_CHANNELS), dtype=np.float32)
    texts = [canonical(content) for content in contents]
    table = parse_table(texts)
    if table is None:
        problems = [problem for path, text in zip(paths, texts, strict=True) for problem in find_problems(path, text)]
        files = counted(len({problem.path for problem in problems}), "file")
        raise InputError(f"{counted(len(problems), 'problem')} in {files}", problems)
    return samples_of(table)


def samples_of(table: pa.Table) -> npt.NDArray[np.float32]:
    """The channels of a table of whole segments as one array (S, 125, 45).

    Each channel stays contiguous in memory (``samples[:, :, c].ravel()`` copies nothing), as Parquet and Arrow have it.
    """
    channels = np.empty((NUM_CHANNELS, table.num_rows), dtype=np.float32)
    for channel, name in zip(channels, CHANNELS, strict=True):
        start = 0
        for chunk in table[name].chunks:
            channel[start : start + len(chunk)] = chunk.to_numpy()
            start += len(chunk)
    return channels.reshape(NUM_CHANNELS, -1, SEGMENT_LENGTH).transpose(1, 2, 0)


def _all_finite(table: pa.Table) -> bool:
    # Sums are of double precision, so that numbers of float32 cannot exceed it: only infinity and NaN spoil them.
    return all(math.isfinite(pc.sum(column).as_py()) for column in table.columns)
