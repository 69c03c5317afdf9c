"""Reads the recordings that are right, keeps what is wrong with the others, and makes them regular for a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from har_core.base.errors import InputError, Problem
from har_core.datasets.manifest import MAX_PROBLEMS
from har_core.datasets.recordings import Recording, RecordingKey, Recordings, recordings_of
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


def made_regular(
    recordings: Iterable[Recording], spec: DatasetSpec, sampling_rate_hz: float
) -> Iterator[tuple[Recording, list[float]]]:
    """Recordings of ``spec`` at another rate and with no value missing, broken where too much is.

    Returns:
        Each, but for those of which nothing is left; and where its segments begin, in s from its own beginning.
    """
    for recording in recordings:
        made = regular(recordings_of(spec, [recording]), sampling_rate_hz=sampling_rate_hz)
        rows = made.row_maps.get(recording.key)
        firsts = recording.outline.starts[:-1].tolist() if rows is None else [piece.first for piece in rows.pieces]
        times = recording.times
        starts = [row / spec.sampling_rate_hz if times is None else float(times[row] - times[0]) for row in firsts]
        for own in made.recordings:
            yield own, starts
