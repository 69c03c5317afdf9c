"""``[windows]``: how recordings are cut, and what becomes of what the audit found in them."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from har_core.dsads.layout import SEGMENT_LENGTH
from har_core.settings.base import Settings


class WindowSettings(Settings):
    """How recordings are cut."""

    join_segments: bool = False
    """Whether a window may go on from a segment file into the next, where the audit found the join continuous."""
    length: int = Field(default=125, ge=1, le=7500)
    """Samples in a window, at 25 Hz; a segment has 125, and more need ``join_segments``."""
    overlap: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of a window that the next one repeats."""
    damaged: Literal["flag", "keep", "repair", "drop"] = "flag"
    """What becomes of windows that touch a damaged run: flagged, taken as any other, repaired, or not cut."""
    longest_repair: int = Field(default=5, ge=1, le=125)
    """Longest damaged run that ``repair`` interpolates, in samples; 5 are 0.2 s."""

    @field_validator("length")
    @classmethod
    def _within_a_segment(cls, length: int, info: ValidationInfo) -> int:
        if length > SEGMENT_LENGTH and not info.data.get("join_segments", False):
            raise ValueError(f"at most {SEGMENT_LENGTH}, the samples of a segment, unless join_segments is true")
        return length
