"""Recordings, one at a time: a subject doing an activity, as an array of whole segments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from har_core.base.errors import InputError, Problem, counted
from har_core.datasets.dsads.layout import NUM_CHANNELS, SEGMENT_LENGTH, RecordingKey
from har_core.datasets.dsads.listing import SegmentFile, Source
from har_core.datasets.dsads.reader import SegmentText, canonical, parse_segments
from har_core.datasets.dsads.source import open_source
from har_core.datasets.origin import Origin


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recording:
    """All segments of one subject doing one activity.

    Raises:
        InputError: there are no segments, or the samples have another shape or type.
    """

    subject: int
    activity: int
    """1 to 19; ``ACTIVITIES[activity - 1]`` is its name."""
    segments: tuple[int, ...]
    """Segment numbers (S), ascending; gaps are possible."""
    samples: npt.NDArray[np.float32]
    """(C, R) in sensor units: 45 channels, each contiguous, of R = S * 125 rows, one segment after another."""

    def __post_init__(self) -> None:
        expected = (NUM_CHANNELS, len(self.segments) * SEGMENT_LENGTH)
        if self.samples.shape != expected or self.samples.dtype != np.float32 or not self.segments:
            problem = Problem(
                path=str(self.key),
                value=f"{self.samples.dtype} {self.samples.shape}",
                expected=f"float32 {expected}: channels, rows of {counted(len(self.segments), 'segment')}",
            )
            raise InputError("A recording has another shape than its segments", [problem])

    @property
    def key(self) -> RecordingKey:
        """What names the recording."""
        return RecordingKey(self.subject, self.activity)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Recordings:
    """Recordings of a source, in order of their keys; each is read when it is asked for, and not kept."""

    segments: Mapping[RecordingKey, tuple[int, ...]]
    """The segment numbers of each, ascending."""
    _load: Callable[[RecordingKey], Recording]
    origin: Origin

    def __len__(self) -> int:
        return len(self.segments)

    def __iter__(self) -> Iterator[Recording]:
        return map(self._load, self.segments)

    def load(self, subject: int, activity: int) -> Recording:
        """Read one recording.

        Raises:
            KeyError: there is none.
            InputError: its files are wrong; every problem is named.
        """
        return self._load(RecordingKey(subject, activity))


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
    groups = opened.by_recording()

    def load(key: RecordingKey) -> Recording:
        try:
            return read_recording(opened, groups[key])[0]
        except InputError as error:
            number = counted(len(error.problems), "problem")
            raise InputError(f"{opened.location}: {number} in {key}", error.problems) from error

    segments = {key: tuple(file.key.segment for file in files) for key, files in groups.items()}
    return Recordings(segments, load, origin=opened.origin)


def read_recording(
    source: Source, files: Sequence[SegmentFile]
) -> tuple[Recording, Sequence[bytes], Sequence[SegmentText]]:
    """Read and parse the files of one recording.

    Returns:
        The recording; of each file its bytes, and its text in canonical form.

    Raises:
        InputError: with every problem of every file.
    """
    names: list[str] = []
    contents: list[bytes] = []
    problems: list[Problem] = []
    for file in files:
        try:
            contents.append(source.read(file))
            names.append(source.name(file))
        except InputError as error:
            problems += error.problems
    texts = [canonical(content) for content in contents]
    try:
        samples = parse_segments(texts, names) if texts else None
    except InputError as error:
        problems += error.problems
    if problems or samples is None:
        raise InputError(f"{source.location}: {counted(len(problems), 'problem')}", problems)
    key, segments = files[0].key.recording, tuple(file.key.segment for file in files)
    return Recording(subject=key.subject, activity=key.activity, segments=segments, samples=samples), contents, texts
