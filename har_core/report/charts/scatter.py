"""Cost against score, one named point a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from har_core.report.charts.axes import WIDTH, Axis, Tick
from har_core.report.formats import is_number

_LETTER_WIDTH = 6.3
"""Mean width of a letter of a label."""
_LABEL_HEIGHT = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A named mark with its label beside it."""

    name: str
    x: float
    y: float
    label_x: float
    label_y: float
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scatter:
    """Named points, cost to the right, score upwards."""

    height: int
    left: int
    right: int
    top: int
    bottom: int
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    points: tuple[Point, ...]


def scatter(points: Sequence[tuple[str, float, float]]) -> Scatter | None:
    """Name, cost (drawn on a logarithmic axis) and score of each point; None where no point can be drawn."""
    drawable = [point for point in points if is_number(point[1]) and is_number(point[2]) and point[1] > 0]
    if not drawable:
        return None
    left, right, top, bottom = 40, WIDTH - 12, 24, 206
    costs, scores = [cost for _, cost, _ in drawable], [score for _, _, score in drawable]
    x_axis = Axis(low=min(costs) / 1.6, high=max(costs) * 1.6, start=left, end=right, logarithmic=True)
    margin = max(0.02, 0.2 * (max(scores) - min(scores)))
    low, high = max(0.0, min(scores) - margin), min(1.0, max(scores) + margin)
    y_axis = Axis(low=low, high=high, start=bottom, end=top)
    places = [(name, x_axis(cost), y_axis(score)) for name, cost, score in drawable]
    return Scatter(
        height=244,
        left=left,
        right=right,
        top=top,
        bottom=bottom,
        x_ticks=x_axis.ticks(5),
        y_ticks=y_axis.ticks(5),
        points=_labelled(places, left=left, right=right, top=top, bottom=bottom),
    )


def _labelled(
    places: Sequence[tuple[str, float, float]], *, left: float, right: float, top: float, bottom: float
) -> tuple[Point, ...]:
    """Each label goes right, left, above or below its point: where it covers least of what is drawn already."""
    taken = [(x - 5, y - 5, x + 5, y + 5) for _, x, y in places]
    points = []
    for name, x, y in places:
        width = _LETTER_WIDTH * len(name)
        choices = (
            (x + 9, y + 4, "start", x + 8),
            (x - 9, y + 4, "end", x - 8 - width),
            (x, y - 10, "middle", x - width / 2),
            (x, y + 19, "middle", x - width / 2),
        )

        def cost(choice: tuple[float, float, str, float], width: float = width) -> float:
            box = _box(choice, width)
            outside = box[0] < left or box[2] > right or box[1] < top - 6 or box[3] > bottom + 4
            return sum(_overlap(box, other) for other in taken) + (1e6 if outside else 0)

        best = min(choices, key=cost)
        taken.append(_box(best, width))
        points.append(Point(name=name, x=x, y=y, label_x=round(best[0], 1), label_y=round(best[1], 1), anchor=best[2]))
    return tuple(points)


def _box(choice: tuple[float, float, str, float], width: float) -> tuple[float, float, float, float]:
    _, baseline, _, left = choice
    return left, baseline - _LABEL_HEIGHT + 3, left + width, baseline + 3


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
