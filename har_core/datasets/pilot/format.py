"""The pilot: what a card describes, and a generator makes."""

from __future__ import annotations

from pathlib import Path

from har_core.base.progress import Progress
from har_core.datasets.cards.dataset import CardDataset
from har_core.settings.source import SourceSettings

CARD = Path(__file__).with_name("pilot.toml")


class Pilot(CardDataset):
    """Files as ``pilot.toml`` describes them."""

    generator = Path(__file__).parent

    @property
    def reference(self) -> str:
        """Its name, wherever it is installed."""
        return self.spec.name

    def make(self, folder: Path, settings: SourceSettings, progress: Progress) -> None:
        """Write made recordings."""
        from har_core.datasets.pilot.generator import write_recordings  # noqa: PLC0415 - brings NumPy and polars

        write_recordings(folder, settings, progress)
