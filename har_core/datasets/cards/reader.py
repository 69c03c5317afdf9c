"""Turns the text of one file of samples into numbers: fast if it is right, exact about every mistake if not."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from har_core.base.errors import InputError, Problem, counted
from har_core.datasets.cards.card import SECONDS, WHITESPACE, ChannelGroup, Column, FileFormat, Stream
from har_core.datasets.cards.diagnosis import NUMBER, TIME, diagnose
from har_core.datasets.cards.text import Text, tidy

_BLOCK_SIZES = (1 << 20, 1 << 30)
"""Bytes that the parser looks at together: no row may be longer."""
_LARGE = 8 << 20
"""Bytes from which one file is worth several threads."""
_LABEL = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """The R rows of one file."""

    text: Text
    samples: npt.NDArray[np.float32]
    """(channels of the stream, R) in their units; NaN where missing."""
    columns: tuple[int, ...]
    """Where each channel stands in the file, from 0."""
    ticks: npt.NDArray[np.float64] | None
    """(R,) timestamps by the clock of the file: as written, so that nothing is rounded."""
    tick_s: float
    """Seconds in one."""
    time_column: int | None
    """Where timestamps stand in the file, from 0."""
    labels: pa.DictionaryArray | None
    """(R,) as written."""
    label_column: int | None
    """Where labels stand in the file, from 0."""

    @property
    def num_rows(self) -> int:
        """R."""
        return int(self.samples.shape[1])

    @property
    def times(self) -> npt.NDArray[np.float64] | None:
        """(R,) seconds, by the clock of the file."""
        return None if self.ticks is None else self.ticks * self.tick_s


def read_rows(name: str, content: bytes, stream: Stream, label: Column | None) -> Rows:
    """Parse one file of ``stream``; ``label`` is its column of labels, if it has one.

    Raises:
        InputError: with every problem of the file, under ``name``.
    """
    text = Text(name, content, stream)
    wanted: list[Column] = [column for group in stream.channels for column in group.columns]
    extra = [column for column in (stream.time, label) if column is not None]
    indices = text.indices([*wanted, *extra])
    channels, others = tuple(indices[: len(wanted)]), dict(zip(extra, indices[len(wanted) :], strict=True))
    groups = [group for group in stream.channels for _ in group.columns]
    types = {
        index: pa.float64() if _is_scaled(group) else pa.float32()
        for index, group in zip(channels, groups, strict=True)
    }
    if stream.time is not None:
        types[others[stream.time]] = pa.float64() if stream.time_unit in SECONDS else pa.string()
    if label is not None:
        types[others[label]] = _LABEL
    is_numbers = len(types) == text.num_columns and _LABEL not in types.values() and pa.string() not in types.values()
    table, rows = None, text.rows(is_numbers=is_numbers)
    parse = partial(_parse, form=stream, num_columns=text.num_columns, types=tuple(types.items()))
    with suppress(pa.ArrowInvalid):
        table = parse(rows, has_quotes=text.has(b'"'))
    if table is None:
        try:
            table = parse(tidy(bytes(rows), text.separator), has_quotes=text.has(b'"'))
        except pa.ArrowInvalid as error:
            raise _refused(text, stream, channels, others, str(error)) from error
    samples = _samples(table, stream, channels)
    ticks, tick_s = None, 1.0
    if stream.time is not None:
        ticks, tick_s = as_ticks(table[str(others[stream.time])], stream.time_unit)
    if np.isinf(samples).any() or (ticks is not None and not np.isfinite(ticks).all()):
        raise _refused(text, stream, channels, others, "values that are not finite")
    return Rows(
        text=text,
        samples=samples,
        columns=channels,
        ticks=ticks,
        tick_s=tick_s,
        time_column=None if stream.time is None else others[stream.time],
        labels=None if label is None else table[str(others[label])].unify_dictionaries().combine_chunks(),
        label_column=None if label is None else others[label],
    )


def as_ticks(column: pa.ChunkedArray, unit: str) -> tuple[npt.NDArray[np.float64], float]:
    """Timestamps (R,), NaN where one cannot be read; and the seconds in one.

    Args:
        column: numbers in ``unit``, or text where that is a format of date and time.
        unit: as in cards.
    """
    if unit in SECONDS:
        return column.to_numpy(), SECONDS[unit]
    import polars as pl  # noqa: PLC0415 - few cards have dates

    written = pl.Series(column.to_pylist(), dtype=pl.String).str.strip_chars()
    if not any(date in unit for date in ("%d", "%D", "%F", "%j", "%s")):  # a time of day
        written, unit = "1970-01-01 " + written, f"%Y-%m-%d {unit}"
    parsed = written.str.to_datetime(unit.replace(".%f", "%.f"), time_unit="us", strict=False)
    return parsed.dt.epoch("us").cast(pl.Float64).to_numpy(), SECONDS["us"]


def _samples(table: pa.Table, stream: Stream, channels: Sequence[int]) -> npt.NDArray[np.float32]:
    """(C, R) in their units; infinite where the file says so, or a number is too large."""
    samples = np.empty((len(channels), table.num_rows), dtype=np.float32)
    groups = [group for group in stream.channels for _ in group.columns]
    with np.errstate(over="ignore"):
        for own, column, group in zip(samples, channels, groups, strict=True):
            begin = 0
            for chunk in table[str(column)].chunks:
                values = chunk.to_numpy(zero_copy_only=False)
                own[begin : begin + len(values)] = values * group.scale + group.offset if _is_scaled(group) else values
                begin += len(values)
    return samples


def _is_scaled(group: ChannelGroup) -> bool:
    return group.scale != 1 or group.offset != 0


def _parse(
    rows: bytes | memoryview,
    *,
    form: FileFormat,
    num_columns: int,
    types: tuple[tuple[int, pa.DataType], ...],
    has_quotes: bool,
) -> pa.Table:
    """The wanted columns, by their indices as names.

    Raises:
        pyarrow.ArrowInvalid: something is wrong with a row, or a value.
    """
    parse, convert, names = _options(form, num_columns, types, has_quotes=has_quotes)
    for block_size in _BLOCK_SIZES:
        read = pyarrow.csv.ReadOptions(column_names=names, use_threads=False, block_size=block_size)
        try:
            if len(rows) > _LARGE:
                read.use_threads = True
                return pyarrow.csv.read_csv(
                    pa.BufferReader(rows), read_options=read, parse_options=parse, convert_options=convert
                )
            # For small files, reading as a stream takes half the time.
            return pyarrow.csv.open_csv(
                pa.BufferReader(rows), read_options=read, parse_options=parse, convert_options=convert
            ).read_all()
        except pa.ArrowInvalid as error:
            if "straddling" not in str(error):
                raise
    raise pa.ArrowInvalid("a row of a gigabyte")


@lru_cache(maxsize=64)
def _options(
    form: FileFormat, num_columns: int, types: tuple[tuple[int, pa.DataType], ...], *, has_quotes: bool
) -> tuple[pyarrow.csv.ParseOptions, pyarrow.csv.ConvertOptions, list[str]]:
    """What the parser is told, and what it calls the columns; the same for most files of a set."""
    parse = pyarrow.csv.ParseOptions(
        delimiter=" " if form.delimiter == WHITESPACE else form.delimiter,
        quote_char='"' if has_quotes else False,
        double_quote=has_quotes,
    )
    convert = pyarrow.csv.ConvertOptions(
        column_types={str(index): kind for index, kind in types},
        include_columns=[str(index) for index, _ in types],
        # Between blanks there is no empty cell.
        null_values=[value for value in form.missing if value or form.delimiter != WHITESPACE],
        strings_can_be_null=False,
        decimal_point=form.decimal,
    )
    return parse, convert, [str(index) for index in range(num_columns)]


def _refused(
    text: Text, stream: Stream, channels: Sequence[int], others: dict[Column, int], message: str
) -> InputError:
    kinds = dict.fromkeys(channels, NUMBER)
    if stream.time is not None:
        kinds[others[stream.time]] = TIME
    problems = diagnose(text, stream, kinds)
    if not problems:
        problems = [Problem(path=text.name, value=message, expected=f"{text.num_columns} columns of numbers")]
    return InputError(f"{text.name}: {counted(len(problems), 'problem')}", problems)
