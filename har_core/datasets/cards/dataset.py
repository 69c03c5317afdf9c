"""A data set that a card describes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Self
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from har_core.base.errors import InputError, Problem, counted
from har_core.datasets.cards.card import Card
from har_core.datasets.cards.labels import (
    Stretches,
    column_of,
    key_of,
    labels_in_column,
    labels_in_stretches,
    number_of,
)
from har_core.datasets.cards.loader import read_card
from har_core.datasets.cards.naming import CardNaming
from har_core.datasets.cards.reader import Rows, read_rows
from har_core.datasets.cards.streams import check_channels, check_times, join_by_row, join_by_time
from har_core.datasets.cards.text import Text
from har_core.datasets.dataset import Dataset, ReadFile, ReadRecording
from har_core.datasets.recordings import Outline, Recording, RecordingKey, label_runs
from har_core.datasets.source import Source, SourceFile

_STRETCHES: WeakKeyDictionary[Source, Stretches] = WeakKeyDictionary()
"""Tables of open sources: every recording asks for its own lines."""


class CardDataset(Dataset):
    """Recordings in text files of any layout."""

    def __init__(self, card: Card, path: Path) -> None:
        self.card, self.path, self.spec = card, path, card.spec
        self.naming = CardNaming(card)
        self._wanted: Collection[str] | None = None

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

    def asking_for(self, activities: Collection[str] | None) -> CardDataset:
        """The same, without files whose path says another activity."""
        other = CardDataset(self.card, self.path)
        other._wanted = activities
        return other

    def open(self, path: Path) -> Source:
        """The directory or zip at ``path``, listed."""
        source = super().open(path)
        return source if self._wanted is None else source.choose(self._is_wanted)

    def _is_wanted(self, file: SourceFile) -> bool:
        if not file.name.label or self._wanted is None:
            return True
        number = self.card.numbers[file.name.label]
        return self.spec.activity_name(number) in self._wanted

    def check_listing(self, source: Source) -> list[Problem]:
        """Files that sessions lack, and what is wrong with tables of stretches."""
        problems = []
        names = {stream.name: stream.parsed.text for stream in self.card.streams}
        for key, files in source.by_recording().items():
            there = {file.name.stream for file in files}
            problems += [
                Problem(path=str(source.location), expected=f"a file {pattern} of {key}, as of its other streams")
                for name, pattern in names.items()
                if name not in there
            ]
        if self.card.intervals is None:
            return problems
        if not source.shared:
            problem = Problem(path=str(source.location), expected=f"a table of labels, {self.card.intervals.pattern}")
            return [*problems, problem]
        table = self._stretches(source)
        problems += table.problems
        keys = {self._key(files[0]) for files in source.by_recording().values()}
        if not keys & table.by_recording.keys() and not table.problems:
            value = f"stretches of {_some(table.by_recording)}"
            expected = f"stretches of recordings that are there: {_some(keys)}"
            problems.append(Problem(path=source.name(source.shared[0]), value=value, expected=expected))
        return problems

    def check_outlines(self, outlines: Mapping[RecordingKey, Outline]) -> list[Problem]:
        """Whether activities can be told from subjects: not if nobody does two of them."""
        of_subject: dict[int, set[int]] = {}
        for key, outline in outlines.items():
            of_subject.setdefault(key.subject, set()).update(outline.activities - {0})
        if not of_subject or any(len(own) > 1 for own in of_subject.values()):
            return []
        return [
            Problem(
                path=str(self.path),
                value=f"subject {subject} with {', '.join(map(self.spec.activity_name, own)) or 'no activity'} alone",
                expected="at least one subject with two activities: else a model learns who, not what",
            )
            for subject, own in sorted(of_subject.items())
        ]

    def read(self, source: Source, files: Sequence[SourceFile]) -> ReadRecording:
        """Read, join and label the files of one recording."""
        card, by_stream = self.card, {file.name.stream: file for file in files}
        problems, found, read = list[Problem](), dict[str, Rows](), list[ReadFile]()
        holder = card.labels.stream or card.streams[0].name
        for stream in card.streams:
            file = by_stream.get(stream.name)
            if file is None:
                expected = f"a file {stream.parsed.text} of {files[0].name.recording}"
                problems.append(Problem(path=str(source.location), expected=expected))
                continue
            label = card.labels.column if stream.name == holder else None
            try:
                content = source.read(file)
                rows = read_rows(source.name(file), content, stream, label)
            except InputError as error:
                problems += error.problems
                continue
            found[stream.name] = rows
            read.append(ReadFile.of(file, content, num_rows=rows.num_rows, status=rows.text.status))
            problems += check_times(rows, self.spec.sampling_rate_hz)
        first = found.get(card.streams[0].name)
        labels = None
        if first is not None and holder in found:
            try:
                labels = self._labels(source, files[0], first, found[holder])
            except InputError as error:
                problems += error.problems
        if len(found) == len(card.streams):
            problems += check_channels(list(found.values()), self.spec.channel_names)
        if problems or first is None or labels is None:
            raise InputError(f"{files[0].name.recording}: {counted(len(problems), 'problem')}", problems)
        joined = (join_by_time if card.join == "time" else join_by_row)(list(found.values()))
        kept = slice(joined.first, joined.first + joined.samples.shape[1])
        own = labels[kept]
        # Seconds since 1970 have steps of a quarter of a microsecond.
        times = None if first.times is None else (first.times[kept] - first.times[joined.first]).round(6)
        outline = Outline(segments=(1,), lengths=(len(own),), labels=label_runs(own))
        key = files[0].name.recording
        recording = Recording(
            subject=key.subject, session=key.session, outline=outline, samples=joined.samples, times=times
        )
        return ReadRecording(recording, tuple(read))

    def _labels(self, source: Source, file: SourceFile, first: Rows, holder: Rows) -> npt.NDArray[np.int8]:
        """The activity number of each row of the first stream."""
        card = self.card
        if card.labels.column is not None:
            labels = labels_in_column(holder, card, column_of(holder, card.labels.column))
            if holder is first or holder.times is None or first.times is None or card.join == "row":
                return labels
            nearest = np.searchsorted(holder.times, first.times, side="right") - 1
            return labels[np.maximum(nearest, 0)]
        if card.intervals is not None:
            table = self._stretches(source)
            if table.problems:
                raise InputError("The table of labels is wrong", table.problems)
            return labels_in_stretches(table.by_recording.get(self._key(file), []), card, first.num_rows, first.times)
        number = number_of(file.name.label, card)
        if number is None:
            raise AssertionError(f"{file.path}: a label that the naming should have refused")
        return np.full(first.num_rows, number, dtype=np.int8)

    def _key(self, file: SourceFile) -> tuple[str, ...]:
        return key_of(self.naming.parts_of(file.path))

    def _stretches(self, source: Source) -> Stretches:
        """The tables of a source, read once."""
        if source not in _STRETCHES and self.card.intervals is not None:
            table = Stretches()
            for file in source.shared:
                try:
                    text = Text(source.name(file), source.read(file), self.card.intervals)
                except InputError as error:
                    table.problems += error.problems
                    continue
                table.add(text, self.naming.parts_of(file.path), self.card)
            _STRETCHES[source] = table
        return _STRETCHES[source]


def _some(keys: Collection[tuple[str, ...]]) -> str:
    shown = [" ".join(key) for key in sorted(keys)[:5]]
    return ", ".join(shown) + (" …" if len(keys) > len(shown) else "") or "nobody"
