"""``[source]``: where recordings come from if ``--data`` names no folder or zip."""

from typing import Literal

from pydantic import Field

from har_core.settings.base import Settings

UCI_URL = "https://archive.ics.uci.edu/static/public/256/daily+and+sports+activities.zip"


class SourceSettings(Settings):
    """Where recordings come from. A path given with ``--data`` overrides every kind."""

    dataset: str = Field(default="dsads", min_length=1)
    """What the recordings are of: a name that ``har dataset list`` shows, or the path of a card, from this file."""
    kind: Literal["files", "uci", "synthetic"] = "synthetic"
    """``files``: what ``--data`` names; ``uci``: download the archive; ``synthetic``: make recordings."""
    url: str = Field(default=UCI_URL, pattern=r"^https?://[^\s\x00-\x20\x7f]+$")
    """Address of the archive, for ``uci``."""
    max_download_bytes: int = Field(default=1_000_000_000, gt=0)
    """Largest archive to accept, for ``uci``."""
    num_subjects: int = Field(default=8, ge=1, le=999)
    """Subjects to make, for ``synthetic``."""
    num_segments: int = Field(default=60, ge=1, le=9999)
    """5 s segments to make for each subject and activity, for ``synthetic``."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of the made recordings, for ``synthetic``."""
