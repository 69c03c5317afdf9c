"""A chart of what units and kinds of sensors give: each alone, left out, and missing, beside all channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from har_core.report.formats import fixed
from har_core.report.svg import WIDTH, chart, circle, down, path, rectangle, score_axis, text

_MARGIN = 12
_PITCH = 40
_WORDS = {"alone": "alone", "left_out": "without", "missing": "missing"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorLine:
    """One unit or kind of sensor."""

    name: str
    scores: Mapping[str, float]
    """Macro-F1 of ``alone``, ``left_out`` and ``missing``, where there are any."""


def sensor_chart(lines: Sequence[SensorLine], all_channels: float, *, label: str) -> Markup | None:
    """A ring for each alone, a disc for everything but it, a square where it is missing; a line for all channels.

    None where there is nothing but all channels.
    """
    if not lines:
        return None
    axis = score_axis(
        [all_channels, *(score for line in lines for score in line.scores.values())],
        start=_MARGIN,
        end=WIDTH - _MARGIN,
    )
    bottom = 14 + _PITCH * len(lines)
    parts = [*down(axis, 5, top=14, bottom=bottom), path("mean", "M", axis(all_channels), 14, "V", bottom)]
    told = [f"all channels {fixed(all_channels)}"]
    for y, line in zip(range(34, bottom, _PITCH), lines, strict=True):
        told.append(f"{line.name} {_in_words(line, 3)}")
        places = {way: axis(score) for way, score in line.scores.items()}
        parts += [
            text("name halo", _MARGIN, y - 12, line.name),
            text("tick halo", WIDTH - _MARGIN, y - 12, _in_words(line, 2), "end"),
            path("fall", "M", min(places.values()), y, "H", max(axis(all_channels), *places.values())),
        ]
        if "missing" in places:
            parts.append(rectangle("lost", places["missing"] - 4, y - 4, 8, 8))
        if "left_out" in places:
            parts.append(circle("disc", places["left_out"], y, 4.5))
        if "alone" in places:
            parts.append(circle("ring", places["alone"], y, 5.5))
    return chart(bottom + 24, f"{label}: {'; '.join(told)}", parts)


def _in_words(line: SensorLine, digits: int) -> str:
    return ", ".join(f"{_WORDS[way]} {fixed(line.scores[way], digits)}" for way in _WORDS if way in line.scores)
