"""A chart of scores by number, a line for each kind; every line has its name at its end."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from har_core.report.svg import WIDTH, Axis, across, chart, circle, path, score_axis, text

_LEFT, _RIGHT, _TOP, _BOTTOM = 34, WIDTH - 78, 24, 244
_BETWEEN_NAMES = 13
_BESIDE = 3
"""Between points of two lines at the same number, where intervals would cover each other."""
_FEWEST_BETWEEN_TICKS = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The scores of one kind."""

    kind: str
    """What the style sheet knows it by."""
    name: str
    scores: Mapping[int, float]
    """By number, ascending; a line with one score alone is a level. At 0 all lines meet that have a score there."""
    intervals: Mapping[int, tuple[float, float]]
    """Where there are any."""

    @property
    def every(self) -> list[float]:
        """All scores, and the ends of all intervals."""
        return [*self.scores.values(), *(end for interval in self.intervals.values() for end in interval)]


def common_axis(lines: Sequence[Line]) -> Axis:
    """Of several charts, so that they can be compared."""
    return score_axis([score for line in lines for score in line.every], start=_BOTTOM, end=_TOP)


def line_chart(lines: Sequence[Line], y: Axis, *, x_label: str, label: str) -> Markup:
    """A chart of ``lines``, at least one; numbers stand side by side at equal distances, whatever they are.

    Args:
        lines: from the one that is drawn first; later ones cover it.
        y: the axis of scores, :func:`common_axis`.
        x_label: what the numbers are of.
        label: of the chart.
    """
    numbers = sorted({number for line in lines for number in line.scores})
    place = {number: _LEFT + 10 + _step(numbers) * index for index, number in enumerate(numbers)}
    parts = [text("title", _LEFT, _TOP - 12, "macro-F1"), *across(y, 5, left=_LEFT, right=_RIGHT)]
    every_nth = math.ceil(_FEWEST_BETWEEN_TICKS / _step(numbers))
    parts += [text("tick", place[n], _BOTTOM + 17, str(n), "middle") for n in numbers[::every_nth]]
    parts.append(text("tick", _RIGHT, _BOTTOM + 34, x_label, "end"))
    has_intervals = any(line.intervals for line in lines)
    for index, line in enumerate(lines):
        shift = _BESIDE * (index - (len(lines) - 1) / 2) if has_intervals else 0.0
        parts += _drawn(line, {number: x + (shift if number else 0) for number, x in place.items()}, y)
    parts += _names(lines, y)
    return chart(_BOTTOM + 40, label, parts)


def _step(numbers: Sequence[int]) -> float:
    return (_RIGHT - 10 - _LEFT - 10) / max(1, len(numbers) - 1)


def _drawn(line: Line, place: Mapping[int, float], y: Axis) -> Iterator[Markup]:
    for number, (low, high) in line.intervals.items():
        yield path(f"interval {line.kind}", "M", place[number], y(low), "V", y(high))
    steps = [step for number, score in line.scores.items() for step in ("L", place[number], y(score))][1:]
    is_level = len(line.scores) == 1
    yield path(f"line {line.kind}", "M", *([_LEFT, steps[1], "H", _RIGHT] if is_level else steps))
    for number, score in line.scores.items():
        yield circle(f"edged point {line.kind}", place[number], y(score), 2.8)


def _names(lines: Sequence[Line], y: Axis) -> Iterator[Markup]:
    """Level with the ends of the lines, or as near as others allow."""
    ends = sorted(((y(list(line.scores.values())[-1]), line) for line in lines), key=lambda end: end[0])
    for height, (_, line) in zip(spread([end for end, _ in ends]), ends, strict=True):
        yield text(f"way {line.kind}", _RIGHT + 8, height + 4, line.name)


def spread(heights: Sequence[float]) -> list[float]:
    """Ascending heights, moved apart, first down and then up from the foot of the chart; few fit between both.

    >>> spread([30, 32, 100]), spread([240, 243])
    ([30, 43, 100], [231, 244])
    """
    places: list[float] = []
    for height in heights:
        places.append(max(height, places[-1] + _BETWEEN_NAMES) if places else height)
    lowest: float = _BOTTOM
    for index in reversed(range(len(places))):
        places[index] = min(places[index], lowest)
        lowest = places[index] - _BETWEEN_NAMES
    return places
