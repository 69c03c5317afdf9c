"""A square for each subject and activity: where the audit found something, and how bad it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from har_core.datasets.dsads.layout import ACTIVITIES, NUM_ACTIVITIES
from har_core.report.charts.axes import WIDTH, Tick

_LEFT, _TOP = 22, 30
_THOUSAND = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Square:
    """One recording."""

    x: float
    y: float
    severity: str
    """``error``, ``warning``, ``info``; empty where nothing was found."""
    label: str
    """Number of findings; empty where there is none."""
    words: str
    """What a pointer is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Squares:
    """A row a subject, a column an activity."""

    height: float
    side: float
    left: float
    top: float
    columns: tuple[Tick, ...]
    rows: tuple[Tick, ...]
    squares: tuple[Square, ...]


def squares(subjects: Sequence[int], found: Mapping[tuple[int, int], tuple[int, str]]) -> Squares | None:
    """The grid of ``subjects`` by all activities; None without subjects.

    Args:
        subjects: numbers, in the order of the rows.
        found: (subject, activity) -> number of findings and the worst severity.
    """
    if not subjects:
        return None
    pitch = (WIDTH - _LEFT) / NUM_ACTIVITIES
    side = pitch - 1.5
    lefts = [round(_LEFT + pitch * index, 2) for index in range(NUM_ACTIVITIES)]
    tops = [round(_TOP + pitch * index, 2) for index in range(len(subjects))]
    drawn = []
    for top, subject in zip(tops, subjects, strict=True):
        for activity, left in enumerate(lefts, 1):
            count, severity = found.get((subject, activity), (0, ""))
            drawn.append(
                Square(x=left, y=top, severity=severity, label=_label(count), words=_words(subject, activity, count))
            )
    return Squares(
        height=round(_TOP + pitch * len(subjects), 1),
        side=round(side, 2),
        left=_LEFT,
        top=_TOP,
        columns=tuple(Tick(position=round(left + side / 2, 1), label=str(k)) for k, left in enumerate(lefts, 1)),
        rows=tuple(
            Tick(position=round(top + side / 2, 1), label=str(s)) for top, s in zip(tops, subjects, strict=True)
        ),
        squares=tuple(drawn),
    )


def _label(count: int) -> str:
    if count < _THOUSAND:
        return str(count or "")
    return f"{count // _THOUSAND}k"


def _words(subject: int, activity: int, count: int) -> str:
    return f"subject {subject}, {ACTIVITIES[activity - 1]}: {count:,} {'finding' if count == 1 else 'findings'}"
