"""Which files of a source a card means, and whose they are."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from har_core.base.errors import Problem
from har_core.base.names import hint
from har_core.datasets.cards.card import Card
from har_core.datasets.cards.patterns import Pattern, numbers_in_names, numbers_in_order, plain
from har_core.datasets.source import MAX_SESSION, MAX_SUBJECT, FileName, Naming

INTERVALS = "intervals"
"""The stream of tables of labelled stretches, which are of no single recording."""

_IMPOSSIBLE = -1


class CardNaming(Naming):
    """Names by the patterns of a card."""

    max_bytes = 2_000_000_000

    def __init__(self, card: Card) -> None:
        self._card = card
        labels = tuple(card.numbers) if "activity" in card.parts else ()
        self._streams = [(s.name, s.parsed.regex(labels), s.parsed.regex()) for s in card.streams]
        patterns = [s.parsed.text for s in card.streams]
        self._intervals: re.Pattern[str] | None = None
        if card.intervals is not None:
            self._intervals = Pattern.parse(card.intervals.pattern).regex(())
        self.expectation = f"files that match {' or '.join(dict.fromkeys(patterns))}"

    def may_match(self, path: str) -> bool:
        """Whether a pattern fits, even if a part of the path is impossible."""
        return (self._intervals is not None and self._intervals.fullmatch(path) is not None) or any(
            loose.fullmatch(path) for _, _, loose in self._streams
        )

    def parts_of(self, path: str) -> dict[str, str]:
        """What a path says, by part, with names as :func:`plain` writes them; activities as they are."""
        own = self._intervals if self._intervals is not None else None
        found = own.fullmatch(path) if own is not None else None
        for _, strict, _ in self._streams:
            found = found or strict.fullmatch(path)
        parts = {} if found is None else found.groupdict()
        return {name: value if name == "activity" else plain(value) for name, value in parts.items()}

    def names(self, paths: Sequence[str]) -> Mapping[str, FileName]:
        """What the paths say; what is impossible gets a subject that no table can hold."""
        return self._analyse(paths)[0]

    def check(self, names: Mapping[str, FileName]) -> list[Problem]:
        """What is wrong with paths: labels that nobody named, parts that disagree, subjects without number."""
        return self._analyse(tuple(names))[1]

    def _analyse(self, paths: Sequence[str]) -> tuple[dict[str, FileName], list[Problem]]:
        names, problems = dict[str, FileName](), list[Problem]()
        streams, said = dict[str, str](), dict[str, dict[str, str]]()
        for number, path in enumerate(sorted(paths), start=1):
            names[path] = FileName(_IMPOSSIBLE, number)
            if self._intervals is not None and self._intervals.fullmatch(path):
                names[path] = FileName(0, 0, segment=number, stream=INTERVALS)
                continue
            of = [name for name, strict, _ in self._streams if strict.fullmatch(path)]
            if len(of) == 1:
                streams[path], said[path] = of[0], self.parts_of(path)
            elif of:
                value = f"a file of the streams {' and '.join(of)}"
                problems.append(Problem(path=path, value=value, expected="patterns of which one fits"))
            else:
                problems += self._disagreement(path)
        numbers, unnumbered = self._subjects({path: parts["subject"] for path, parts in said.items()})
        sessions = _sessions(said)
        for path, parts in said.items():
            if parts["subject"] in numbers:
                label = parts.get("activity", "")
                number = numbers[parts["subject"]]
                names[path] = FileName(number, sessions[path], stream=streams[path], label=label)
        return names, problems + unnumbered

    def _subjects(self, names: Mapping[str, str]) -> tuple[Mapping[str, int], list[Problem]]:
        """Numbers of the subjects, and a problem for each that has none; ``names`` are by path."""
        subjects = dict.fromkeys(names.values())
        given = {plain(name): number for name, number in self._card.subjects.items()}
        first = {name: path for path, name in reversed([*names.items()])}
        if given:
            expected = "a number for it in [subjects] of the card"
            lacking = [name for name in subjects if name not in given]
            return given, [
                Problem(path=first[name], value=name, expected=expected + hint(name, given)) for name in lacking
            ]
        numbers = numbers_in_names(subjects, most=MAX_SUBJECT)
        if numbers is not None:
            return numbers, []
        return {}, [
            Problem(
                path=first[name],
                value=name,
                expected="names whose digits tell subjects apart, or a table [subjects] in the card with "
                f"{_as_key(name)} = {number}",
            )
            for name, number in numbers_in_order(subjects).items()
        ]

    def _disagreement(self, path: str) -> list[Problem]:
        """What keeps a path from being one that a pattern means."""
        problems = []
        for _, _, loose in self._streams:
            found = loose.fullmatch(path)
            if found is None:
                continue
            parts = found.groupdict()
            for name, value in parts.items():
                part, _, _ = name.partition("_")
                if part != name and value != parts[part]:
                    expected = f"the same {part} each time: {parts[part]}"
                    problems.append(Problem(path=path, value=value, expected=expected))
            label = parts.get("activity")
            if label is not None and label not in self._card.numbers:
                expected = f"a label of the card{hint(label, self._card.numbers)}"
                problems.append(Problem(path=path, value=label, expected=expected))
        return list(dict.fromkeys(problems)) or [Problem(path=path, expected=self.expectation)]


def _sessions(said: Mapping[str, Mapping[str, str]]) -> dict[str, int]:
    """The session number of each path, of which ``said`` holds the parts."""
    names = {
        path: " ".join(parts[what] for what in ("session", "activity") if what in parts) for path, parts in said.items()
    }
    if all(name.isdecimal() and name.isascii() and 1 <= int(name) <= MAX_SESSION for name in names.values()):
        return {path: int(name) for path, name in names.items()}
    of_subject: defaultdict[str, set[str]] = defaultdict(set)
    for path, name in names.items():
        of_subject[said[path]["subject"]].add(name)
    numbers = {subject: numbers_in_order(own) for subject, own in of_subject.items()}
    return {path: numbers[said[path]["subject"]][name] for path, name in names.items()}


def _as_key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else f'"{name}"'
