"""``[audit]``: from which size on something odd in the recordings is a finding. What is looked for is in the audit."""

from pydantic import Field

from har_core.settings.base import Settings


class AuditSettings(Settings):
    """Thresholds of the content audit; the defaults find nothing in sound recordings."""

    min_repeats: int = Field(default=2, ge=2)
    """Equal rows in succession, on all channels, from which on they are a run."""
