"""Recordings, one at a time: a subject doing an activity, as an array of whole segments.

Where the text lies is the source's business, and what is accepted the reader's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from har_core.base.errors import InputError, Problem, counted
from har_core.datasets.dsads.layout import RecordingKey
from har_core.datasets.dsads.listing import SegmentFile, group_by_recording
from har_core.datasets.dsads.reader import canonical, find_problems, parse_table, samples_of
from har_core.datasets.dsads.source import Source, open_source


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recording:
    """All segments of one subject doing one activity."""

    subject: int
    activity: int
    """1 to 19; ``ACTIVITIES[activity - 1]`` is its name."""
    segments: tuple[int, ...]
    """Segment numbers (S), ascending; gaps are possible."""
    samples: npt.NDArray[np.float32]
    """(S, 125, 45) in sensor units; each channel is contiguous in memory."""


class Recordings:
    """Recordings of a source in order of their keys; each is read when it is asked for, and not kept."""

    def __init__(
        self,
        keys: Sequence[RecordingKey],
        load: Callable[[RecordingKey], Recording],
        *,
        origin: Literal["real", "synthetic"],
        segments: Mapping[RecordingKey, tuple[int, ...]] | None = None,
    ) -> None:
        self.keys = tuple(keys)
        self.origin = origin
        self._load = load
        self._segments = segments

    @property
    def segments(self) -> Mapping[RecordingKey, tuple[int, ...]]:
        """Segment numbers of each recording, ascending; where the source did not tell, every recording is read."""
        if self._segments is None:
            self._segments = {key: self._load(key).segments for key in self.keys}
        return self._segments

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[Recording]:
        return map(self._load, self.keys)

    def load(self, *, subject: int, activity: int) -> Recording:
        """Read one recording.

        Raises:
            KeyError: there is none.
            InputError: its files are wrong; every problem is named.
        """
        key = RecordingKey(subject, activity)
        if key not in self.keys:
            raise KeyError(key)
        return self._load(key)


def read_recordings(source: Path | str | Source) -> Recordings:
    """Read DSADS recordings from a directory, a zip, or an open source, one recording at a time.

    Args:
        source: ``aNN/pN/sNN.txt`` files in a directory (at its top or one level below) or in a zip.

    Returns:
        Recordings, read as they are iterated over; iterating raises InputError with every problem of a recording.

    Raises:
        InputError: there is nothing to read, or the listing is wrong.
    """
    opened = open_source(Path(source)) if isinstance(source, Path | str) else source
    groups = group_by_recording(opened.files)

    def load(key: RecordingKey) -> Recording:
        parsed = parse_files(opened, groups[key])
        if parsed.table is None:
            place = f"subject {key.subject}, activity {key.activity}"
            raise InputError(
                f"{opened.location}: {counted(len(parsed.problems), 'problem')} in {place}", parsed.problems
            )
        return recording_of(parsed.table, key, parsed.segments)

    segments = {key: tuple(file.key.segment for file in files) for key, files in groups.items()}
    return Recordings(tuple(groups), load, origin=opened.origin, segments=segments)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFiles:
    """The files of one recording, read and parsed."""

    files: tuple[SegmentFile, ...]
    contents: tuple[bytes, ...]
    """Bytes of each file as they lie in the source; of those that could be read."""
    statuses: tuple[str, ...]
    """``ok`` and what was accepted, for each of ``contents``."""
    table: pa.Table | None
    """One column for each channel, 125 rows for each file; None where there are problems."""
    problems: tuple[Problem, ...]

    @property
    def segments(self) -> tuple[int, ...]:
        """Segment numbers of the files."""
        return tuple(file.key.segment for file in self.files)


def parse_files(source: Source, files: Sequence[SegmentFile]) -> ParsedFiles:
    """Read and parse the files of one recording; raises nothing for what is wrong with them."""
    names: list[str] = []
    contents: list[bytes] = []
    problems: list[Problem] = []
    for file in files:
        try:
            contents.append(source.read(file))
            names.append(source.name(file))
        except InputError as error:
            problems.extend(error.problems)
    texts = [canonical(content) for content in contents]
    table = parse_table(texts)
    if table is None:
        problems.extend(
            problem for name, text in zip(names, texts, strict=True) for problem in find_problems(name, text)
        )
    return ParsedFiles(
        files=tuple(files),
        contents=tuple(contents),
        statuses=tuple(text.status for text in texts),
        table=None if problems else table,
        problems=tuple(problems),
    )


def recording_of(table: pa.Table, key: RecordingKey, segments: Sequence[int]) -> Recording:
    """A recording from the table of its channels, in the order of its segments."""
    return Recording(subject=key.subject, activity=key.activity, segments=tuple(segments), samples=samples_of(table))
