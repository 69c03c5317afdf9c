"""Reads, joins and labels the files of one recording."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from har_core.base.errors import InputError, Problem, counted
from har_core.datasets.cards.card import Card
from har_core.datasets.cards.labels import Stretches, key_of, labels_in_column, labels_in_stretches, number_of
from har_core.datasets.cards.naming import CardNaming
from har_core.datasets.cards.reader import Rows, read_rows
from har_core.datasets.cards.streams import check_channels, check_times, join_by_row, join_by_time
from har_core.datasets.cards.text import Text
from har_core.datasets.dataset import ReadFile, ReadRecording
from har_core.datasets.recordings import Outline, Recording, label_runs
from har_core.datasets.source import Source, SourceFile

_STRETCHES: WeakKeyDictionary[Source, Stretches] = WeakKeyDictionary()
"""Tables of open sources: every recording asks for its own lines."""


def read_recording(card: Card, naming: CardNaming, source: Source, files: Sequence[SourceFile]) -> ReadRecording:
    """The recording that ``files`` hold.

    Raises:
        InputError: with every problem of every file.
    """
    by_stream = {file.name.stream: file for file in files}
    problems, found, read = list[Problem](), dict[str, Rows](), list[ReadFile]()
    key, holder = files[0].name.recording, card.labels.stream or card.streams[0].name
    for stream in card.streams:
        file = by_stream.get(stream.name)
        if file is None:
            expected = f"a file {stream.parsed.text} of {key}, as of its other streams"
            problems.append(Problem(path=str(source.location), expected=expected))
            continue
        try:
            content = source.read(file)
            label = card.labels.column if stream.name == holder else None
            rows = read_rows(source.name(file), content, stream, label)
        except InputError as error:
            problems += error.problems
            continue
        found[stream.name] = rows
        read.append(ReadFile.of(file, content, num_rows=rows.num_rows, status=rows.text.status))
        problems += check_times(rows, card.spec.sampling_rate_hz)
    first, labels = found.get(card.streams[0].name), None
    if first is not None and holder in found:
        try:
            labels = _labels(card, naming, source, files[0], first=first, holder=found[holder])
        except InputError as error:
            problems += error.problems
    if len(found) == len(card.streams):
        problems += check_channels(list(found.values()), card.spec.channel_names)
    if problems or first is None or labels is None:
        raise InputError(f"{key}: {counted(len(problems), 'problem')}", problems)
    joined = (join_by_time if card.join == "time" else join_by_row)(list(found.values()))
    kept = slice(joined.first, joined.first + joined.samples.shape[1])
    own = labels[kept]
    times = None if first.ticks is None else (first.ticks[kept] - first.ticks[joined.first]) * first.tick_s
    outline = Outline(segments=(1,), lengths=(len(own),), labels=label_runs(own))
    recording = Recording(
        subject=key.subject, session=key.session, outline=outline, samples=joined.samples, times=times
    )
    return ReadRecording(recording, tuple(read))


def check_stretches(card: Card, naming: CardNaming, source: Source) -> list[Problem]:
    """What is wrong with the tables of labelled stretches of a source."""
    table = _stretches(card, naming, source)
    keys = {key_of(naming.parts_of(files[0].path)) for files in source.by_recording().values()}
    if table.problems or keys & table.by_recording.keys():
        return table.problems
    value = f"stretches of {_some(table.by_recording)}"
    expected = f"stretches of recordings that are there: {_some(keys)}"
    return [Problem(path=source.name(source.shared[0]), value=value, expected=expected)]


def _labels(
    card: Card, naming: CardNaming, source: Source, file: SourceFile, *, first: Rows, holder: Rows
) -> npt.NDArray[np.int8]:
    """The activity number of each row of the first stream."""
    if holder.labels is not None:
        labels = labels_in_column(holder, card)
        if holder is first or holder.times is None or first.times is None or card.join == "row":
            return labels
        last = np.searchsorted(holder.times, first.times, side="right") - 1
        held: npt.NDArray[np.int8] = labels[np.maximum(last, 0)]
        return held
    if card.intervals is not None:
        table = _stretches(card, naming, source)
        own = table.by_recording.get(key_of(naming.parts_of(file.path)), [])
        found, labels = labels_in_stretches(own, card, first.num_rows, first.times)
        if table.problems or found:
            raise InputError("The table of labels is wrong", [*table.problems, *found])
        return labels
    number = number_of(file.name.label, card)
    if number is None:
        raise AssertionError(f"{file.path}: a label that the naming should have refused")
    return np.full(first.num_rows, number, dtype=np.int8)


def _stretches(card: Card, naming: CardNaming, source: Source) -> Stretches:
    """The tables of a source, read once."""
    if source not in _STRETCHES and card.intervals is not None:
        table = Stretches()
        for file in source.shared:
            try:
                text = Text(source.name(file), source.read(file), card.intervals)
            except InputError as error:
                table.problems += error.problems
                continue
            table.add(text, naming.parts_of(file.path), card)
        _STRETCHES[source] = table
    return _STRETCHES[source]


def _some(keys: Collection[tuple[str, ...]]) -> str:
    shown = [" ".join(key) for key in sorted(keys)[:5]]
    return ", ".join(shown) + (" …" if len(keys) > len(shown) else "") or "nobody"
