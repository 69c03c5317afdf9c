"""``[champion]``: how sure the gate must be before another model takes the place of the champion."""

from __future__ import annotations

from pydantic import Field

from har_core.settings.base import Settings


class ChampionSettings(Settings):
    """The rule of the gate."""

    confidence: float = Field(default=0.9, ge=0.5, lt=1)
    """How sure it must be, one-sided, that a challenger is better than the champion."""
    margin: float = Field(default=0.01, ge=0, le=1)
    """Macro-F1 by which a cheaper challenger may be worse; that it is not worse by more must be as sure."""
    cheaper: float = Field(default=0.5, gt=0, lt=1)
    """Share of the champion's time for one window that a cheaper challenger may take at most."""
