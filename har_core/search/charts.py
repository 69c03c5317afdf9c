"""The charts of the page of a search, None where there is nothing to draw. Their figures are in a table too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from har_core.report.svg import (
    WIDTH,
    Axis,
    across,
    chart,
    circle,
    path,
    rectangle,
    score_axis,
    text,
)
from har_core.search.results import TrialResult

_LEFT, _RIGHT, _TOP, _BOTTOM = 40, WIDTH - 12, 24, 206


def history(trials: Sequence[TrialResult]) -> Markup | None:
    """Score of each complete trial, and the best so far as a line."""
    complete = [trial for trial in trials if trial.state == "complete"]
    if not complete:
        return None
    x = Axis(low=-0.5, high=max(trial.number for trial in trials) + 0.5, start=_LEFT, end=_RIGHT)
    y = score_axis([trial.mean for trial in complete], start=_BOTTOM, end=_TOP)
    parts = [*across(y, 5, left=_LEFT, right=_RIGHT), *_below(x, "trial", integer=True)]
    steps: list[str | float] = ["M", x(complete[0].number), y(complete[0].mean)]
    best = complete[0].mean
    for trial in complete[1:]:
        steps += ["H", x(trial.number)]
        if trial.mean > best:
            best = trial.mean
            steps += ["V", y(best)]
    parts.append(path("line validation", *steps, "H", _RIGHT))
    parts += [circle("ring", x(trial.number), y(trial.mean), 2.5) for trial in complete]
    label = f"Validation macro-F1 of {len(complete)} complete trials; the best so far ends at {best:.3f}"
    return chart(244, label, [text("title", _LEFT, _TOP - 12, "mean validation macro-F1"), *parts])


def importance(shares: Mapping[str, float]) -> Markup | None:
    """A bar for each setting, the largest first."""
    if not shares:
        return None
    x = Axis(low=0.0, high=max(*shares.values(), 1e-9), start=12, end=_RIGHT)
    parts: list[Markup] = []
    for index, (name, share) in enumerate(shares.items()):
        top = 6 + 34 * index
        parts += [
            text("name", 12, top + 8, name),
            text("tick", _RIGHT, top + 8, f"{100 * share:.0f} %", "end"),
            rectangle("box", 12, top + 13, _RIGHT - 12, 6),
            rectangle("box info", 12, top + 13, x(share) - 12, 6),
        ]
    words = ", ".join(f"{name} {100 * share:.0f} %" for name, share in shares.items())
    return chart(8 + 34 * len(shares), f"Importance of the settings: {words}", parts)


def front(trials: Sequence[TrialResult], best: Sequence[TrialResult]) -> Markup | None:
    """Multiply-accumulates against score: small rings for all trials, large ones for those that none beats in both."""
    priced = [(trial.macs, trial) for trial in trials if trial.state == "complete" and trial.macs]
    if not priced or not best:
        return None
    costs = [macs for macs, _ in priced]
    x = Axis(low=min(costs) / 1.3, high=max(costs) * 1.3, start=_LEFT, end=_RIGHT, logarithmic=True)
    y = score_axis([trial.mean for _, trial in priced], start=_BOTTOM, end=_TOP)
    parts = [*across(y, 5, left=_LEFT, right=_RIGHT), *_below(x, "multiply-accumulates of one window")]
    parts += [circle("ring", x(macs), y(trial.mean), 2) for macs, trial in priced]
    steps: list[str | float] = []
    for trial in best:
        at, height = x(trial.macs or 1), y(trial.mean)
        steps += ["H", at, "V", height] if steps else ["M", at, height]
    parts.append(path("line validation", *steps))
    parts += [circle("ring", x(trial.macs or 1), y(trial.mean), 5) for trial in best]
    label = f"Multiply-accumulates against validation macro-F1; {len(best)} trials are beaten in both by none"
    return chart(244, label, [text("title", _LEFT, _TOP - 12, "mean validation macro-F1"), *parts])


def _below(axis: Axis, name: str, *, integer: bool = False) -> list[Markup]:
    parts = [path("axis", "M", _LEFT, _BOTTOM, "H", _RIGHT)]
    for at, value in axis.ticks(5, integer=integer):
        parts += [path("axis", "M", at, _BOTTOM, "v", 4), text("tick", at, _BOTTOM + 17, value, "middle")]
    return [*parts, text("tick", _RIGHT, _BOTTOM + 34, name, "end")]
