"""The course of a training, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.ticker import MaxNLocator

from har_core.report.charts.axes import WIDTH, Axis, Tick


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One course over the epochs; a gap where an epoch has no number."""

    kind: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Courses that share an axis."""

    title: str
    top: float
    bottom: float
    y_ticks: tuple[Tick, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """Score above, losses below, over the same epochs."""

    height: int
    left: int
    right: int
    x_ticks: tuple[Tick, ...]
    panels: tuple[Panel, ...]
    best_x: float | None


def curves(
    *,
    epochs: Sequence[int],
    score: Sequence[float | None],
    losses: Sequence[tuple[str, Sequence[float | None]]],
    best_epoch: int,
    last_epoch: int,
    highest_loss: float,
) -> Curves:
    """The course of one training; ``last_epoch`` and ``highest_loss`` are those of all trainings on the page."""
    left, right = 34, WIDTH - 10
    x_axis = Axis(low=1, high=max(2, last_epoch), start=left, end=right)
    score_axis = Axis(low=0, high=1, start=126, end=26)
    loss_axis = Axis(low=0, high=highest_loss, start=252, end=164)
    ticks = MaxNLocator(6, steps=[1, 2, 5, 10], integer=True).tick_values(1, max(2, last_epoch))
    best_x = x_axis(best_epoch) if best_epoch in epochs else None
    return Curves(
        height=284,
        left=left,
        right=right,
        x_ticks=tuple(
            Tick(position=x_axis(value), label=f"{value:.0f}") for value in ticks if 1 <= value <= max(2, last_epoch)
        ),
        panels=(
            Panel(
                title="validation macro-F1",
                top=26,
                bottom=126,
                y_ticks=score_axis.ticks(4),
                lines=(Line(kind="validation", path=_path(epochs, score, x_axis, score_axis)),),
            ),
            Panel(
                title="loss",
                top=164,
                bottom=252,
                y_ticks=loss_axis.ticks(3),
                lines=tuple(Line(kind=kind, path=_path(epochs, loss, x_axis, loss_axis)) for kind, loss in losses),
            ),
        ),
        best_x=best_x,
    )


def _path(epochs: Sequence[int], values: Sequence[float | None], x_axis: Axis, y_axis: Axis) -> str:
    parts, pen_is_down = [], False
    for epoch, value in zip(epochs, values, strict=True):
        if value is None or not math.isfinite(value):
            pen_is_down = False
            continue
        place = f"{x_axis(epoch)} {y_axis(min(value, y_axis.high))}"
        parts.append(f"L{place}" if pen_is_down else f"M{place}h0")
        pen_is_down = True
    return "".join(parts)
