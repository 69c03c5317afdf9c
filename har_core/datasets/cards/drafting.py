"""Drafts a card for a folder of text files, with a comment wherever a person has to say more."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from har_core.base.errors import InputError, Problem
from har_core.datasets.cards.card import WHITESPACE
from har_core.datasets.cards.guessing import Paths, Shape, guess_paths, guess_place, guess_sensor, guess_shape
from har_core.datasets.cards.patterns import Pattern, natural, numbers_in_names, numbers_in_order
from har_core.datasets.opening import open_source
from har_core.datasets.source import MAX_SUBJECT, FileName, Naming, Source

FILL_IN = "# FILL IN"
"""How comments begin that ask for something."""

_TEXT = {".txt", ".csv", ".dat", ".tsv", ".data", ".log", ".asc", ""}
_MOST_FILES = 200
"""In which labels are looked for."""
_NO_ACTIVITY = re.compile(
    "(nan|na|null|none|unlabell?ed|unknown|undefined|other|transient|transitions?|0|-1)?", re.IGNORECASE
)
"""Labels of rows that are probably none of the activities."""
_WORD = re.compile(r"[^\W\d_]{3}")
_USUAL_RATES = (10, 12.5, 16, 20, 25, 30, 32, 40, 50, 52, 60, 64, 75, 80, 100, 104, 120, 128, 150, 200, 250, 256, 500)
_UNITS = {"acc": "m/s²", "gyro": "rad/s", "mag": "µT"}


class _AnyText(Naming):
    """Takes every text file, and knows nothing of it."""

    expectation = "text files"
    max_bytes = 500_000_000

    def may_match(self, path: str) -> bool:  # noqa: ARG002 - the interface
        return False

    def names(self, paths: Sequence[str]) -> Mapping[str, FileName]:  # noqa: ARG002 - the interface
        return {}

    def is_loose(self, path: str) -> bool:
        return PurePosixPath(path).suffix.lower() in _TEXT


def draft_card(location: Path, card: Path | None = None) -> str:
    """A card for the text files in a folder or zip, as far as they tell.

    Args:
        location: the folder or zip.
        card: where the draft will be, for its first lines; if absent, a file named after ``location``.

    Raises:
        InputError: there are none.
    """
    with open_source(location, _AnyText(), any_names=True) as source:
        found = guess_paths(source.loose, has_labels=False)
        sample = _text(source, found.paths[0])
        shape = guess_shape(sample)
        found = guess_paths(source.loose, has_labels=shape.label is not None)
        if not shape.values:
            problem = Problem(
                path=source.name_of(found.paths[0]), value=sample[:60], expected="rows of numbers, one column a channel"
            )
            raise InputError(f"{location}: no text files of numbers", [problem])
        streams = found.parts.get("stream", [])
        labels = found.parts.get("activity", []) if shape.label is None else _labels(source, found, shape)
        shapes = {name: guess_shape(_text(source, _path_of(name, found))) for name in streams} or {"": shape}
        left_out = [path for path in source.loose if path not in set(found.paths)]
    none = [] if shape.label is None else _none_of(labels)
    activities = sorted((label for label in labels if label not in none), key=natural)
    has_clocks = bool(streams) and shape.time is not None
    lines = [
        *_description(location, card, shape, activities, has_none=bool(none), has_clocks=has_clocks),
        *_files(found, shape),
        *_how_labelled(found, shape, left_out, none),
    ]
    lines += _subjects(found)
    for name, own in shapes.items():
        lines += ["", "[[streams]]", f"name = {_quoted(name)}"] if name else []
        lines += _channels(own, name)
    return "\n".join(lines) + "\n"


def _description(
    location: Path,
    card: Path | None,
    shape: Shape,
    activities: Collection[str],
    *,
    has_none: bool,
    has_clocks: bool,
) -> Iterator[str]:
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", location.absolute().stem) or "recordings"
    yield f"# A draft, made by looking at the files. What it could not tell is marked {FILL_IN[2:]}."
    yield f"#   har dataset check {shlex.quote(str(card or f'{name}.toml'))} --data {shlex.quote(str(location))}"
    yield ""
    yield f"name = {_quoted(name)}"
    yield f"title = {_quoted(name)}  {FILL_IN}: what people call the set"
    yield f'citation = ""  {FILL_IN}: who recorded it'
    yield f'licence = ""  {FILL_IN}: under which licence it can be used'
    if shape.rate_hz is None:
        yield f"sampling_rate_hz = 50  {FILL_IN}: rows a second; no column of times tells it"
    else:
        yield f"sampling_rate_hz = {_rounded(shape.rate_hz):g}  # timestamps tell {shape.rate_hz:.4g}"
    if has_none:
        yield f'none = "other"  {FILL_IN}: what rows are called that are none of the activities'
    else:
        yield f'# none = "other"  {FILL_IN}: the name of rows that are none of the activities, if there are any'
    if has_clocks:
        yield f'join = "time"  {FILL_IN}: or "row", if rows belong together'
    yield ""
    if activities:
        are_words = all(map(_WORD.search, activities))
        yield f"[activities]  {'#' if are_words else f'{FILL_IN}:'} names for the labels, in the order of classes"
        yield from (f"{_key(label)} = {_quoted(label)}" for label in activities)
    else:
        yield f"[activities]  {FILL_IN}: label as the files write it = name"
        yield '1 = "first activity"'
        yield '2 = "second activity"'


def _files(found: Paths, shape: Shape) -> Iterator[str]:
    yield ""
    yield "[files]"
    note = "" if "subject" in found.parts else f"  {FILL_IN}: put {{subject}} where the paths name people"
    yield f"pattern = {_quoted(found.pattern)}{note}"
    if shape.delimiter != ",":
        yield f"delimiter = {_quoted(shape.delimiter)}"
    if shape.decimal != ".":
        yield f"decimal = {_quoted(shape.decimal)}"
    if shape.header_lines:
        yield f"header_lines = {shape.header_lines}"
    if shape.comment:
        yield f"comment = {_quoted(shape.comment)}"
    if shape.time is not None:
        yield f"time = {_column(shape, shape.time)}"
        yield f"time_unit = {_quoted(shape.time_unit)}"


def _how_labelled(found: Paths, shape: Shape, left_out: Sequence[str], none: Sequence[str]) -> Iterator[str]:
    if shape.label is not None:
        yield from ("", "[labels]", f"column = {_column(shape, shape.label)}")
        guessed = "; guessed from the labels" if any(none) else ""
        yield f"none = [{', '.join(map(_quoted, none))}]  {FILL_IN}: labels of rows of no activity{guessed}"
    elif "activity" not in found.parts:
        tables = ", ".join(left_out[:5]) or "no other file is there"
        yield from ("", f"[labels.intervals]  {FILL_IN}: where labels are; perhaps in {tables}")
        yield from ('pattern = "labels.txt"', f"delimiter = {_quoted(WHITESPACE)}")
        told = [what for what in ("subject", "session") if what in found.parts]
        columns = [*told, "label", "first", "last"]
        yield from (f"{what} = {number}" for number, what in enumerate(columns, start=1))


def _subjects(found: Paths) -> Iterator[str]:
    names = found.parts.get("subject", [])
    if names and numbers_in_names(names, most=MAX_SUBJECT) is None:
        yield from ("", "[subjects]  # numbers of your own choice")
        yield from (f"{_key(name)} = {number}" for name, number in numbers_in_order(names).items())


def _channels(shape: Shape, stream: str) -> Iterator[str]:
    where = guess_place(stream) or ("" if guess_sensor(stream) else stream)
    groups = dict[tuple[str, str, str], list[int]]()
    for index in shape.values:
        name = shape.names[index] if shape.names else ""
        stem = re.sub(r"(?i)(^|[^a-z])[xyz](?=$|[^a-z])|[xyz]$", "", name) if name else str(index // 3)
        key = guess_place(name) or where, guess_sensor(name) or guess_sensor(stream), stem
        groups.setdefault(key, []).append(index)
    seen = Counter[tuple[str, str]]()
    for number, ((place, sensor, _), columns) in enumerate(groups.items(), start=1):
        seen[place, sensor] += 1
        again = seen[place, sensor] if sensor and seen[place, sensor] > 1 else ""
        kind = f"{sensor or 'sensor'}{again or ('' if sensor else number)}"
        guess = f"{FILL_IN}: acc, gyro, mag, or what it is" if not sensor or again else "# guessed from the names"
        guessed = "; guessed from the names" if place else ""
        yield from ("", "[[streams.channels]]" if stream else "[[channels]]")
        yield f"columns = [{', '.join(_column(shape, index) for index in columns)}]"
        yield f"place = {_quoted(place or 'body')}  {FILL_IN}: where the sensor is worn{guessed}"
        yield f"sensor = {_quoted(kind)}  {guess}"
        yield f"unit = {_quoted(_UNITS.get(sensor, ''))}  {FILL_IN}: of the values, once scaled"
        if len(columns) not in (1, 3):
            names = [f"{kind}_{stream}{index + 1}" for index in columns]
            yield f"names = [{', '.join(map(_quoted, names))}]"


def _labels(source: Source, found: Paths, shape: Shape) -> list[str]:
    """Labels in a column, as files write them; the empty one stands for rows without a label."""
    labels = dict[str, None]()
    index = shape.label or 0
    for path in found.paths[:: max(1, len(found.paths) // _MOST_FILES)]:
        for line in _text(source, path).split("\n")[shape.header_lines :]:
            cells = line.split() if shape.delimiter == WHITESPACE else line.split(shape.delimiter)
            if index < len(cells) and not (shape.comment and line.startswith(shape.comment)):
                labels[cells[index].strip().strip('"')] = None
        if len(labels) > MAX_LABELS:
            return []
    return list(labels)


def _none_of(labels: Collection[str]) -> list[str]:
    """Those of ``labels`` that are probably none of the activities; only the empty one if few would be left."""
    none = [label for label in labels if _NO_ACTIVITY.fullmatch(label)]
    is_likely = len(labels) - len(none) > 1
    return sorted(none) if is_likely else [label for label in none if not label]


MAX_LABELS = 100
"""A column with more is none of labels."""


def _path_of(stream: str, found: Paths) -> str:
    regex = Pattern.parse(found.pattern.replace("{stream}", stream)).regex()
    return next(path for path in found.paths if regex.fullmatch(path))


def _text(source: Source, path: str) -> str:
    return source.read_loose(path).decode("utf-8-sig", errors="replace").replace("\r\n", "\n").replace("\r", "\n")


def _column(shape: Shape, index: int) -> str:
    return _quoted(shape.names[index]) if shape.names else str(index + 1)


def _rounded(rate: float) -> float:
    """A usual rate near the measured one: the nearest if it is very near, else the roundest."""
    nearest = min(_USUAL_RATES, key=lambda one: abs(one / rate - 1))
    if abs(nearest / rate - 1) < 0.01:  # noqa: PLR2004 - clocks are better than this
        return nearest
    near = [one for one in _USUAL_RATES if abs(one / rate - 1) < 0.045]  # noqa: PLR2004 - a check allows 5 %
    return max(near, key=lambda one: [one % step == 0 for step in (100, 50, 25, 10)], default=round(rate, 2))


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
