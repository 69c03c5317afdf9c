"""Reads the recordings that are right, and keeps what is wrong with the others."""

from __future__ import annotations

from collections.abc import Iterator

from har_core.base.errors import InputError, Problem
from har_core.datasets.manifest import MAX_PROBLEMS
from har_core.datasets.recordings import Recording, RecordingKey, Recordings


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
