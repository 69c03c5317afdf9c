"""A data set that a card describes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from har_core.base.errors import Problem
from har_core.datasets.cards.card import Card, Labels
from har_core.datasets.cards.loader import read_card
from har_core.datasets.cards.naming import CardNaming
from har_core.datasets.dataset import Dataset, ReadRecording
from har_core.datasets.source import Source, SourceFile

if TYPE_CHECKING:
    from har_core.datasets.recordings import Outline, RecordingKey


class CardDataset(Dataset):
    """Recordings in text files of any layout."""

    naming: CardNaming

    def __init__(self, card: Card, path: Path, asked_for: tuple[str, ...] | None = None) -> None:
        self.card, self.path, self.spec = card, path, card.spec
        self.naming = CardNaming(card)
        self._asked_for = asked_for

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read the card at ``path``.

        Raises:
            InputError: with every problem of the card.
        """
        return cls(read_card(path), path)

    @property
    def reference(self) -> str:
        """The absolute path of the card."""
        return str(self.path.absolute())

    @property
    def version(self) -> str:
        """Hash of all that the card says."""
        return self.card.version

    @property
    def asked_for(self) -> tuple[str, ...] | None:
        """The activities that :meth:`asking_for` named; None for all."""
        return self._asked_for

    def asking_for(self, activities: Collection[str] | None) -> Self:
        """The same, without files whose path says another activity."""
        names = None if activities is None else tuple(name for name in self.spec.activities if name in activities)
        return type(self)(self.card, self.path, names)

    def unlabelled(self) -> Self:
        """The same without column and table of labels: all rows are of none of the activities."""
        numbers = {"": 0, **self.card.numbers}
        changed = {"labels": Labels(), "intervals": None, "numbers": numbers}
        return type(self)(self.card.model_copy(update=changed), self.path)

    def choose(self, source: Source) -> Source:
        """Without files whose path says another activity."""
        return source if self._asked_for is None else source.choose(self._is_wanted)

    def _is_wanted(self, file: SourceFile) -> bool:
        number = self.card.numbers.get(file.name.label)
        return not number or self._asked_for is None or self.spec.activity_name(number) in self._asked_for

    def check_listing(self, source: Source) -> list[Problem]:
        """What is wrong with tables of stretches; what single recordings lack shows as they are read."""
        if self.card.intervals is None:
            return []
        if not source.shared:
            return [Problem(path=str(source.location), expected=f"a table of labels, {self.card.intervals.pattern}")]
        from har_core.datasets.cards.recording import check_stretches  # noqa: PLC0415 - brings pyarrow

        return check_stretches(self.card, self.naming, source)

    def check_outlines(self, outlines: Mapping[RecordingKey, Outline]) -> list[Problem]:
        """Whether activities can be told from subjects: not if nobody does two of them."""
        of_subject: dict[int, set[int]] = {}
        for key, outline in outlines.items():
            of_subject.setdefault(key.subject, set()).update(outline.activities - {0})
        if any(len(own) > 1 for own in of_subject.values()):
            return []
        return [
            Problem(
                path=str(self.path),
                value=f"subject {subject} with {', '.join(map(self.spec.activity_name, own)) or 'no activity'} alone",
                expected="at least one subject with two activities, else a model learns who it is, not what it does; "
                "add recordings of another activity",
            )
            for subject, own in sorted(of_subject.items())
        ]

    def read(self, source: Source, files: Sequence[SourceFile]) -> ReadRecording:
        """Read, join and label the files of one recording."""
        from har_core.datasets.cards.recording import read_recording  # noqa: PLC0415 - brings pyarrow

        return read_recording(self.card, self.naming, source, files)
