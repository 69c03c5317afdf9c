"""Streams of one session become samples on one sequence of rows; letters: R rows, C channels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from har_core.base.errors import InputError, Problem, counted
from har_core.datasets.cards.reader import Rows

MOST_STEPS = 5
"""A hole is longer than so many usual steps; nothing is interpolated across it."""
RATE_TOLERANCE = 0.05
"""How far the measured rate may be off the one that the card claims."""

_MIN_ROWS = 100
"""In fewer, a channel may well stay the same."""
_MOST_SHOWN = 100


class Joined(NamedTuple):
    """Streams on the rows of the first one."""

    samples: npt.NDArray[np.float32]
    """(C, R)."""
    first: int
    """The row of the first stream that is the first here."""


def join_by_row(streams: Sequence[Rows]) -> Joined:
    """Streams whose rows belong together.

    Raises:
        InputError: one has more rows than another.
    """
    num_rows = streams[0].num_rows
    problems = [
        Problem(
            path=rows.text.name,
            value=counted(rows.num_rows, "row"),
            expected=f"{counted(num_rows, 'row')}, as in {streams[0].text.name}",
        )
        for rows in streams[1:]
        if rows.num_rows != num_rows
    ]
    if problems:
        raise InputError("The files of a session are of unequal length", problems)
    return Joined(streams[0].samples if len(streams) == 1 else np.vstack([rows.samples for rows in streams]), 0)


def join_by_time(streams: Sequence[Rows]) -> Joined:
    """The others interpolated linearly onto the times of the first stream, where all were recorded.

    Values are NaN where a stream has a hole, see :data:`MOST_STEPS`.

    Raises:
        InputError: there is no time at which all were recorded.
    """
    # In equal units nothing is rounded: seconds since 1970 have steps of a quarter of a microsecond.
    is_equal = len({rows.tick_s for rows in streams}) == 1
    clocks = [_present(rows.ticks if is_equal else rows.times, rows) for rows in streams]
    begin, end = max(times[0] for times in clocks), min(times[-1] for times in clocks)
    first, last = np.searchsorted(clocks[0], begin, side="left"), np.searchsorted(clocks[0], end, side="right")
    if last <= first:
        told = [_present(rows.times, rows) for rows in streams]
        ranges = ", ".join(f"{times[0]:.3f} to {times[-1]:.3f} s" for times in told)
        problem = Problem(path=streams[0].text.name, value=ranges, expected="streams that were recorded at one time")
        raise InputError("The files of a session are of different times", [problem])
    own = clocks[0][first:last]
    parts = [streams[0].samples[:, first:last]]
    parts += [interpolate(rows.samples, times, own) for rows, times in zip(streams[1:], clocks[1:], strict=True)]
    return Joined(np.vstack(parts), int(first))


def interpolate(
    samples: npt.NDArray[np.float32], times: npt.NDArray[np.float64], at: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    """Samples (C, R) taken at ``times`` (R,), linearly at ``at`` (Q,), which lies within them.

    Returns:
        (C, Q); NaN in holes, and beside missing values.
    """
    left = np.searchsorted(times, at, side="right") - 1
    right = np.minimum(left + 1, len(times) - 1)
    gaps = times[right] - times[left]
    since = at - times[left]
    weights = np.divide(since, gaps, out=np.zeros_like(since), where=gaps > 0).astype(np.float32)
    before = samples[:, left]
    moved = before + weights * (samples[:, right] - before)
    result: npt.NDArray[np.float32] = np.where(weights == 0, before, moved)
    result[:, (gaps > MOST_STEPS * usual_step(times)) & (weights > 0)] = np.nan
    return result


def usual_step(times: npt.NDArray[np.float64]) -> float:
    """Median seconds from row to row; 0 for a single row."""
    return _median(times[1:] - times[:-1]) if len(times) > 1 else 0.0


def _median(values: npt.NDArray[np.float64]) -> float:
    """As ``np.median``, which takes ten times as long for a short file."""
    middle = len(values) // 2
    if len(values) % 2:
        return float(np.partition(values, middle)[middle])
    ordered = np.partition(values, (middle - 1, middle))
    return float((ordered[middle - 1] + ordered[middle]) / 2)


def measured_rate(times: npt.NDArray[np.float64], claimed_hz: float) -> float | None:
    """Rows a second, as the median of single steps, or of stretches of about a second; None for a single row.

    What is nearer to the claim counts: steps mislead where rows come in bursts, and clocks of phones tell whole
    milliseconds; stretches mislead where there are many holes.
    """
    if len(times) < 2:  # noqa: PLR2004 - no step
        return None
    rates = []
    for span in (1, min(len(times) - 1, max(1, round(claimed_hz)))):
        seconds = _median(times[span:] - times[:-span])
        rates.append(span / seconds if seconds > 0 else float("inf"))
    return min(rates, key=lambda rate: max(rate / claimed_hz, claimed_hz / rate) if rate else float("inf"))


def check_times(rows: Rows, claimed_hz: float) -> Iterator[Problem]:
    """Timestamps that go back, and a rate that is not the claimed one."""
    times = rows.times
    if times is None or rows.time_column is None:
        return
    text, column = rows.text, rows.time_column + 1
    back = np.flatnonzero(times[1:] < times[:-1]) + 1
    lines = lines_of(rows, back[:_MOST_SHOWN])
    for row in back[:_MOST_SHOWN]:
        value = f"{times[row - 1] - times[row]:.6g} s before the row above"
        expected = "timestamps that never go back"
        yield Problem(path=text.name, line=lines[int(row)], column=column, value=value, expected=expected)
    rate = measured_rate(times, claimed_hz)
    if not len(back) and rate is not None and not abs(rate / claimed_hz - 1) <= RATE_TOLERANCE:
        expected = f"about {claimed_hz:g} rows a second, as sampling_rate_hz says; check time_unit too"
        yield Problem(path=text.name, column=column, value=f"{rate:.4g} rows a second", expected=expected)


def check_channels(streams: Sequence[Rows], names: Sequence[str]) -> Iterator[Problem]:
    """Channels that are the same, or missing, in every row of a file that is not short."""
    position = 0
    for rows in streams:
        low, high = np.fmin.reduce(rows.samples, axis=1), np.fmax.reduce(rows.samples, axis=1)
        for index, column in enumerate(rows.columns):
            name = names[position]
            position += 1
            if rows.num_rows <= _MIN_ROWS or low[index] < high[index]:
                continue
            what = "nothing" if np.isnan(low[index]) else f"{low[index]:g}"
            value = f"{what} in each of {rows.num_rows} rows"
            expected = f"values of {name} that change"
            yield Problem(path=rows.text.name, column=column + 1, value=value, expected=expected)


def lines_of(rows: Rows, wanted: Sequence[int] | npt.NDArray[np.intp]) -> Mapping[int, int]:
    """The lines of rows, which count from 0; slow."""
    asked = {int(row) for row in wanted}
    if not asked:
        return {}
    return {index: line for index, (line, _) in enumerate(rows.text.lines()) if index in asked}


def _present(times: npt.NDArray[np.float64] | None, rows: Rows) -> npt.NDArray[np.float64]:
    if times is None:
        raise AssertionError(f"{rows.text.name}: joined by time without timestamps")
    return times
