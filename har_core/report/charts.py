"""The page's charts, None where there is nothing to draw. Their figures are in a table or in their label too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from har_core.evaluation.folds import Spread
from har_core.report.formats import fixed, is_number
from har_core.report.labels import Box, place_labels
from har_core.report.svg import WIDTH, Axis, across, chart, circle, down, path, rectangle, score_axis, text

_MARGIN = 12
_HEAD, _FOOT = 18, 8
"""Above and below the dots of a model."""
_MAX_NUMBERED = 24
"""With more subjects than this, dots are small and carry no number."""
_MOST_NAMED = 12
"""With more models than this, a chart names only those that none beats."""
_MAX_LOSS = 4.0
"""Losses above this are drawn at the edge; guessing among 40 activities gives 3.7."""
_MAX_WIDE_COUNT, _THOUSAND = 99, 1000
_MOST_COLUMNS = 20
"""Of squares side by side: with more activities they would be too small for a number."""
_LARGEST_PITCH = 24


def scatter(points: Sequence[tuple[str, float, float]], *, x_label: str, label: str) -> Markup | None:
    """Name, cost (on a logarithmic axis) and macro-F1 of each model; a line along those that none beats.

    Of many models only these have their names beside them; a pointer shows those of the others.
    """
    points = [(name, cost, score) for name, cost, score in points if is_number(cost) and is_number(score) and cost > 0]
    if not points:
        return None
    left, right, top, bottom = 40, WIDTH - _MARGIN, 24, 206
    _, costs, scores = zip(*points, strict=True)
    x = Axis(low=min(costs) / 1.6, high=max(costs) * 1.6, start=left, end=right, logarithmic=True)
    room = max(0.02, 0.2 * (max(scores) - min(scores)))
    y = Axis(low=max(0.0, min(scores) - room), high=min(1.0, max(scores) + room), start=bottom, end=top)
    parts = across(y, 5, left=left, right=right)
    parts += [text("title", left, top - 12, "macro-F1"), path("axis", "M", left, bottom, "H", right)]
    for at, value in x.ticks(5):
        parts += [path("axis", "M", at, bottom, "v", 4), text("tick", at, bottom + 17, value, "middle")]
    parts.append(text("tick", right, bottom + 34, x_label, "end"))
    places = [(name, x(cost), y(score)) for name, cost, score in points]
    front = [(x(cost), y(score)) for cost, score in pareto_front([(cost, score) for _, cost, score in points])]
    named = [place for place in places if len(places) <= _MOST_NAMED or place[1:] in front]
    labels = place_labels(named, Box(left, top - 6, right, bottom + 4))
    (at, height), *others = front
    steps = [step for across_to, up_to in others for step in ("H", across_to, "V", up_to)]
    parts.append(path("front", "M", at, height, *steps, "H", right))
    for name, at, height in places:
        parts.append(circle("disc" if (at, height) in front else "disc beaten", at, height, 5, title=name))
    for (name, at, height), own in zip(named, labels, strict=True):
        if own.is_far:
            parts.append(path("axis", "M", at, height, "V", own.box.bottom if own.y < height else own.box.top))
        parts.append(text("name halo", own.x, own.y, name, own.anchor))
    return chart(244, f"{label}; the table below has the figures", parts)


def pareto_front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Of (cost, score) those that no other beats: cheaper and as good, or better and as cheap. By rising cost.

    >>> pareto_front([(3, 0.9), (1, 0.8), (2, 0.7)])
    [(1, 0.8), (3, 0.9)]
    """
    front: list[tuple[float, float]] = []
    for cost, score in sorted(set(points), key=lambda point: (point[0], -point[1])):
        if not front or score > front[-1][1]:
            front.append((cost, score))
    return front


