"""Reads the recordings that are right, keeps what is wrong with the others, and makes them regular for a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from har_core.base.errors import InputError, Problem
from har_core.datasets.manifest import MAX_PROBLEMS
from har_core.datasets.recordings import Outline, Recording, RecordingKey, Recordings, recordings_of
from har_core.spec.dataset import DatasetSpec
from har_core.windows.regular import regular


def readable(recordings: Recordings, wrong: dict[RecordingKey, InputError]) -> Iterator[Recording]:
    """Those that are not wrong; what is wrong with the others is kept in ``wrong``, and they are not read again.

    Raises:
        InputError: so much is wrong that the others are not read.
    """
    num_problems = 0
    for key in recordings.outlines:
        if key in wrong:
            continue
        try:
            recording = recordings.load(key)
        except InputError as error:
            wrong[key] = error
            num_problems += len(error.problems)
        else:
            yield recording
        if num_problems >= MAX_PROBLEMS:
            value, expected = f"{num_problems} problems", "fewer problems; the recordings after it were not read"
            problems = [problem for error in wrong.values() for problem in error.problems]
            wrong.clear()
            problem = Problem(path=str(key), value=value, expected=expected)
            raise InputError("Too much is wrong with the recordings", [*problems, problem])


class MadeRegular(NamedTuple):
    """A recording at the rate of a model, with no value missing."""

    recording: Recording
    """Its times are in s from the first row that was read; parts have none."""
    places: npt.NDArray[np.int64]
    """(R,) the nearest row that was read."""
    outline: Outline
    """Of the rows that were read."""


def made_regular(recordings: Iterable[Recording], spec: DatasetSpec, sampling_rate_hz: float) -> Iterator[MadeRegular]:
    """Recordings of ``spec`` at another rate, broken where too much is missing, but for those of which nothing is left.

    Parts of one length are handed on as they are where they are at this rate.
    """
    for recording in recordings:
        made = regular(recordings_of(spec, [recording]), sampling_rate_hz=sampling_rate_hz)
        rows = made.row_maps.get(recording.key)
        every = np.arange(recording.outline.num_rows)
        positions = every if rows is None else rows.positions
        seconds = every / spec.sampling_rate_hz if recording.times is None else recording.times - recording.times[0]
        for own in made.recordings:
            times = None if own.outline.in_parts else np.interp(positions, every, seconds)
            yield MadeRegular(replace(own, times=times), np.rint(positions).astype(np.int64), recording.outline)
