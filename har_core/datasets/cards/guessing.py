"""Guesses how text files are written and named; for drafts of cards, which people complete."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from statistics import median

from har_core.datasets.cards.card import SECONDS, WHITESPACE

_DELIMITERS = (",", ";", "\t", "|")
_NUM_LINES = 200
"""Looked at in a file."""
_MOST_HEADER_LINES = 50
_NUMBER = re.compile(r"[+-]?(?:[0-9]+[.,]?[0-9]*|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?|nan|NaN|NA|")
_DATES = ("%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S.%fZ")
_LIKELY_RATES = (5.0, 2000.0)
_LABEL_NAMES = re.compile(r"label|activit|class|annotation|behavio", re.IGNORECASE)
_TIME_NAMES = re.compile(r"time|stamp|date|epoch|^t$", re.IGNORECASE)
_WORDS = {
    "subject": ("s", "sub", "subj", "subject", "p", "person", "participant", "user", "u", "volunteer", "id"),
    "session": ("session", "ses", "exp", "experiment", "e", "trial", "t", "run", "rec", "recording", "r", "seq"),
}
"""Letters before a number in a path, and what the number then is."""
_STREAM_WORDS = re.compile(
    r"acc|gyr|mag|imu|sensor|phone|watch|left|right|wrist|hand|arm|leg|chest|ankle|thigh|waist|hip|head|ear|pocket",
    re.IGNORECASE,
)
_SENSORS = {
    what: re.compile(rf"{word}|(?<![^_]){letter}_?[xyz](?![^_])")
    for what, word, letter in (("acc", "acc", "a"), ("gyro", "gyr|rot", "g"), ("mag", "mag", "m"))
}
"""In the words of the name of a column or stream."""
_PLACE = re.compile(
    r"(left|right|upper|lower|wrist|hand|arm|forearm|leg|foot|shin|knee|chest|torso|back|ankle|thigh|waist|hip|head|ear"
    r"|pocket|phone|watch)[0-9]*"
)
_NO_PLACES = {"body", "total", "linear", "lin", "raw", "user", "gravity", "sensor", "imu"}
"""Words before a sensor that say nothing of where it is."""
_JOINT = re.compile(r"[/. -]|(?<=[0-9])_|_(?=[A-Za-z]*[0-9])")
"""Between pieces of a path; words may hold an underscore."""
_DATE_PIECES = 3
"""So many numbers in a row are a date, or a time."""


@dataclass(slots=True)
class Shape:
    """How one file is written."""

    delimiter: str = ","
    decimal: str = "."
    header_lines: int = 0
    comment: str = ""
    names: tuple[str, ...] = ()
    """Of the columns; empty where nothing names them."""
    num_columns: int = 0
    time: int | None = None
    """Where timestamps stand, from 0."""
    time_unit: str = "s"
    rate_hz: float | None = None
    """What timestamps tell."""
    label: int | None = None
    """Where labels stand, from 0."""
    values: list[int] = field(default_factory=list)
    """Columns of other numbers."""


def guess_shape(text: str) -> Shape:
    """How a file is written, by its first lines."""
    shape = Shape()
    lines = [line for line in text.split("\n")[:_NUM_LINES] if line.strip()]
    shape.comment = next((sign for sign in ("#", "%") if lines and lines[0].startswith(sign)), "")
    lines = [line for line in lines if not shape.comment or not line.startswith(shape.comment)]
    if not lines:
        return shape
    body = lines[len(lines) // 2 :]
    widths = {sign: Counter(line.count(sign) for line in body).most_common(1)[0] for sign in _DELIMITERS}
    fitting = [sign for sign, (number, times) in widths.items() if number and times >= 0.9 * len(body)]
    shape.delimiter = max(fitting, key=lambda sign: widths[sign][0]) if fitting else WHITESPACE
    if shape.delimiter == "," and ";" in fitting:
        shape.delimiter = ";"
    rows = [_cells(line, shape.delimiter) for line in lines]
    shape.num_columns = Counter(map(len, rows[len(rows) // 2 :])).most_common(1)[0][0]
    for row in rows[:_MOST_HEADER_LINES]:
        if len(row) == shape.num_columns and sum(map(_is_number, row)) * 2 >= len(row):
            break
        shape.header_lines += 1
    if shape.header_lines in (len(rows), _MOST_HEADER_LINES):
        shape.header_lines = 0
    if shape.header_lines and len(rows[shape.header_lines - 1]) == shape.num_columns:
        shape.names = tuple(rows[shape.header_lines - 1])
    rows = [row for row in rows[shape.header_lines :] if len(row) == shape.num_columns]
    if shape.delimiter != "," and any("," in cell for row in rows for cell in row if _is_number(cell)):
        shape.decimal = ","
    _guess_columns(shape, rows)
    return shape


def _guess_columns(shape: Shape, rows: Sequence[Sequence[str]]) -> None:
    for index in range(shape.num_columns):
        cells = [row[index] for row in rows]
        name = shape.names[index] if shape.names else ""
        date = next((form for form in _DATES if all(_is_date(cell, form) for cell in cells)), None)
        if date is not None and shape.time is None:
            times = [datetime.strptime(cell, date).timestamp() for cell in cells]
            shape.time, shape.time_unit, shape.rate_hz = index, date, _rate(times)
        elif not all(map(_is_number, cells)):
            shape.label = index if shape.label is None or _LABEL_NAMES.search(name) else shape.label
        elif _LABEL_NAMES.search(name):
            shape.label = index
        elif shape.time is None and (unit := _time_unit(cells, name)) is not None:
            shape.time, shape.time_unit = index, unit
            shape.rate_hz = _rate([_as_number(cell) * SECONDS[unit] for cell in cells])
        else:
            shape.values.append(index)


def _time_unit(cells: Sequence[str], name: str) -> str | None:
    """The unit of timestamps; None if a column holds none."""
    if len(cells) < 3 or not all(cells):  # noqa: PLR2004 - too few to tell
        return None
    numbers = [_as_number(cell) for cell in cells]
    steps = [after - before for before, after in pairwise(numbers)]
    if not all(step >= 0 for step in steps) or sum(steps) <= 0:
        return None
    by_size = [unit for unit, least in (("ns", 1e17), ("us", 1e14), ("ms", 1e11), ("s", 1e8)) if numbers[0] >= least]
    if by_size:
        return by_size[0]
    lowest, highest = _LIKELY_RATES
    if not _TIME_NAMES.search(name) and (name or len({round(step, 9) for step in steps}) > len(steps) // 2):
        return None
    return next((u for u in SECONDS if lowest <= (_rate([n * SECONDS[u] for n in numbers]) or 0) <= highest), None)


def _rate(times: Sequence[float]) -> float | None:
    steps = [after - before for before, after in pairwise(times)]
    usual = median(steps) if steps else 0.0
    whole = (len(times) - 1) / (times[-1] - times[0]) if times and times[-1] > times[0] else None
    # Whole milliseconds and bursts make single steps misleading; holes, the whole.
    return whole if whole is None or usual <= 0 or 1 / usual < 2 * whole else 1 / usual


def _cells(line: str, delimiter: str) -> list[str]:
    cells = line.split() if delimiter == WHITESPACE else line.split(delimiter)
    return [cell.strip().strip('"') for cell in cells]


def _is_number(cell: str) -> bool:
    return _NUMBER.fullmatch(cell) is not None


def _as_number(cell: str) -> float:
    return float(cell.replace(",", "."))


def _is_date(cell: str, form: str) -> bool:
    try:
        datetime.strptime(cell, form)
    except ValueError:
        return False
    return True


@dataclass(slots=True)
class Paths:
    """What the paths of files that belong together look like."""

    pattern: str
    parts: dict[str, list[str]]
    """What each part is in the files, sorted."""
    paths: list[str]


def guess_paths(paths: Sequence[str], *, has_labels: bool) -> Paths:
    """The pattern of the largest group of files that are named alike.

    ``has_labels`` says whether files hold labels: then words in paths are rather streams than activities.
    """
    groups = defaultdict[tuple[str, ...], list[str]](list)
    for path in sorted(paths):
        groups[*_JOINT.findall(path), path.rpartition(".")[2]].append(path)
    separators, group = max(groups.items(), key=lambda entry: len(entry[1]))
    columns = [list(column) for column in zip(*(_JOINT.split(path) for path in group), strict=True)]
    parts, text, index = dict[str, list[str]](), "", 0
    while index < len(columns):
        end = index
        while end < len(columns) and all(value.isdecimal() for value in columns[end]):
            end += 1
        text += separators[index - 1] if index else ""
        if end - index >= _DATE_PIECES and "session" not in parts:
            parts["session"] = ["-".join(pieces) for pieces in zip(*columns[index:end], strict=True)]
            text += "{session}"
            index = end
        else:
            text += _piece(columns, index, parts, has_labels=has_labels)
            index += 1
    return Paths(text, {name: sorted(set(values)) for name, values in parts.items()}, group)


def _piece(columns: list[list[str]], index: int, parts: dict[str, list[str]], *, has_labels: bool) -> str:
    """A piece of a pattern; what it finds is added to ``parts``."""
    column = columns[index]
    if len(set(column)) == 1 < len(column):
        return column[0]
    found = [re.fullmatch(r"([^0-9]*)([0-9]+)", value) for value in column]
    prefixes = {match[1] for match in found if match is not None}
    values, prefix = column, ""
    if None not in found and len(prefixes) == 1:
        [prefix], values = prefixes, [match[2] for match in found if match is not None]
    same = next((name for name, known in parts.items() if known == values), None)
    if same is not None:
        return f"{prefix}{{{same}}}"
    name = next((name for name, words in _WORDS.items() if prefix.lower() in words), None)
    if name is None and not any(value[-1:].isdecimal() for value in values):
        may_be_streams = has_labels or all(_STREAM_WORDS.search(value) for value in values)
        name = "stream" if may_be_streams and _is_side_by_side(columns, index) else "activity"
    elif name is None:
        name = "session" if len(values[0]) > 4 or "subject" in parts else "subject"  # noqa: PLR2004 - a date or time
    if name in parts and len(set(zip(parts[name], values, strict=True))) == len(set(values)) == len(set(parts[name])):
        return f"{prefix}*"  # the same in other words
    if name in parts:
        name = next((other for other in ("session", "subject") if other not in parts), "")
    if not name:
        return f"{prefix}*"
    parts[name] = values
    return f"{prefix}{{{name}}}"


def _is_side_by_side(columns: list[list[str]], index: int) -> bool:
    """Whether every file is there with each value of a column."""
    others = Counter(zip(*columns[:index], *columns[index + 1 :], strict=True))
    return set(others.values()) == {len(set(columns[index]))}


def guess_sensor(name: str) -> str:
    """What a column of this name measures; empty if the name does not tell.

    >>> [guess_sensor(name) for name in ("left_ax", "GyroY", "mag z", "x")]
    ['acc', 'gyro', 'mag', '']
    """
    words = _words(name)
    return next((what for what, regex in _SENSORS.items() if regex.search(words)), "")


def guess_place(name: str) -> str:
    """Where the sensor is that a column of this name is of: what stands before the sensor, else words for places.

    >>> [guess_place(name) for name in ("left_ax", "LeftWrist.acc.x", "imu2 gyro x", "acc_x (Thigh)", "total_acc_x")]
    ['left', 'left_wrist', 'imu2', 'thigh', '']
    """
    words = _words(name)
    found = next((match for regex in _SENSORS.values() if (match := regex.search(words))), None)
    before = words[: found.start()].split("_")[:-1] if found is not None else []
    told = [word for word in before if word not in _NO_PLACES]
    return "_".join(told or [word for word in words.split("_") if _PLACE.fullmatch(word)])


def _words(name: str) -> str:
    """The words of a name in small letters, with underscores between them."""
    return "_".join(re.findall(r"[A-Z]?[a-z]+[0-9]*|[A-Z]+[0-9]*(?![a-z])|[0-9]+", name)).lower()
