"""Recordings of any data set: a subject in a session, as samples with a label for each row.

Where they come from, and how files become recordings, is in the packages beside. Letters: C channels, R rows of a
recording, S segments of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from har_core.base.errors import InputError, Problem, counted
from har_core.datasets.origin import Origin
from har_core.spec.dataset import DatasetSpec


class RecordingKey(NamedTuple):
    """Names a recording, a subject in a session; sorts by subject, then session."""

    subject: int
    session: int

    def __str__(self) -> str:
        return f"subject {self.subject}, session {self.session}"


class LabelRun(NamedTuple):
    """Rows one after another with one label."""

    activity: int
    """Activity number; 0 for none of them."""
    num_rows: int


@dataclass(frozen=True, slots=False, kw_only=True)
class Outline:
    """How the R rows of a recording are divided into S segments, and labelled; known before a sample is read."""

    segments: tuple[int, ...]
    """Segment numbers, ascending; gaps are possible."""
    lengths: tuple[int, ...]
    """Rows of each segment."""
    labels: tuple[LabelRun, ...]
    """Over all rows in order."""
    in_parts: bool = False
    """Whether a segment may go on into the next number: parts of one length, as files hold them. Else each join is a
    break."""

    @classmethod
    def of_parts(cls, segments: Sequence[int], length: int, activity: int) -> Self:
        """Segments of one length and one activity, which may go on into each other."""
        numbers = tuple(segments)
        run = LabelRun(activity, len(numbers) * length)
        return cls(segments=numbers, lengths=(length,) * len(numbers), labels=(run,), in_parts=True)

    @cached_property
    def num_rows(self) -> int:
        """R."""
        return sum(self.lengths)

    @cached_property
    def starts(self) -> npt.NDArray[np.int64]:
        """(S + 1,) the first row of each segment, and R."""
        return np.cumsum([0, *self.lengths])

    @cached_property
    def is_joinable(self) -> npt.NDArray[np.bool_]:
        """(S - 1,) whether a segment may go on into the next one: parts whose numbers follow each other."""
        joinable: npt.NDArray[np.bool_] = (np.diff(np.asarray(self.segments)) == 1) & self.in_parts
        return joinable

    def index_of(self, rows: npt.ArrayLike) -> npt.NDArray[np.intp]:
        """The index among the segments that each row lies in."""
        return np.searchsorted(self.starts, rows, side="right") - 1

    def place_of(self, row: int) -> tuple[int, int]:
        """The segment number of a row, and the row counted from that segment's first."""
        index = int(self.index_of(row))
        return self.segments[index], row - int(self.starts[index])

    def row_of(self, segment: int, row: int) -> int | None:
        """The row of a place, counted from the start of the recording; None if there is no such segment."""
        return int(self.starts[self.segments.index(segment)]) + row if segment in self.segments else None

    @cached_property
    def activities(self) -> frozenset[int]:
        """The activity numbers of its rows."""
        return frozenset(run.activity for run in self.labels)

    def row_labels(self) -> npt.NDArray[np.int8]:
        """(R,) the activity number of each row."""
        numbers = np.array([run.activity for run in self.labels], dtype=np.int8)
        return np.repeat(numbers, [run.num_rows for run in self.labels])


def label_runs(labels: npt.NDArray[np.integer]) -> tuple[LabelRun, ...]:
    """Activity numbers (R,) as runs.

    >>> label_runs(np.array([2, 2, 0]))
    (LabelRun(activity=2, num_rows=2), LabelRun(activity=0, num_rows=1))
    """
    firsts = np.flatnonzero(np.append(True, labels[1:] != labels[:-1])) if len(labels) else np.empty(0, np.intp)
    sizes = np.diff(np.append(firsts, len(labels)))
    return tuple(LabelRun(*map(int, run)) for run in zip(labels[firsts], sizes, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recording:
    """One subject in one session.

    Raises:
        InputError: samples, times or labels do not fit the outline, or times go back.
    """

    subject: int
    session: int
    outline: Outline
    samples: npt.NDArray[np.float32]
    """(C, R) in the channels' units, each channel contiguous; NaN where a value is missing."""
    times: npt.NDArray[np.float64] | None = None
    """(R,) seconds from any beginning, ascending; None where rows follow each other at the rate of the data set."""

    def __post_init__(self) -> None:
        outline, num_rows = self.outline, self.samples.shape[-1]
        rows = counted(outline.num_rows, "row")
        problems = []
        if self.samples.ndim != 2 or self.samples.dtype != np.float32 or num_rows != outline.num_rows or not num_rows:  # noqa: PLR2004 - channels, rows
            expected = f"float32 (channels, {outline.num_rows}): {rows} of {counted(len(outline.segments), 'segment')}"
            problems.append((f"{self.samples.dtype} {self.samples.shape}", expected))
        if sum(run.num_rows for run in outline.labels) != outline.num_rows:
            problems.append((f"labels of {sum(run.num_rows for run in outline.labels)} rows", f"labels of {rows}"))
        if self.times is not None and self.times.shape != (outline.num_rows,):
            problems.append((f"times {self.times.shape}", f"a time for each of {rows}"))
        elif self.times is not None and not (np.isfinite(self.times).all() and (np.diff(self.times) >= 0).all()):
            problems.append(("times that go back, or are no numbers", "finite times in ascending order"))
        if problems:
            found = [Problem(path=str(self.key), value=value, expected=expected) for value, expected in problems]
            raise InputError("A recording has another shape than its segments", found)

    @property
    def key(self) -> RecordingKey:
        """What names the recording."""
        return RecordingKey(self.subject, self.session)


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class Recordings:
    """Recordings of a source, in order of their keys; each is read when it is asked for, and not kept."""

    spec: DatasetSpec
    outlines: Mapping[RecordingKey, Outline]
    load: Callable[[RecordingKey], Recording]
    """Reads one recording. Raises KeyError: there is none; InputError: its files are wrong, with every problem."""
    origin: Origin

    def __len__(self) -> int:
        return len(self.outlines)

    def __iter__(self) -> Iterator[Recording]:
        return map(self.load, self.outlines)

    @property
    def subjects(self) -> tuple[int, ...]:
        """Ascending."""
        return tuple(sorted({key.subject for key in self.outlines}))


def recordings_of(spec: DatasetSpec, recordings: Sequence[Recording], *, origin: Origin = "real") -> Recordings:
    """Recordings that are in memory, in order of their keys."""
    by_key = {recording.key: recording for recording in sorted(recordings, key=lambda one: one.key)}
    outlines = {key: recording.outline for key, recording in by_key.items()}
    return Recordings(spec=spec, outlines=outlines, load=by_key.__getitem__, origin=origin)
