"""What a few windows of a new person give to a model that is fitted on to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from har_core.evaluation.intervals import CONFIDENCE
from har_core.evaluation.paired import ENOUGH_SUBJECTS
from har_core.evaluation.transfer import TransferScore
from har_core.report.formats import fixed, listed
from har_core.report.inputs import ReportInputs, TransferEntry
from har_core.report.lines import Line, common_axis, line_chart
from har_core.transfer.table import AS_IT_IS, FROM_NOTHING

WAY_WORDS = {
    AS_IT_IS: "as it is",
    "last_layer": "last layer",
    "adapters": "adapters",
    "all": "everything",
    FROM_NOTHING: "from nothing",
}
"""What is changed, in the order of the report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRow:
    """One model and one way to change it."""

    entry: TransferEntry
    way: str
    scores: dict[int, TransferScore]
    """By number of windows; 0 is the model as it is, and of a network from nothing there is none."""

    @property
    def words(self) -> str:
        """What is changed."""
        return WAY_WORDS[self.way]

    @property
    def num_moved(self) -> int | None:
        """Numbers that it trains; None of a network from nothing."""
        return self.entry.record.num_moved.get(self.way)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPeople:
    """All models that were fitted on to people."""

    rows: tuple[TransferRow, ...]
    charts: tuple[tuple[TransferEntry, Markup], ...]
    numbers: tuple[int, ...]
    """Of windows, ascending, from 0."""
    words: str
    """What was learnt from and tested."""
    note: str
    """What the figures are."""


def view_new_people(inputs: ReportInputs) -> NewPeople | None:
    """What the report says of ``inputs.transferred``; None where there is nothing of its own kind of recordings."""
    entries = [entry for entry in inputs.transferred if entry.record.origin == inputs.origin]
    if not entries:
        return None
    rows = [row for entry in entries for row in _rows(entry)]
    lines = {entry.record.model: list(_lines(entry)) for entry in entries}
    axis = common_axis([line for own in lines.values() for line in own])
    return NewPeople(
        rows=tuple(rows),
        charts=tuple(
            (
                entry,
                line_chart(
                    lines[entry.record.model], axis, x_label="windows of each activity", label=_label(entry, rows)
                ),
            )
            for entry in entries
        ),
        numbers=tuple(sorted({number for row in rows for number in row.scores})),
        words=_words(entries),
        note=_note(entries),
    )


def _rows(entry: TransferEntry) -> Iterator[TransferRow]:
    by_way: dict[str, dict[int, TransferScore]] = {}
    for score in entry.scores:
        by_way.setdefault(score.way, {})[score.windows_per_activity] = score
    for way in WAY_WORDS:
        if way in by_way and way != AS_IT_IS:
            first = {} if way == FROM_NOTHING else by_way[AS_IT_IS]
            yield TransferRow(entry=entry, way=way, scores=first | by_way[way])


def _lines(entry: TransferEntry) -> Iterator[Line]:
    """Lines of the ways, the first one above the others, and the level of the model as it is."""
    rows = {row.way: row.scores for row in _rows(entry)}
    levels = {score.way: {0: score} for score in entry.scores if score.way == AS_IT_IS}
    for way, scores in {**dict(reversed(rows.items())), **levels}.items():
        drawn = scores if way == AS_IT_IS else {number: score for number, score in scores.items() if number}
        yield Line(
            kind=way,
            name=WAY_WORDS[way],
            scores={number: score.macro_f1 for number, score in scores.items()},
            intervals={number: found for number, score in drawn.items() if (found := score.interval) is not None},
        )


def _label(entry: TransferEntry, rows: Sequence[TransferRow]) -> str:
    own = [row for row in rows if row.entry is entry]
    told = (
        f"{row.words} {', '.join(f'{fixed(score.macro_f1)} from {number}' for number, score in row.scores.items())}"
        for row in own
    )
    return f"{entry.name}, macro-F1 by windows of each activity: {'; '.join(told)}"


def _words(entries: Sequence[TransferEntry]) -> str:
    people = sorted({len(entry.people) for entry in entries})
    windows = sorted({entry.num_windows for entry in entries})
    whose = f"Each of the {listed([str(number) for number in people])} people who test"
    tested = f"{listed([f'{number:,}' for number in windows])} windows"
    return (
        f"{'The one person who tests' if people == [1] else whose} shows the first windows of every activity, in time; "
        "a registered model learns from them alone, and is tested on what that person does afterwards "
        f"({tested}, the same for every number)."
    )


def _note(entries: Sequence[TransferEntry]) -> str:
    fewest = min(len(entry.people) for entry in entries)
    note = "Macro-F1 is the mean over people, each over the activities that they do afterwards and the model knows. "
    if fewest >= ENOUGH_SUBJECTS:
        note += f"Below it stands its {100 * CONFIDENCE:.0f} % interval, bootstrapped over people. "
    else:
        note += f"An interval needs {ENOUGH_SUBJECTS} people, and there {'is' if fewest == 1 else 'are'} {fewest}. "
    return note + (
        "“From nothing” is a network of the same architecture that learnt from these windows alone. These scores "
        "are a protocol of their own: they are not to be compared with those of other sections, and choose nothing."
    )


def people_problems(inputs: ReportInputs) -> tuple[str, ...]:
    """What was measured on other recordings, in words."""
    return tuple(
        f"transferred/{entry.record.model}: of {entry.record.origin} recordings, so it is left out"
        for entry in inputs.transferred
        if entry.record.origin != inputs.origin
    )
