"""``[windows]``: how recordings are cut."""

from pydantic import Field

from har_core.settings.base import Settings


class WindowSettings(Settings):
    """Windows never cross the border of a segment file."""

    length: int = Field(default=125, ge=1, le=125)
    """Samples in a window, at 25 Hz; a segment has 125."""
    overlap: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of a window that the next one repeats."""
