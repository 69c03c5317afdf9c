"""How long-running work reports its progress; the caller decides what to show, and where."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A callback for work that takes seconds. It must be cheap and must not raise."""

    def __call__(self, what: str, num_done: int, num_total: int) -> None:
        """Report that ``num_done`` of ``num_total`` items (files, windows, bytes) of ``what`` are done."""


def silent(what: str, num_done: int, num_total: int) -> None:
    """Show nothing."""


def duration(seconds: float) -> str:
    """``1:02:03``, ``4:05``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
