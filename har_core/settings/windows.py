"""``[windows]``: how recordings are cut, and what becomes of what the audit found in them."""

from typing import Literal

from pydantic import Field

from har_core.settings.base import Settings

MAX_LENGTH = 7500
"""Of a window, in samples: five minutes."""


class WindowSettings(Settings):
    """How recordings are cut."""

    join_segments: bool = False
    """Whether a window may go on from a segment file into the next, where the audit found the join continuous."""
    length: int = Field(default=125, ge=1, le=MAX_LENGTH)
    """Samples in a window, at 25 Hz; a segment has 125, and more need ``join_segments``."""
    overlap: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of a window that the next one repeats."""
    damaged: Literal["flag", "keep", "repair", "drop"] = "flag"
    """What becomes of windows that touch a damaged run: flagged, taken as any other, repaired, or not cut."""
    longest_repair: int = Field(default=5, ge=1, le=125)
    """Longest damaged run that ``repair`` interpolates, in samples; 5 are 0.2 s."""
