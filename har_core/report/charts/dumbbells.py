"""How far the score of each model falls from one measurement to another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from har_core.report.charts.axes import WIDTH, Axis, Tick
from har_core.report.formats import fixed, is_number


@dataclass(frozen=True, slots=True, kw_only=True)
class Dumbbell:
    """One model's two scores on one line."""

    name: str
    y: float
    before: float | None
    """Drawn as a ring."""
    after: float | None
    """Drawn as a disc."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dumbbells:
    """Every model's two scores over one axis."""

    height: int
    left: int
    right: int
    bottom: int
    ticks: tuple[Tick, ...]
    rows: tuple[Dumbbell, ...]


def dumbbells(rows: Sequence[tuple[str, float, float]]) -> Dumbbells | None:
    """Name and two scores of each model, as of validation and test; None where there is nothing to draw."""
    values = [value for _, *pair in rows for value in pair if is_number(value)]
    if not values:
        return None
    left, right, row_height, top = 12, WIDTH - 12, 44, 30
    low = math.floor(max(0.0, min(values) - 0.03) * 20) / 20
    high = min(1.0, math.ceil((max(values) + 0.02) * 20) / 20)
    axis = Axis(low=low, high=high, start=left, end=right)
    bottom = top + row_height * len(rows) - 14
    return Dumbbells(
        height=bottom + 24,
        left=left,
        right=right,
        bottom=bottom,
        ticks=axis.ticks(5),
        rows=tuple(
            Dumbbell(
                name=name,
                y=top + row_height * index + 6,
                before=axis(before) if is_number(before) else None,
                after=axis(after) if is_number(after) else None,
                text=f"{fixed(before)} → {fixed(after)}",
            )
            for index, (name, before, after) in enumerate(rows)
        ),
    )
