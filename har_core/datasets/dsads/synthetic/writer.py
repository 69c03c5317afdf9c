"""Writes synthetic recordings into a folder of text files, whole or not at all, with a marker that says what they are.

The same seed gives the same bytes on one machine. A recording depends on seed, subject and activity alone, and a longer
one begins like a shorter one: more subjects or more segments leave the files that were there unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl

from har_core.base.progress import Progress
from har_core.datasets.dsads.layout import NUM_ACTIVITIES, SEGMENT_LENGTH, segment_path
from har_core.datasets.dsads.synthetic.activities import TABLE
from har_core.datasets.dsads.synthetic.motion import MovingBody
from har_core.datasets.dsads.synthetic.sensors import sense
from har_core.datasets.dsads.synthetic.smoothness import BLOCK_LENGTH, Array
from har_core.datasets.dsads.synthetic.subjects import COURSE_STREAM, NOISE_STREAM, generator, make_person
from har_core.datasets.made import made_folder
from har_core.settings.source import SourceSettings

_DECIMALS = 5
_SEGMENTS_PER_BLOCK = BLOCK_LENGTH // SEGMENT_LENGTH


def write_recordings(folder: Path, settings: SourceSettings, progress: Progress) -> None:
    """Write ``num_subjects`` x 19 x ``num_segments`` files ``aNN/pN/sNN.txt`` and a marker into ``folder``.

    What is raised, and what is replaced: :func:`har_core.datasets.made.made_folder`.
    """
    seed, num_segments = settings.seed, settings.num_segments
    places = list(product(range(1, NUM_ACTIVITIES + 1), range(1, settings.num_subjects + 1)))
    with made_folder(folder, by=__name__, seed=seed) as temporary:
        progress("synthetic files", 0, len(places) * num_segments)
        for num_done, (activity, subject) in enumerate(places, start=1):
            rows = make_recording(seed=seed, subject=subject, activity=activity, num_segments=num_segments)
            (temporary / segment_path(subject=subject, activity=activity, segment=1)).parent.mkdir(parents=True)
            for segment, text in enumerate(_segment_texts(rows), start=1):
                path = temporary / segment_path(subject=subject, activity=activity, segment=segment)
                path.write_bytes(text)
            progress("synthetic files", num_done * num_segments, len(places) * num_segments)


def make_recording(*, seed: int, subject: int, activity: int, num_segments: int) -> Array:
    """The rows (num_segments * 125, 45) of one subject doing one activity without a break, in sensor units."""
    num_blocks = -(-num_segments // _SEGMENTS_PER_BLOCK)
    person = make_person(seed, subject, activity)
    courses = generator(seed, subject, activity, COURSE_STREAM)
    noise = generator(seed, subject, activity, NOISE_STREAM)
    body = MovingBody(person, TABLE[activity], num_blocks=num_blocks, generator=courses)
    blocks = [
        sense(body.next_block(), person, magnetic=TABLE[activity].magnetic, generator=noise) for _ in range(num_blocks)
    ]
    return np.concatenate(blocks)[: num_segments * SEGMENT_LENGTH]


def _segment_texts(rows: Array) -> Iterator[bytes]:
    """The text of each segment of ``rows`` (R, 45); one call of the CSV writer for all of them."""
    rounded = np.round(rows, _DECIMALS) + 0.0  # + 0.0: no "-0.00000"
    text = pl.from_numpy(rounded).write_csv(include_header=False, float_precision=_DECIMALS).encode("ascii")
    line_ends = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == ord("\n")) + 1
    ends = line_ends[SEGMENT_LENGTH - 1 :: SEGMENT_LENGTH]
    for start, end in zip((0, *ends[:-1]), ends, strict=True):
        yield text[start:end]
