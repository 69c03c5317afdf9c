"""How long work tells how far it has come; what is shown, and where, is the caller's business."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called now and then by work that takes seconds; must be cheap and must not raise."""

    def __call__(self, what: str, num_done: int, num_total: int) -> None:
        """``what`` is done for ``num_done`` of ``num_total`` (files, windows, bytes)."""


def silent(what: str, num_done: int, num_total: int) -> None:
    """Show nothing."""
