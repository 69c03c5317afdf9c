"""Pieces of the page's charts as SVG. Colours and fonts belong to the style sheet, by class.

Every chart is as wide as a phone, in units of its pixels, so that its letters keep their size there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.ticker import LogLocator, MaxNLocator

from har_core.report.formats import short

WIDTH = 360
_ROUND_STEPS = (1, 2, 5, 10)


def chart(height: float, label: str, parts: Iterable[Markup]) -> Markup:
    """A whole chart; ``label`` stands for it where it cannot be seen."""
    start = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">\n').format(WIDTH, _plain(height), label)
    return start + Markup("\n").join(parts) + Markup("\n</svg>")


def path(classes: str, *steps: str | float) -> Markup:
    """Commands and coordinates in turn: ``path("grid", "M", x, y, "H", right)``."""
    line = " ".join(step if isinstance(step, str) else _plain(step) for step in steps)
    return Markup('<path class="{}" d="{}"/>').format(classes, line)


def circle(classes: str, x: float, y: float, radius: float, *, title: str = "") -> Markup:
    """A circle around (x, y); a pointer that rests on it shows ``title``."""
    start = Markup('<circle class="{}" cx="{}" cy="{}" r="{}"').format(classes, _plain(x), _plain(y), radius)
    return start + (Markup("><title>{}</title></circle>").format(title) if title else Markup("/>"))


def rectangle(classes: str, x: float, y: float, width: float, height: float, *, title: str = "") -> Markup:
    """A rectangle with rounded corners; a pointer that rests on it shows ``title``."""
    start = Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="2"').format(
        classes, *map(_plain, (x, y, width, height))
    )
    return start + (Markup("><title>{}</title></rect>").format(title) if title else Markup("/>"))


def text(classes: str, x: float, y: float, words: str, anchor: str = "start") -> Markup:
    """Words on the baseline y; ``anchor`` says whether x is their start, middle or end."""
    return Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>').format(
        classes, _plain(x), _plain(y), anchor, words
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Values from ``low`` to ``high`` placed from ``start`` to ``end``."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """Where ``value`` lies; values beyond the axis lie at its end."""
        low, high, value = self.low, self.high, min(max(value, self.low), self.high)
        if self.logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self, count: int, *, integer: bool = False) -> list[tuple[float, str]]:
        """Position and label of about ``count`` round values; a logarithmic axis has those that start with 1, 2, 5."""
        locator: LogLocator | MaxNLocator = MaxNLocator(count, steps=_ROUND_STEPS, integer=integer)
        if self.logarithmic:
            locator = LogLocator(subs=(1,) if self.high > 100 * self.low else (1, 2, 5))
        values = [round(value, 9) for value in locator.tick_values(self.low, self.high)]  # not 0.15000000000000002
        return [(self(value), short(value)) for value in values if self.low <= value <= self.high]


def score_axis(scores: Iterable[float], *, start: float, end: float) -> Axis:
    """An axis with room around all ``scores``, from and to a multiple of 0.05 within 0 and 1."""
    scores = list(scores)
    low, high = math.floor(20 * (min(scores) - 0.03)) / 20, math.ceil(20 * (max(scores) + 0.02)) / 20
    return Axis(low=max(0.0, low), high=min(1.0, high), start=start, end=end)


def across(axis: Axis, count: int, *, left: float, right: float) -> list[Markup]:
    """Horizontal grid lines with their values at the left."""
    return [
        part
        for y, label in axis.ticks(count)
        for part in (path("grid", "M", left, y, "H", right), text("tick", left - 6, y + 4, label, "end"))
    ]


def down(axis: Axis, count: int, *, top: float, bottom: float) -> list[Markup]:
    """Vertical grid lines with their values below."""
    return [
        part
        for x, label in axis.ticks(count)
        for part in (path("grid", "M", x, top, "V", bottom), text("tick", x, bottom + 16, label, "middle"))
    ]


def _plain(number: float) -> str:
    """One decimal at most."""
    return f"{round(number, 1):g}"
