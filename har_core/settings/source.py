"""``[source]``: where recordings come from if ``--data`` names no folder or zip."""

from collections import Counter
from typing import Literal

from pydantic import Field, field_validator

from har_core.settings.base import Settings

UCI_URL = "https://archive.ics.uci.edu/static/public/256/daily+and+sports+activities.zip"


class SourceSettings(Settings):
    """Where recordings come from. A path given with ``--data`` overrides every kind."""

    kind: Literal["files", "uci", "synthetic"] = "synthetic"
    """``files``: what ``--data`` names; ``uci``: download the archive; ``synthetic``: make recordings."""
    activities: tuple[str, ...] | None = None
    """Names of the activities to use; all 19 if absent. Recordings of others are left out, wherever they come from."""
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

    @field_validator("activities")
    @classmethod
    def _two_or_more(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if names is not None and len(names) < 2:  # noqa: PLR2004 - of one, there is nothing to recognise
            raise ValueError("at least two activities, or no such key for all")
        repeated = [name for name, times in Counter(names or ()).items() if times > 1]
        if repeated:
            raise ValueError(f"each activity once; repeated: {', '.join(repeated)}")
        return names
