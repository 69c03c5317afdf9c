"""Whether a candidate model takes the place of the champion. Pure: moving an alias is the caller's business."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeGuard

from har_core.datasets.origin import Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class GateEntry:
    """One model before the gate, scored on the current validation windows: the same for both."""

    name: str
    """As a reader of the reason knows it: ``har-cnn version 3``."""
    origin: Origin
    """Of the recordings it was trained on."""
    validation_macro_f1: float | None
    """On the current validation windows, never a test score; None where the model takes windows of another length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The verdict, and why, in words."""

    promote: bool
    reason: str


def decide(candidate: GateEntry, incumbent: GateEntry | None) -> Decision:
    """Promote ``candidate`` only where nothing speaks against it and it is strictly better than ``incumbent``.

    In this order: a score that is none keeps the candidate out; no incumbent lets it in; a synthetic model never
    replaces a real one, a real one always replaces a synthetic one; an incumbent that takes windows of another length,
    which would answer none of today's, yields; else the higher validation macro-F1 wins, and a tie, or an incumbent
    whose score is none, keeps the incumbent.
    """
    score = candidate.validation_macro_f1
    if not _is_score(score):
        another = "it takes windows of another length than today's"
        flaw = another if score is None else f"its validation macro-F1 is {score}, no score"
        return Decision(promote=False, reason=f"{candidate.name} stays out: {flaw}")
    if incumbent is None:
        return Decision(promote=True, reason=f"{_scored(candidate)} is the first champion")
    if candidate.origin != incumbent.origin:
        return _across_origins(candidate, incumbent)
    held = incumbent.validation_macro_f1
    if held is None:
        yields = f"{incumbent.name} takes windows of another length than today's"
        return Decision(promote=True, reason=f"{_scored(candidate)}: {yields}")
    if not _is_score(held):
        return Decision(promote=False, reason=f"{incumbent.name} stays: it could not be scored, so nothing is better")
    verb = "is better than" if score > held else "equals" if score == held else "is worse than"
    compared = f"{_scored(candidate)} {verb} {_scored(incumbent)}"
    return Decision(promote=score > held, reason=compared if score > held else f"{incumbent.name} stays: {compared}")


def _across_origins(candidate: GateEntry, incumbent: GateEntry) -> Decision:
    if candidate.origin == "synthetic":
        return Decision(
            promote=False,
            reason=f"{incumbent.name} stays: {candidate.name} was trained on synthetic recordings, which never "
            "replaces a model of real ones",
        )
    return Decision(
        promote=True, reason=f"{_scored(candidate)} is of real recordings, {incumbent.name} of synthetic ones"
    )


def _is_score(value: float | None) -> TypeGuard[float]:
    return value is not None and 0 <= value <= 1


def _scored(entry: GateEntry) -> str:
    return f"{entry.name} (validation macro-F1 {entry.validation_macro_f1:.4f})"
