"""What a card can say, as frozen settings; :mod:`har_core.datasets.cards.loader` reads one from a file."""

from __future__ import annotations

import codecs
import hashlib
import json
from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PlainValidator, field_validator, model_validator

from har_core.datasets.cards.patterns import Pattern
from har_core.settings.base import Settings
from har_core.spec.dataset import AXES, DatasetSpec

SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
"""Units of time, in seconds."""
WHITESPACE = "whitespace"
"""The delimiter that is any number of blanks and tabs."""


def _column(value: Any) -> str | int:
    if isinstance(value, bool) or not isinstance(value, str | int) or value in ("", 0) or str(value).startswith("-"):
        raise ValueError("the name of a column, or its number from 1")
    return value


def _label(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("a label as the files write it: text, or a whole number")
    return str(value)


Column = Annotated[str | int, PlainValidator(_column)]
"""A column by its name in the header, or by its number from 1."""
Label = Annotated[str, PlainValidator(_label)]
"""A label as files write it."""


class TextFormat(Settings):
    """How text files are named and written."""

    pattern: str
    """Path of the files, with ``{subject}``, ``{session}``, ``{activity}``, ``{stream}``, and ``*`` for anything."""
    encoding: str = "utf-8"
    """As Python calls it."""
    delimiter: str = ","
    """What separates columns: one character, or ``whitespace`` for any number of blanks and tabs."""
    decimal: Literal[".", ","] = "."
    """Decimal sign."""
    header_lines: int = Field(default=0, ge=0, le=1000)
    """Lines before the first row; the last of them names the columns, unless ``column_names`` does."""
    column_names: tuple[str, ...] = ()
    """Names of the columns, where files do not have them."""
    comment: str = Field(default="", max_length=8)
    """Lines that begin with it are skipped."""

    @field_validator("pattern")
    @classmethod
    def _readable(cls, text: str) -> str:
        Pattern.parse(text)
        return text

    @field_validator("encoding")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            return codecs.lookup(name).name
        except LookupError:
            raise ValueError("the name of an encoding, such as utf-8 or latin-1") from None

    @model_validator(mode="after")
    def _separable(self) -> Self:
        is_one_byte = len(self.delimiter) == 1 and self.delimiter.isascii() and self.delimiter not in '\r\n"'
        if self.delimiter != WHITESPACE and not is_one_byte:
            raise ValueError("delimiter of one ASCII character, or 'whitespace'")
        if self.delimiter == self.decimal:
            raise ValueError("another delimiter than the decimal sign")
        return self

    @property
    def names_columns(self) -> bool:
        """Whether columns can be called by their names."""
        return bool(self.header_lines or self.column_names)


class FileFormat(TextFormat):
    """How files of samples are written: one row a sample, one column a channel."""

    missing: tuple[Label, ...] = ("", "NaN")
    """What stands where a sample is missing."""
    time: Column | None = None
    """Column of timestamps; without one, rows follow each other at the sampling rate."""
    time_unit: str = "s"
    """``s``, ``ms``, ``us``, ``ns``, or how date and time are written, as in ``%Y-%m-%d %H:%M:%S.%f``."""

    @field_validator("time_unit")
    @classmethod
    def _unit_or_format(cls, unit: str) -> str:
        if unit not in SECONDS and "%" not in unit:
            raise ValueError(f"{', '.join(SECONDS)}, or a format of date and time such as %Y-%m-%d %H:%M:%S.%f")
        return unit


class ChannelGroup(Settings):
    """Columns of one sensor, each a channel."""

    columns: Annotated[tuple[Column, ...], Field(min_length=1)]
    """Their names, or numbers from 1."""
    place: str
    """Where on the body the sensor is worn."""
    sensor: str
    """What it measures: ``acc``, ``gyro``, ``mag``, or any other word."""
    axes: tuple[Literal["x", "y", "z", ""], ...] | None = None
    """One for each column; ``x``, ``y`` and ``z`` for three columns, none for others."""
    names: tuple[str, ...] | None = None
    """One for each column; place, sensor and axis where absent."""
    unit: str = ""
    """Unit of measure, once scaled."""
    limit: Annotated[float, Field(gt=0)] | None = None
    """Largest size of a value that the sensor can measure, in ``unit``."""
    scale: float = 1.0
    """What values are multiplied by."""
    offset: float = 0.0
    """What is added to them then."""

    @model_validator(mode="after")
    def _one_for_each(self) -> Self:
        for what, given in (("axes", self.axes), ("names", self.names)):
            if given is not None and len(given) != len(self.columns):
                raise ValueError(f"as many {what} as columns: {len(self.columns)}")
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("each column once")
        if self.names is None and len(self.columns) > 1 and not all(self.all_axes):
            raise ValueError("names or axes of the channels, because there are not three columns")
        return self

    @property
    def all_axes(self) -> tuple[str, ...]:
        """The axis of each column."""
        default = AXES if len(self.columns) == len(AXES) else ("",) * len(self.columns)
        return default if self.axes is None else self.axes

    def channels(self) -> Iterator[dict[str, Any]]:
        """What describes each channel."""
        for index, axis in enumerate(self.all_axes):
            name = "_".join(filter(None, (self.place, self.sensor, axis))) if self.names is None else self.names[index]
            rest = self.model_dump(include={"place", "sensor", "unit", "limit"})
            yield {"name": name, "axis": axis, **rest}


class Stream(FileFormat):
    """Files that hold some channels of each session."""

    name: str = Field(default="", pattern=r"^[A-Za-z0-9_.-]*$")
    """What takes the place of ``{stream}`` in the pattern."""
    channels: Annotated[tuple[ChannelGroup, ...], Field(min_length=1)]

    @cached_property
    def parsed(self) -> Pattern:
        """The pattern of its files, with the stream's name in it."""
        return Pattern.parse(self.pattern.replace("{stream}", self.name))


class Intervals(TextFormat):
    """A table of labelled stretches of recordings; what lies between them is none of the activities."""

    subject: Column | None = None
    """Column of the subject's name, as paths of recordings write it, but for zeros before a number."""
    session: Column | None = None
    """Column of the session's name, likewise."""
    label: Column
    """Column of the label."""
    first: Column
    """Column of where a stretch begins."""
    last: Column
    """Column of where it ends."""
    unit: str = "rows"
    """Of both: ``rows``, or as ``time_unit`` of the files."""
    rows_from: Literal[0, 1] = 1
    """The number of the first row of a recording."""
    last_included: bool = True
    """Whether what stands in ``last`` belongs to the stretch."""

    @field_validator("unit")
    @classmethod
    def _rows_or_time(cls, unit: str) -> str:
        if unit not in ("rows", *SECONDS) and "%" not in unit:
            raise ValueError(f"rows, {', '.join(SECONDS)}, or a format of date and time")
        return unit


class Labels(Settings):
    """How rows are labelled, where not by ``{activity}`` in paths."""

    column: Column | None = None
    """Column of the label of each row."""
    stream: str | None = None
    """The stream that has the column; the first one where absent."""
    none: tuple[Label, ...] = ()
    """Labels of rows that are none of the activities."""


class Card(Settings):
    """A whole card."""

    spec: DatasetSpec
    numbers: dict[str, int]
    """The activity number of each label that files may have; 0 for none of the activities."""
    streams: Annotated[tuple[Stream, ...], Field(min_length=1)]
    """The first one says which rows there are."""
    join: Literal["row", "time"] = "row"
    """How rows of streams find each other."""
    labels: Labels = Labels()
    intervals: Intervals | None = None
    subjects: dict[str, int] = Field(default_factory=dict)
    """Numbers of subjects by their names in paths."""

    @cached_property
    def version(self) -> str:
        """SHA-256 of all that the card says, but for words for people."""
        content = {**self.model_dump(mode="json", exclude={"spec"}), "spec": self.spec.version}
        return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()

    @property
    def none_number(self) -> int:
        """The number of rows that have no label."""
        return self.spec.activities.index(self.spec.none) + 1 if self.spec.none in self.spec.activities else 0

    @cached_property
    def parts(self) -> frozenset[str]:
        """What paths of recordings say of them: ``subject`` and perhaps ``session`` and ``activity``."""
        return self.streams[0].parsed.parts
