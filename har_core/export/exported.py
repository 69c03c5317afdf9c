"""What every format gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A file that was written."""

    path: Path
    num_bytes: int
    details: dict[str, str] = field(default_factory=dict)
    """What else can be said of it, by name, in words."""
