"""``[windows]``: how recordings are cut, and what happens to damage that the audit found."""

from typing import Literal

from pydantic import Field

from har_core.settings.base import Settings

MAX_LENGTH = 7500
"""Longest window, in samples: five minutes."""


class WindowSettings(Settings):
    """How recordings are cut."""

    join_segments: bool = False
    """Whether a window may run on into the next segment file where the audit found the join continuous."""
    length: int = Field(default=125, ge=1, le=MAX_LENGTH)
    """Samples in a window, at 25 Hz; a segment has 125, so longer windows need ``join_segments``."""
    overlap: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of a window that the next one repeats."""
    damaged: Literal["flag", "keep", "repair", "fill", "drop"] = "flag"
    """What to do with windows that touch a damaged run: flag, use as they are, repair or fill them, or cut none."""
    longest_repair: int = Field(default=5, ge=1, le=125)
    """Longest damaged run that ``repair`` interpolates, in samples; 5 samples are 0.2 s."""

    @property
    def fills_gaps(self) -> bool:
        """Whether zeros of a unit are filled, in windows and by the models that are made from them."""
        return self.damaged == "fill"