def dumbbells(rows: Sequence[tuple[str, float, float]], *, label: str) -> Markup | None:
    """How the score of each model falls: a ring for the first score, a disc for the second."""
    scores = [score for _, *pair in rows for score in pair if is_number(score)]
    if not scores:
        return None
    axis = score_axis(scores, start=_MARGIN, end=WIDTH - _MARGIN)
    bottom = 16 + 44 * len(rows)
    parts, words = down(axis, 5, top=18, bottom=bottom), []
    for y, (name, before, after) in zip(range(36, bottom, 44), rows, strict=True):
        fall = f"{fixed(before)} → {fixed(after)}"
        words.append(f"{name} {fall}")
        parts += _heading(y - 14, name, fall)
        if is_number(before) and is_number(after):
            parts.append(path("fall", "M", axis(before), y, "H", axis(after)))
        if is_number(before):
            parts.append(circle("ring", axis(before), y, 5.5))
        if is_number(after):
            parts.append(circle("disc", axis(after), y, 4.5))
    return chart(bottom + 24, f"{label}: {'; '.join(words)}", parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dots:
    """The subjects of one model."""

    name: str
    words: str
    """What :attr:`spread` says, in words."""
    spread: Spread
    by_subject: Mapping[int, float]
    runs: Mapping[int, str] = field(default_factory=dict)
    """Ids of the runs that tested them, where they are known."""


def swarm(models: Sequence[Dots], *, label: str) -> list[Markup]:
    """A dot for each subject, beside others rather than over them; a line for the mean, a band for the deviation.

    A chart for each of ``models``, to stand one below the other, and last the axis of them all. Empty without subjects.
    """
    most = max((len(model.by_subject) for model in models), default=0)
    if not most:
        return []
    radius = 7.5 if most <= _MAX_NUMBERED else 3.5
    scores = [score for model in models for score in (*model.by_subject.values(), model.spread.mean)]
    axis = score_axis(scores, start=_MARGIN + radius, end=WIDTH - _MARGIN - radius)
    charts = []
    for model in models:
        lanes = _lanes([axis(score) for score in model.by_subject.values()], 2 * radius + 0.5)
        height = 4 + (1 + max(lanes, default=0)) * (2 * radius + 1)
        deviation, mean = model.spread.standard_deviation or 0.0, model.spread.mean
        low, middle, high = (axis(mean + step) for step in (-deviation, 0, deviation))
        parts = [path("grid", "M", x, _HEAD, "v", height + _FOOT) for x, _ in axis.ticks(5)]
        parts += [rectangle("band", low, _HEAD, high - low, height), path("mean", "M", middle, _HEAD, "v", height)]
        parts += _heading(_HEAD - 6, model.name, model.words)
        for (subject, score), lane in zip(model.by_subject.items(), lanes, strict=True):
            y = _HEAD + 2 + radius + lane * (2 * radius + 1)
            run = f", run {model.runs[subject]}" if subject in model.runs else ""
            title = f"{model.name}, subject {subject}: {fixed(score)}{run}"
            parts.append(circle("disc edged", axis(score), y, radius, title=title))
            if most <= _MAX_NUMBERED:
                parts.append(text("numeral", axis(score), y + 3.2, str(subject), "middle"))
        charts.append(chart(_HEAD + height + _FOOT, f"{label}: {model.name} {model.words}", parts))
    ticks = [text("tick", x, 12, value, "middle") for x, value in axis.ticks(5)]
    return [*charts, chart(18, f"{label}: the axis", ticks)]


def _lanes(positions: Sequence[float], distance: float) -> list[int]:
    """For each position the first lane in which no other one is nearer than ``distance``, placed from the right."""
    lanes = [0] * len(positions)
    last: list[float] = []
    for index in sorted(range(len(positions)), key=lambda place: -positions[place]):
        free = (lane for lane, other in enumerate(last) if other - positions[index] >= distance)
        lanes[index] = lane = next(free, len(last))
        last[lane : lane + 1] = [positions[index]]
    return lanes


def squares(
    subjects: Sequence[int],
    activities: Mapping[int, str],
    found: Mapping[tuple[int, int], tuple[int, str]],
    *,
    label: str,
) -> Markup | None:
    """A row for each subject and a column for each activity, coloured by the worst finding.

    Many activities are divided into parts, one below the other.

    Args:
        subjects: numbers, in the order of the rows.
        activities: number -> name, in the order of the columns.
        found: (subject, activity) -> number of findings and the worst severity.
        label: of the chart.
    """
    if not subjects:
        return None
    left, head, parts, top = 22, 30, list[Markup](), 0.0
    num_columns = -(-len(activities) // -(-len(activities) // _MOST_COLUMNS))
    pitch, columns = min((WIDTH - left) / num_columns, _LARGEST_PITCH), list(activities.items())
    for own in (columns[column : column + num_columns] for column in range(0, len(columns), num_columns)):
        parts += [text("tick small", left, top + 9, "activity"), text("tick small", 0, top + head - 6, "subj.")]
        parts += _grid(subjects, own, found, Box(left, top + head, left + pitch, top + head + pitch))
        top += head + pitch * len(subjects)
    return chart(top, label, parts)


def _grid(
    subjects: Sequence[int],
    columns: Sequence[tuple[int, str]],
    found: Mapping[tuple[int, int], tuple[int, str]],
    first: Box,
) -> Iterator[Markup]:
    """Squares with the numbers of their rows and columns around them; ``first`` bounds the one at the top left."""
    pitch = first.right - first.left
    side = pitch - 1.5
    for column, (activity, name) in enumerate(columns):
        x = first.left + pitch * column
        yield text("tick small", x + side / 2, first.top - 6, str(activity or "–"), "middle")
        for row, subject in enumerate(subjects):
            y = first.top + pitch * row
            count, severity = found.get((subject, activity), (0, ""))
            words = f"subject {subject}, {name}: {count:,} {'finding' if count == 1 else 'findings'}"
            yield rectangle(f"box {severity}", x, y, side, side, title=words if count else "")
            if count:
                classes = f"inbox {severity}" + (" long" if count > _MAX_WIDE_COUNT else "")
                number = str(count) if count < _THOUSAND else f"{count // _THOUSAND}k"
                yield text(classes, x + side / 2, y + side / 2 + 2.8, number, "middle")
    for row, subject in enumerate(subjects):
        yield text("tick small", first.left - 6, first.top + pitch * row + side / 2 + 3, str(subject), "end")


def curves(
    history: Sequence[Mapping[str, Any]], *, best_epoch: int, last_epoch: int, max_loss: float, label: str
) -> Markup:
    """Validation score above, losses below, by epoch; ``last_epoch`` and ``max_loss`` are those of all such charts.

    Losses alone where there are no validation scores.
    """
    left, right = 34, WIDTH - 10
    x = Axis(low=1, high=max(2, last_epoch), start=left, end=right)
    score = Axis(low=0, high=1, start=126, end=26)
    is_scored = any(record.get("validation_macro_f1") is not None for record in history)
    bottom = 252 if is_scored else 114
    loss = Axis(low=0, high=min(1.05 * max_loss, _MAX_LOSS) or 1.0, start=bottom, end=bottom - 88)
    epochs = [x(record["epoch"]) for record in history]
    parts = []
    for title, y, count, columns in (
        *([("validation macro-F1", score, 4, {"validation": "validation_macro_f1"})] if is_scored else []),
        ("loss", loss, 3, {"training": "training_loss", "validation": "validation_loss"}),
    ):
        parts += [text("title", left, y.end - 10, title), *across(y, count, left=left, right=right)]
        if any(record["epoch"] == best_epoch for record in history):
            parts.append(path("best", "M", x(best_epoch), y.end - 6, "V", y.start))
        for kind, column in columns.items():
            parts.append(path(f"line {kind}", *_steps(epochs, [record.get(column) for record in history], y)))
    parts += [text("tick", at, loss.start + 17, epoch, "middle") for at, epoch in x.ticks(6, integer=True)]
    return chart(bottom + 32, label, [*parts, text("tick", right, bottom + 31, "epoch", "end")])


def _steps(epochs: Sequence[float], values: Sequence[float | None], y: Axis) -> list[str | float]:
    """A line through the values, with a gap where an epoch has no number."""
    steps: list[str | float] = []
    pen_is_down = False
    for epoch, value in zip(epochs, values, strict=True):
        if is_number(value):
            steps += ["L", epoch, y(value)] if pen_is_down else ["M", epoch, y(value), "h", 0]
        pen_is_down = is_number(value)
    return steps


def _heading(y: float, name: str, words: str) -> list[Markup]:
    return [text("name halo", _MARGIN, y, name), text("tick halo", WIDTH - _MARGIN, y, words, "end")]
