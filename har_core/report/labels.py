"""Names beside the points of a chart, where they cover neither each other nor a point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_LETTER_WIDTH = 6.4
"""On average, of a name in bold; fonts differ, so a test in a browser measures real ones."""
_COSTS = {4: 0, -10: 5, 18: 5, -26: 30, 34: 30, -42: 50, 50: 50}
"""Baselines, below the point, and what each costs: level with the point is best, far from it worst."""
_LEVEL, _FAR = 4, 18
_COST_OUTSIDE = 1e6
_MAX_SWEEPS = 8


class Box(NamedTuple):
    """The sides of what is drawn."""

    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, *others: Box) -> float:
        """The area that it covers of ``others``."""
        return float(_overlaps(np.array([self]), np.array(others).reshape(-1, 4))[0])


class Label(NamedTuple):
    """A place for a name: x is the start, middle or end of its baseline."""

    x: float
    y: float
    anchor: str
    is_far: bool
    """Whether it takes a line to see which point is meant."""
    box: Box
    cost: float
    """Of the place itself, whatever else is drawn."""


def place_labels(points: Sequence[tuple[str, float, float]], frame: Box) -> list[Label]:
    """A label for each of ``points`` (name, x, y), in their order.

    Each in turn moves to where it covers least of the points and of the other labels, until none moves.
    """
    choices = [list(_choices(*point, frame)) for point in points]
    boxes = [np.array([label.box for label in own]) for own in choices]
    dots = np.array([(x - 6, y - 6, x + 6, y + 6) for _, x, y in points])
    costs = [
        np.array([label.cost for label in own]) + 10 * _overlaps(own_boxes, dots)
        for own, own_boxes in zip(choices, boxes, strict=True)
    ]
    chosen = [0] * len(points)
    for _ in range(_MAX_SWEEPS):
        before = list(chosen)
        for index, own_boxes in enumerate(boxes):
            others = [boxes[other][place] for other, place in enumerate(chosen) if other != index]
            covered = _overlaps(own_boxes, np.array(others).reshape(-1, 4))
            chosen[index] = int(np.argmin(costs[index] + 10 * covered))
        if chosen == before:
            break
    return [own[place] for own, place in zip(choices, chosen, strict=True)]


def _overlaps(boxes: npt.NDArray[np.float64], others: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The area (A,) that each of ``boxes`` (A, 4) covers of all ``others`` (B, 4), the sides as in :class:`Box`."""
    most = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    least = np.maximum(boxes[:, None, :2], others[None, :, :2])
    areas: npt.NDArray[np.float64] = np.maximum(most - least, 0).prod(axis=2).sum(axis=1)
    return areas


def _choices(name: str, x: float, y: float, frame: Box) -> Iterator[Label]:
    width = _LETTER_WIDTH * len(name)
    for below, cost in _COSTS.items():
        shift = 9 if below == _LEVEL else 2
        for anchor, at, left in (
            ("middle", x, x - width / 2),
            ("start", x + shift, x + shift),
            ("end", x - shift, x - shift - width),
        ):
            box = Box(left, y + below - 10, left + width, y + below + 3)
            is_inside = box.overlap(frame) >= box.overlap(box)
            yield Label(at, y + below, anchor, abs(below) > _FAR, box, cost if is_inside else _COST_OUTSIDE)
