"""Labels of rows: from a column, from a path, or from a table of stretches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from har_core.base.errors import InputError, Problem
from har_core.base.names import hint
from har_core.datasets.cards.card import SECONDS, Card, Intervals
from har_core.datasets.cards.patterns import plain
from har_core.datasets.cards.reader import Rows, as_ticks
from har_core.datasets.cards.streams import lines_of
from har_core.datasets.cards.text import Text


def number_of(label: str, card: Card) -> int | None:
    """The activity number of a label as a file writes it; ``3.0`` is ``3``. None if the card does not name it."""
    label = label.strip()
    if label in card.numbers:
        return card.numbers[label]
    try:
        number = float(label)
    except ValueError:
        return None
    return card.numbers.get(str(int(number))) if number.is_integer() else None


def labels_in_column(rows: Rows, card: Card) -> npt.NDArray[np.int8]:
    """(R,) activity numbers of the labels that a file holds.

    Raises:
        InputError: labels that the card does not name, each at its first row.
    """
    if rows.labels is None or rows.label_column is None:
        raise AssertionError(f"{rows.text.name}: no labels were read")
    written = rows.labels.dictionary.to_pylist()
    numbers = [number_of(label, card) for label in written]
    codes = rows.labels.indices.to_numpy()
    wrong = [index for index, number in enumerate(numbers) if number is None]
    if wrong:
        firsts = {int(np.argmax(codes == index)): written[index] for index in wrong}
        lines = lines_of(rows, list(firsts))
        problems = [
            Problem(
                path=rows.text.name,
                line=lines.get(row),
                column=rows.label_column + 1,
                value=label,
                expected=_expectation(label, card),
            )
            for row, label in sorted(firsts.items())
        ]
        raise InputError(f"{rows.text.name}: labels that the card does not name", problems)
    found: npt.NDArray[np.int8] = np.array(numbers, dtype=np.int8)[codes]
    return found


def _expectation(label: str, card: Card) -> str:
    """What a label should have been that the card does not name."""
    if label.strip():
        return f"a label of the card{hint(label, card.numbers)}"
    above = "" if card.spec.none else ', with none = "other" above'
    return f'a label of the card, or none = [""] in [labels]{above}'


class Stretch(NamedTuple):
    """A line of a table of stretches."""

    first: float
    """Row from 0, or seconds by the clock of the recording."""
    last: float
    number: int
    """Activity number."""
    path: str
    line: int


@dataclass(slots=True)
class Stretches:
    """All tables of a source."""

    by_recording: dict[tuple[str, ...], list[Stretch]] = field(default_factory=lambda: defaultdict(list))
    """By the names of subject and session, as far as tables say them."""
    problems: list[Problem] = field(default_factory=list)

    def add(self, text: Text, parts: Mapping[str, str], card: Card) -> None:
        """Add those of a table; ``parts`` is what its path says."""
        form = card.intervals
        if form is None:
            raise AssertionError("the card has no intervals")
        if not text.num_columns:
            return  # a session without labels
        columns = {what: getattr(form, what) for what in ("subject", "session", "label", "first", "last")}
        columns = {what: column for what, column in columns.items() if column is not None}
        try:
            places = dict(zip(columns, text.indices(list(columns.values())), strict=True))
        except InputError as error:
            self.problems += error.problems
            return
        lines = [(line, text.split(row)) for line, row in text.lines()]
        short = [(line, cells) for line, cells in lines if len(cells) <= max(places.values())]
        for line, cells in short:
            expected = f"at least {max(places.values()) + 1} columns"
            self.problems.append(Problem(path=text.name, line=line, value=f"{len(cells)} columns", expected=expected))
        lines = [(line, cells) for line, cells in lines if len(cells) > max(places.values())]
        firsts, lasts = ([cells[places[what]] for _, cells in lines] for what in ("first", "last"))
        ends = zip(_places(firsts, form), _places(lasts, form), strict=True)
        for (line, cells), (first, last) in zip(lines, ends, strict=True):
            number = number_of(cells[places["label"]], card)
            for what, value in (("first", first), ("last", last)):
                if np.isnan(value):
                    expected = "the number of a row" if form.unit == "rows" else f"a time in {form.unit}"
                    self._refuse(text, line, places[what], cells, expected)
            if number is None:
                self._refuse(text, line, places["label"], cells, _expectation(cells[places["label"]], card))
            if number is None or np.isnan(first) or np.isnan(last):
                continue
            own = [(what, plain(cells[place])) for what, place in places.items() if what in ("subject", "session")]
            key = key_of({**parts, **dict(own)})
            self.by_recording[key].append(Stretch(first, last, number, text.name, line))

    def _refuse(self, text: Text, line: int, index: int, cells: Sequence[str], expected: str) -> None:
        self.problems.append(
            Problem(path=text.name, line=line, column=index + 1, value=cells[index], expected=expected)
        )


def key_of(parts: Mapping[str, str]) -> tuple[str, ...]:
    """What tables and paths have in common: the names of subject and session."""
    return tuple(parts[what] for what in ("subject", "session") if what in parts)


def labels_in_stretches(
    stretches: Sequence[Stretch], card: Card, num_rows: int, times: npt.NDArray[np.float64] | None
) -> tuple[list[Problem], npt.NDArray[np.int8]]:
    """Which stretches overlap, end before they begin, or reach beyond the recording; and (R,) activity numbers.

    Rows in no stretch are none of the activities.
    """
    form = card.intervals
    if form is None:
        raise AssertionError("the card has no intervals")
    labels = np.full(num_rows, card.none_number, dtype=np.int8)
    problems, above = list[Problem](), None
    for stretch in sorted(stretches):
        first, last, beyond = _rows_of(stretch, form, card.spec.sampling_rate_hz, num_rows, times)
        value = f"{stretch.first:.10g} to {stretch.last:.10g}"
        expected = None
        if beyond is not None:
            expected = beyond
        elif last < first or stretch.last < stretch.first:
            expected = "a stretch that ends after it begins"
        elif above is not None and _overlap(above, stretch, form):
            expected = f"a stretch that begins after that of line {above.line} has ended"
        if expected is not None:
            problems.append(Problem(path=stretch.path, line=stretch.line, value=value, expected=expected))
        labels[max(first, 0) : max(last, 0)] = stretch.number
        if above is None or stretch.last > above.last:
            above = stretch
    return problems, labels


def _overlap(above: Stretch, below: Stretch, form: Intervals) -> bool:
    """Whether they share a row; times may touch, and then the row belongs to the later stretch."""
    is_shared = form.unit == "rows" and form.last_included and below.first == above.last
    return below.first < above.last or is_shared


def _rows_of(
    stretch: Stretch, form: Intervals, rate: float, num_rows: int, times: npt.NDArray[np.float64] | None
) -> tuple[int, int, str | None]:
    """First row, the row after the last, and what was expected if they are not in the recording."""
    if form.unit == "rows":
        first = int(stretch.first) - form.rows_from
        last = int(stretch.last) - form.rows_from + form.last_included
        is_within = first >= 0 and last <= num_rows
        numbers = f"{form.rows_from} to {num_rows - 1 + form.rows_from}"
        return first, last, None if is_within else f"rows of the recording, {numbers}"
    clock = np.arange(num_rows) / rate if times is None else times
    first = int(np.searchsorted(clock, stretch.first, side="left"))
    last = int(np.searchsorted(clock, stretch.last, side="right" if form.last_included else "left"))
    step = 1.5 / rate  # labels may end with the last step
    is_within = stretch.first >= clock[0] - step and stretch.last <= clock[-1] + step
    return first, last, None if is_within else f"times of the recording, {clock[0]:.10g} to {clock[-1]:.10g} s"


def _places(cells: Sequence[str], form: Intervals) -> Iterator[float]:
    """Rows, or seconds; NaN where a cell is neither."""
    if form.unit != "rows" and form.unit not in SECONDS:
        ticks, tick_s = as_ticks(pa.chunked_array([pa.array(list(cells), pa.string())]), form.unit)
        yield from ticks * tick_s
        return
    for cell in cells:
        try:
            value = float(cell.replace(",", ".") if form.decimal == "," else cell)
        except ValueError:
            value = np.nan
        is_row = form.unit != "rows" or value.is_integer()
        yield value * SECONDS.get(form.unit, 1.0) if is_row and np.isfinite(value) else np.nan
