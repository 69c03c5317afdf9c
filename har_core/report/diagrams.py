"""Charts that show how a model decides and how models rank; None where there is nothing to draw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from har_core.evaluation.calibration import Confidence
from har_core.evaluation.critical_difference import CriticalDifference
from har_core.evaluation.separation import Curve
from har_core.report.formats import fixed
from har_core.report.svg import WIDTH, Axis, across, chart, circle, down, path, text

_LEFT, _RIGHT, _TOP, _BOTTOM = 40, WIDTH - 12, 24, 244
_FROM_0_TO_1 = Axis(low=0, high=1, start=_LEFT, end=_RIGHT), Axis(low=0, high=1, start=_BOTTOM, end=_TOP)
_FINE, _COARSE = 1, 5
"""The grid of corners: of lines that stand out, and of those behind them."""
_LARGEST_DISC, _SMALLEST_DISC = 16.0, 1.5
_ROW = 15
_CLIQUE = 6
_MOST_TICKS = 8
_TRACE_HEAD, _TRACE_PITCH, _TRACE_HEIGHT = 34, 44, 26


def reliability(before: Confidence, after: Confidence | None, *, label: str) -> Markup:
    """Accuracy by confidence: discs whose area is the share of windows, and rings after temperature scaling."""
    x, y = _FROM_0_TO_1
    parts = [*_frame("accuracy", "confidence"), path("axis", "M", x(0), y(0), "L", x(1), y(1))]
    for kind, own in (("disc edged", before), ("ring thin", after)):
        for sure, accuracy, windows in own.reliability if own else ():
            radius = max(_SMALLEST_DISC, _LARGEST_DISC * (windows / before.num_windows) ** 0.5)
            title = f"confidence {fixed(sure)}: {fixed(accuracy)} of {windows:,} windows right"
            parts.append(circle(kind, x(sure), y(accuracy), round(radius, 1), title=title))
    return chart(_BOTTOM + 40, label, parts)


def curves(
    every: Sequence[Curve | None],
    marked: Mapping[int, str],
    *,
    x_label: str,
    y_label: str,
    label: str,
    in_steps: bool = False,
) -> Markup:
    """A line for each activity; those of ``marked``, which are class ids and what the style sheet knows them by, last.

    Args:
        every: the curve of each activity, both ways from 0 to 1; None where there is none.
        marked: which ones stand out.
        x_label: of the horizontal axis.
        y_label: of the vertical axis.
        label: of the chart.
        in_steps: whether a corner's height holds all the way from the one before it.
    """
    parts = _frame(y_label, x_label)
    quiet = [activity for activity in range(len(every)) if activity not in marked]
    for activity in (*quiet, *marked):
        curve = every[activity]
        if curve is not None:
            corners = _corners(curve, _FINE if activity in marked else _COARSE, in_steps=in_steps)
            parts.append(path(f"line {marked.get(activity, 'quiet')}", "M", *corners))
    return chart(_BOTTOM + 40, label, parts)


def ranks(found: CriticalDifference, names: Mapping[str, str], *, label: str) -> Markup:
    """Mean ranks on an axis, the best at the left; a bar joins models that do not differ (Demšar 2006, figure 1).

    Args:
        found: at least three models.
        names: what readers call them, by architecture.
        label: of the chart.
    """
    architectures = [*found.mean_ranks]
    axis = Axis(low=1, high=len(architectures), start=118, end=WIDTH - 118)
    top = 58
    below = top + 12 + _CLIQUE * len(found.cliques)
    half = (len(architectures) + 1) // 2
    distance = axis(1 + found.critical_difference) - axis(1)
    parts = [path("mean", "M", axis.start, 22, "h", distance), path("mean", "M", axis.start, 19, "v", 6)]
    parts.append(path("mean", "M", axis.start + distance, 19, "v", 6))
    parts.append(text("tick", axis.start, 12, f"critical difference {fixed(found.critical_difference, 1)}"))
    parts.append(path("axis", "M", axis.start, top, "H", axis.end))
    for at, value in axis.ticks(_MOST_TICKS, integer=True):
        parts += [path("axis", "M", at, top, "v", -5), text("tick", at, top - 9, value, "middle")]
    for row, clique in enumerate(found.cliques):
        places = [axis(found.mean_ranks[name]) for name in clique]
        parts.append(path("clique", "M", min(places) - 3, top + 8 + _CLIQUE * row, "H", max(places) + 3))
    for place, name in enumerate(architectures):
        is_left = place < half
        row = place if is_left else len(architectures) - 1 - place
        y, edge, anchor = below + 12 + _ROW * row, 112 if is_left else WIDTH - 112, "end" if is_left else "start"
        parts.append(path("axis", "M", axis(found.mean_ranks[name]), top, "V", y, "H", edge))
        parts.append(text("small", edge + (-4 if is_left else 4), y + 3, names[name], anchor))
    return chart(below + 18 + _ROW * half, label, parts)


def traces(
    windows: Mapping[str, Sequence[npt.NDArray[np.float32]] | None], sensors: Sequence[str], *, label: str
) -> Markup:
    """Windows side by side, a row for each of ``sensors``, to one scale in each row.

    Args:
        windows: what each is called, and its samples (T,) by sensor; None where there is no such window.
        sensors: what was measured.
        label: of the chart.
    """
    pitch = WIDTH / len(windows)
    parts = [text("title", column * pitch, 9, name) for column, name in enumerate(windows)]
    for row, sensor in enumerate(sensors):
        own = [window[row] for window in windows.values() if window is not None]
        low, high = (
            float(edge(values)) for edge, values in ((np.min, np.concatenate(own)), (np.max, np.concatenate(own)))
        )
        top = _TRACE_HEAD + row * _TRACE_PITCH
        y = Axis(low=low, high=max(high, low + 1e-6), start=top + _TRACE_HEIGHT, end=top)
        parts.append(text("tick", 0, top - 3, sensor))
        for column, window in enumerate(windows.values()):
            if window is None:
                continue
            left = column * pitch
            x = Axis(low=0, high=max(1, len(window[row]) - 1), start=left, end=left + pitch - 12)
            corners = [place for index, value in enumerate(window[row].tolist()) for place in (x(index), y(value))]
            parts.append(path("trace wrong" if column == 0 else "trace", "M", *corners))
    return chart(_TRACE_HEAD + _TRACE_PITCH * len(sensors), label, parts)


def _frame(y_label: str, x_label: str) -> list[Markup]:
    x, y = _FROM_0_TO_1
    return [
        text("title", _LEFT, _TOP - 10, y_label),
        *across(y, 5, left=_LEFT, right=_RIGHT),
        *down(x, 5, top=_TOP, bottom=_BOTTOM),
        text("tick", _RIGHT, _BOTTOM + 34, x_label, "end"),
    ]


def _corners(curve: Curve, finest: int, *, in_steps: bool) -> Iterator[str | int]:
    """Those that one could see on a grid of ``finest``."""
    x, y = (
        np.rint((axis.start + own * (axis.end - axis.start)) / finest).astype(int) * finest
        for axis, own in zip(_FROM_0_TO_1, curve, strict=True)
    )
    places = np.stack([np.r_[_LEFT, x] if in_steps else x, np.r_[y[0], y] if in_steps else y], axis=1)
    places = places[np.r_[True, np.any(np.diff(places, axis=0), axis=1)]]
    stays = np.diff(places, axis=0) == 0
    is_amid = np.r_[False, np.any(stays[1:] & stays[:-1], axis=1), False][: len(places)]
    first, *others = places[~is_amid].tolist()
    yield from first
    for at, height in others:
        yield from ("V", height, "H", at) if in_steps else (at, height)
