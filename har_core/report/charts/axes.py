"""Axes: from values to positions, with round values to label."""

from __future__ import annotations

import math
from dataclasses import dataclass

from matplotlib.ticker import LogLocator, MaxNLocator

from har_core.report.formats import short

WIDTH = 360
"""Every drawing is as wide as a phone, so that its letters keep their size there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A labelled place on an axis."""

    position: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Values from ``low`` to ``high`` onto positions from ``start`` to ``end``."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """The position of ``value``."""
        low, high, at = (
            (math.log(self.low), math.log(self.high), math.log(value))
            if self.logarithmic
            else (self.low, self.high, value)
        )
        return round(self.start + (at - low) / (high - low) * (self.end - self.start), 1)

    def ticks(self, count: int) -> tuple[Tick, ...]:
        """About ``count`` round values within the axis."""
        if self.logarithmic:
            is_wide = self.high > self.low * 100
            values = LogLocator(subs=(1.0,) if is_wide else (1.0, 2.0, 5.0)).tick_values(self.low, self.high)
        else:
            values = MaxNLocator(count, steps=[1, 2, 5, 10]).tick_values(self.low, self.high)
        rounded = [float(f"{value:.9g}") for value in values]  # 0.15 rather than 0.15000000000000002
        return tuple(
            Tick(position=self(value), label=short(value)) for value in rounded if self.low <= value <= self.high
        )
