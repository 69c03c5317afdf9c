"""One dot a subject: how a model does on each person, around its mean."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from har_core.report.charts.axes import WIDTH, Axis, Tick

_RADIUS = 7.5
_SMALL_RADIUS = 3.5
_MOST_NUMBERED = 24
"""With more subjects than this, dots are small and carry no number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One subject."""

    label: str
    """Its number; empty where there are too many to read."""
    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SwarmRow:
    """One model."""

    name: str
    text: str
    name_y: float
    top: float
    bottom: float
    dots: tuple[Dot, ...]
    mean: float
    low: float
    """A standard deviation below the mean, or the mean where there is none."""
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Swarm:
    """Every model's subjects over one axis."""

    height: float
    left: int
    right: int
    bottom: float
    radius: float
    ticks: tuple[Tick, ...]
    rows: tuple[SwarmRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spots:
    """What one row shows."""

    name: str
    text: str
    by_subject: Mapping[int, float]
    mean: float
    standard_deviation: float | None


def swarm(rows: Sequence[Spots]) -> Swarm | None:
    """Dots of each of ``rows``, beside each other where they would cover one another; None without any dot."""
    values = [value for row in rows for value in (*row.by_subject.values(), row.mean)]
    if not any(row.by_subject for row in rows):
        return None
    radius = _RADIUS if max(len(row.by_subject) for row in rows) <= _MOST_NUMBERED else _SMALL_RADIUS
    left, right = 12, WIDTH - 12
    low = math.floor(max(0.0, min(values) - 0.02) * 20) / 20
    high = min(1.0, math.ceil((max(values) + 0.01) * 20) / 20)
    axis = Axis(low=low, high=high, start=left + radius, end=right - radius)
    top, drawn = 10.0, []
    for row in rows:
        lanes = _lanes([axis(value) for value in row.by_subject.values()], 2 * radius + 0.5)
        height = (1 + max(lanes, default=0)) * (2 * radius + 1)
        first = top + 12 + radius
        deviation = row.standard_deviation or 0.0
        drawn.append(
            SwarmRow(
                name=row.name,
                text=row.text,
                name_y=top + 4,
                top=top + 10,
                bottom=round(top + 14 + height, 1),
                dots=tuple(
                    Dot(
                        label=str(subject) if radius == _RADIUS else "",
                        x=axis(value),
                        y=round(first + lane * (2 * radius + 1), 1),
                    )
                    for (subject, value), lane in zip(row.by_subject.items(), lanes, strict=True)
                ),
                mean=axis(row.mean),
                low=axis(max(low, row.mean - deviation)),
                high=axis(min(high, row.mean + deviation)),
            )
        )
        top = round(top + height + 34, 1)
    return Swarm(
        height=top + 8,
        left=left,
        right=right,
        bottom=top - 14,
        radius=radius,
        ticks=axis.ticks(5),
        rows=tuple(drawn),
    )


def _lanes(positions: Sequence[float], distance: float) -> list[int]:
    """For each position the first lane in which no earlier one, from the right, is nearer than ``distance``."""
    lanes = [0] * len(positions)
    last: list[float] = []
    for index in sorted(range(len(positions)), key=lambda place: -positions[place]):
        free = [lane for lane, other in enumerate(last) if other - positions[index] >= distance]
        lane = free[0] if free else len(last)
        last[lane : lane + 1] = [positions[index]]
        lanes[index] = lane
    return lanes
