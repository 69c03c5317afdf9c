"""What a search tells while it works, for example to a screen or a tracker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from har_core.settings.experiment import Option

State = Literal["complete", "pruned", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialStarted:
    """A trial begins."""

    number: int
    values: Mapping[str, Option]
    """What it tries, by name of the setting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialProgress:
    """An epoch of a fold has ended; a classical model has one a fold."""

    number: int
    step: int
    """Epochs of all folds in turn, from 1."""
    score: float
    """Mean over the folds begun so far of the best validation macro-F1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFinished:
    """A trial has ended."""

    number: int
    state: State
    scores: tuple[float, ...] = ()
    """Validation macro-F1 of each fold, of a complete trial."""
    macs: int | None = None
    """Multiply-accumulates of one window, where they count."""
    error: str = ""
    """Of a failed trial."""


SearchEvent = TrialStarted | TrialProgress | TrialFinished
SearchListener = Callable[[SearchEvent], None]


def ignore(event: SearchEvent) -> None:
    """The listener that does nothing."""
