"""Reads a card, and reports everything that is wrong with it at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from har_core.base.document import Document, read_document
from har_core.base.errors import InputError, counted
from har_core.base.names import hint
from har_core.base.positions import Key
from har_core.datasets.cards.card import (
    Card,
    ChannelGroup,
    FileFormat,
    Intervals,
    Labels,
    Stream,
)
from har_core.datasets.cards.patterns import Pattern
from har_core.datasets.source import MAX_SUBJECT
from har_core.settings.base import Settings
from har_core.settings.explanation import explain
from har_core.spec.dataset import DatasetSpec

SettingsT = TypeVar("SettingsT", bound=Settings)

_DESCRIPTION = ("name", "title", "citation", "licence", "sampling_rate_hz", "none")
_SECTIONS = ("activities", "places", "files", "channels", "streams", "join", "labels", "subjects")
_BY_PARTS = ("subject", "session", "activity")


def read_card(path: Path) -> Card:
    """Read the card at ``path``.

    Raises:
        InputError: lists every problem: it is unreadable or no TOML, a key is unknown or contradicts another, a value
            has the wrong type.
    """
    document = read_document(path, what="card")
    reader = _Reader(document)
    card = reader.card()
    if card is None:
        problems = sorted(dict.fromkeys(reader.problems), key=lambda problem: problem.line or 0)
        raise InputError(f"The card has {counted(len(problems), 'problem')}.", problems)
    return card


class _Reader:
    """Turns the tables of a document into a card, and collects problems on the way."""

    def __init__(self, document: Document) -> None:
        self.document, self.values = document, document.values
        self.problems: list[Any] = []

    def card(self) -> Card | None:
        """The card; None if there are problems."""
        for name in self.values:
            if name not in (*_DESCRIPTION, *_SECTIONS):
                self.refuse((name,), f"a key of a card{hint(name, (*_DESCRIPTION, *_SECTIONS))}")
        streams = self.streams()
        labels, intervals = self.labels()
        labelled = self.activities()
        spec = self.spec(streams, labelled)
        subjects = self.subjects()
        join = self.values.get("join", "row")
        if join not in ("row", "time"):
            self.refuse(("join",), "'row' or 'time'")
        self.check_parts(streams)
        if labels is not None:
            self.check_labels(streams, labels, intervals)
        if join == "time":
            for index, stream in enumerate(streams):
                if stream.time is None:
                    self.refuse(("streams", index), "the key 'time' too, because streams are joined by time")
        if self.problems or labels is None or spec is None:
            return None
        numbers = self.numbers(spec, labelled, labels)
        return None if self.problems else Card(
            spec=spec, numbers=numbers, streams=tuple(streams), join=join, labels=labels, intervals=intervals,
            subjects=subjects,
        )  # fmt: skip

    def refuse(self, key: Key, expected: str, *, value: Any = None) -> None:
        """Add a problem with ``key``."""
        self.problems.append(self.document.problem(key, expected, value=value))

    def settings(self, key: Key, model: type[SettingsT], values: Any) -> SettingsT | None:
        """``values`` as a ``model``; None if they are invalid, and problems with ``key`` are added."""
        if not isinstance(values, Mapping):
            self.refuse(key, f"a table, [{'.'.join(map(str, key))}]")
            return None
        try:
            return model.model_validate(_lists_to_tuples(values))
        except ValidationError as error:
            self.problems += explain(error, model, self.document, key)
            unknown = {each["loc"][0] for each in error.errors() if each["type"] == "extra_forbidden"}
            if unknown & values.keys():  # they keep keys from being held against each other
                self.settings(key, model, {name: value for name, value in values.items() if name not in unknown})
            return None

    def tables(self, key: Key) -> list[Any]:
        """The list of tables at ``key``."""
        found = self.document.get(key)[1]
        if found is None:
            return []
        if isinstance(found, list):
            return found
        self.refuse(key, f"a list of tables, [[{'.'.join(map(str, key))}]]")
        return []

    def streams(self) -> list[Stream]:
        """``[files]`` with ``[[channels]]``, or each of ``[[streams]]`` on top of ``[files]``."""
        base = self.values.get("files", {})
        has_streams = "streams" in self.values
        if has_streams and "channels" in self.values:
            self.refuse(("channels",), "channels within [[streams]] only, because there are streams")
        if not has_streams:
            if "files" not in self.values:
                self.refuse(("files",), "the section [files]: how files of recordings are named and written")
                return []
            files = self.settings(("files",), FileFormat, base)
            channels = self.channels(("channels",), files)
            if files is None or not channels:
                return []
            return [Stream(**{**files.model_dump(), "channels": tuple(channels)})]
        made = []
        if base and self.settings(("files",), FileFormat, {"pattern": "*", **base}) is None:
            return []
        for index, own in enumerate(self.tables(("streams",))):
            key: Key = ("streams", index)
            values = {**base, **own} if isinstance(own, Mapping) else own
            name = self.document.get((*key, "name"))[1]
            if not name:
                self.refuse((*key, "name"), "a name for each stream")
            rest = {k: v for k, v in values.items() if k not in ("name", "channels")} if isinstance(own, dict) else own
            files = self.settings(key, FileFormat, rest)
            channels = self.channels((*key, "channels"), files)
            if files is not None and name and channels:
                stream = self.settings(key, Stream, {**files.model_dump(), "name": name, "channels": channels})
                made += [] if stream is None else [stream]
        for what, given in (("name", [s.name for s in made]), ("pattern", [s.parsed.text for s in made])):
            for value, times in Counter(given).items():
                if times > 1:
                    expected = f"another {what} in each of [[streams]]; write {{stream}} where it tells files apart"
                    self.refuse(("streams", len(given) - 1 - given[::-1].index(value), what), expected, value=value)
        return made

    def channels(self, key: Key, files: FileFormat | None) -> list[ChannelGroup]:
        """The groups of channels at ``key``."""
        tables = self.tables(key)
        if not tables and not self.document.get(key)[0]:
            self.refuse(key, f"[[{'.'.join(str(part) for part in key if isinstance(part, str))}]]: at least one")
        made = [self.settings((*key, index), ChannelGroup, values) for index, values in enumerate(tables)]
        groups = [group for group in made if group is not None]
        if files is not None and not files.names_columns:
            for index, group in enumerate(made):
                if group is not None and any(isinstance(column, str) for column in group.columns):
                    self.refuse((*key, index, "columns"), _NUMBERS)
        return groups

    def activities(self) -> dict[str, str]:
        """Labels as written, and the names of activities."""
        given = self.values.get("activities")
        pairs = given.items() if isinstance(given, dict) else [(n, n) for n in given] if isinstance(given, list) else []
        if not pairs or not all(isinstance(name, str) and name for _, name in pairs):
            self.refuse(("activities",), 'names: ["walking", "sitting"], or a table from label to name')
            return {}
        if isinstance(given, list):
            self._once(("activities",), given)
        return dict(pairs)

    def labels(self) -> tuple[Labels | None, Intervals | None]:
        """``[labels]`` and ``[labels.intervals]``; no labels if something is wrong."""
        values = self.values.get("labels", {})
        own = {k: v for k, v in values.items() if k != "intervals"} if isinstance(values, dict) else values
        labels = self.settings(("labels",), Labels, own)
        if not isinstance(values, dict) or "intervals" not in values:
            return labels, None
        intervals = self.settings(("labels", "intervals"), Intervals, values["intervals"])
        return (labels, intervals) if intervals is not None else (None, None)

    def subjects(self) -> dict[str, int]:
        """``[subjects]``."""
        given = self.values.get("subjects", {})
        if not isinstance(given, dict):
            self.refuse(("subjects",), "a table from names in paths to numbers, [subjects]")
            return {}
        for name, number in given.items():
            if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MAX_SUBJECT:
                self.refuse(("subjects", name), f"a whole number from 1 to {MAX_SUBJECT}")
        numbers = [number for number in given.values() if isinstance(number, int)]
        for name, number in given.items():
            if isinstance(number, int) and numbers.count(number) > 1:
                self.refuse(("subjects", name), "each number once")
        return given

    def spec(self, streams: list[Stream], labelled: Mapping[str, str]) -> DatasetSpec | None:
        """The description; problems name the key that they come from."""
        places = self.values.get("places", {})
        described = {name: self.values[name] for name in _DESCRIPTION if name in self.values}
        groups = [(s, g, group) for s, stream in enumerate(streams) for g, group in enumerate(stream.channels)]
        is_streams = "streams" in self.values
        channels, keys = list[dict[str, Any]](), list[Key]()
        for stream, index, group in groups:
            own = list(group.channels())
            channels += own
            keys += [("streams", stream, "channels", index) if is_streams else ("channels", index)] * len(own)
        known = {"channels": tuple(channels), "activities": tuple(dict.fromkeys(labelled.values()))}
        try:
            return DatasetSpec.model_validate({**described, **known, "place_names": places})
        except ValidationError as error:
            for details in error.errors(include_url=False):
                place = tuple(details["loc"])
                if place[:1] in (("channels",), ("activities",)) and not known[str(place[0])]:
                    continue  # said already
                key = place[:1]
                if not place:
                    words = details["msg"].replace(",", " ").split()
                    named = [own for own, channel in zip(keys, channels, strict=True) if channel["name"] in words]
                    key = ("places",) if "place_names" in words else named[-1] if named else ()
                if place[0:1] == ("channels",) and len(place) > 1:
                    key = keys[int(place[1])]
                elif place[:1] == ("place_names",):
                    key = ("places", *place[1:])
                expected = f"the key {place[-1]!r}" if details["type"] == "missing" else _words(details["msg"])
                self.refuse(key, expected)
            return None

    def check_parts(self, streams: list[Stream]) -> None:
        """Add a problem where patterns do not say whose files they are, or disagree on it."""
        for index, stream in enumerate(streams):
            first = streams[0].parsed.parts
            key: Key = ("streams", index, "pattern") if stream.name else ("files", "pattern")
            key = key if self.document.get(key)[0] else ("files", "pattern")
            if "subject" not in stream.parsed.parts:
                self.refuse(key, "a pattern with {subject}")
            if not stream.name and "{stream}" in stream.pattern:
                self.refuse(key, "no {stream}, because there are no [[streams]]")
            elif stream.parsed.parts != first:
                self.refuse(key, f"the parts of the first stream: {', '.join(sorted(first))}")

    def check_labels(self, streams: list[Stream], labels: Labels, intervals: Intervals | None) -> None:
        """Add a problem unless there is exactly one way to label rows, and it can be gone."""
        parts = streams[0].parsed.parts if streams else self._parts_of_files()
        if parts is None:
            return
        ways = {
            "{activity} in the pattern": "activity" in parts,
            "column in [labels]": labels.column is not None,
            "[labels.intervals]": intervals is not None,
        }
        given = [way for way, is_given in ways.items() if is_given]
        if len(given) != 1:
            self.refuse(("labels",), f"one of {', '.join(ways)}", value=" and ".join(given) or None)
        if not streams:  # what is wrong with them was said
            return
        holder = next((s for s in streams if s.name == labels.stream), None if labels.stream else streams[0])
        if labels.stream is not None and holder is None:
            self.refuse(("labels", "stream"), f"the name of a stream{hint(labels.stream, [s.name for s in streams])}")
        elif holder is not None and isinstance(labels.column, str) and not holder.names_columns:
            self.refuse(("labels", "column"), _NUMBERS)
        for stream in streams:
            if isinstance(stream.time, str) and not stream.names_columns:
                key: Key = ("files", "time") if not stream.name else ("streams", streams.index(stream), "time")
                self.refuse(key if self.document.get(key)[0] else ("files", "time"), _NUMBERS)
        if intervals is not None:
            self._check_intervals(parts & {"subject", "session"}, streams, intervals)

    def _parts_of_files(self) -> frozenset[str] | None:
        """What the pattern in ``[files]`` has; None where there is none that can be read."""
        pattern = self.document.get(("files", "pattern"))[1]
        with suppress(ValueError):
            return Pattern.parse(pattern).parts if isinstance(pattern, str) else None
        return None

    def _check_intervals(self, needed: Collection[str], streams: list[Stream], intervals: Intervals) -> None:
        table: Key = ("labels", "intervals")
        for what in ("subject", "session", "label", "first", "last"):
            if isinstance(getattr(intervals, what), str) and not intervals.names_columns:
                self.refuse((*table, what), _NUMBERS)
        told = set(Pattern.parse(intervals.pattern).parts)
        if told - {"subject", "session"}:
            self.refuse((*table, "pattern"), "no parts but {subject} and {session}")
        told |= {what for what in ("subject", "session") if getattr(intervals, what) is not None}
        for what in sorted(set(needed) - told):
            self.refuse(table, f"the {what} of each stretch: as a column, or in the pattern")
        for what in sorted(told - set(needed) - {"activity"}):
            self.refuse((*table, what), f"{{{what}}} in the pattern of recordings too")
        if intervals.unit != "rows" and "%" in intervals.unit and streams[0].time is None:
            self.refuse((*table, "unit"), "no date and time, because recordings have no timestamps")

    def numbers(self, spec: DatasetSpec, labelled: Mapping[str, str], labels: Labels) -> dict[str, int]:
        """The activity number of each label."""
        numbers = {label: spec.activities.index(name) + 1 for label, name in labelled.items()}
        none = spec.activities.index(spec.none) + 1 if spec.none in spec.activities else 0
        for index, label in enumerate(labels.none):
            if numbers.get(label, none) != none:
                self.refuse(("labels", "none", index), "a label that stands for no activity")
            numbers[label] = none
        return {**({spec.none: none} if spec.none else {}), **numbers}

    def _once(self, key: Key, names: list[str]) -> None:
        for index, name in enumerate(names):
            if name in names[:index]:
                self.refuse((*key, index), "each name once")


_NUMBERS = "numbers of columns, because nothing names them: no header_lines, no column_names"


def _words(message: str) -> str:
    return message.removeprefix("Value error, ").removeprefix("Input should be ")


def _lists_to_tuples(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _lists_to_tuples(entry) for key, entry in value.items()}
    return tuple(map(_lists_to_tuples, value)) if isinstance(value, list) else value
