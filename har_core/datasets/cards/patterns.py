"""Patterns of paths, with parts that have names: ``s{subject}/{session}_*.csv``."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple, Self

from har_core.base.names import hint

PARTS = ("subject", "session", "activity", "stream")
"""What a path may say of its recording."""

_TOKEN = re.compile(r"\{([^{}]*)\}|\*")
_DIGITS = re.compile(r"[0-9]+")


class Pattern(NamedTuple):
    """A path in which some parts are open. Folders before it are open too: it may match at any depth.

    Where it fits in several ways, a session takes as much as it can, and a subject as little.
    """

    text: str
    parts: frozenset[str]
    """The names of its parts."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a pattern.

        Raises:
            ValueError: it is none.
        """
        names = [found[1] for found in _TOKEN.finditer(text) if found[1] is not None]
        for name in names:
            if name not in PARTS:
                raise ValueError(
                    f"only parts that are called {', '.join(PARTS)}; {{{name}}} is none{hint(name, PARTS)}"
                )
        if not text or set("{}\\") & set(_TOKEN.sub("", text)) or text.startswith("/") or ".." in text.split("/"):
            raise ValueError("a path inside the folder of recordings, with parts as {subject}, and * for anything")
        return cls(text, frozenset(names))

    def regex(self, labels: Collection[str] | None = None) -> re.Pattern[str]:
        """As a regular expression with a group for each part.

        Args:
            labels: what ``{activity}`` may be. If given, a part that occurs twice must be the same each time. If not,
                everything matches that was probably meant, and the groups of later occurrences are called ``name_2``.
        """
        text, place, seen = "(?:.*/)?", 0, dict[str, int]()
        for found in _TOKEN.finditer(self.text):
            text += re.escape(self.text[place : found.start()])
            place = found.end()
            name = found[1]
            if name is None:
                text += "[^/]*"
                continue
            seen[name] = times = seen.get(name, 0) + 1
            if labels is None:
                text += f"(?P<{name if times == 1 else f'{name}_{times}'}>[^/]+)"
            elif times > 1:
                text += f"(?P={name})"
            elif name == "activity":
                text += f"(?P<activity>{'|'.join(map(re.escape, sorted(labels, key=len, reverse=True)))})"
            else:
                # Sessions may be dates, with what separates parts in them.
                text += f"(?P<{name}>[^/]+{'' if name == 'session' else '?'})"
        return re.compile(text + re.escape(self.text[place:]), re.DOTALL)


def plain(name: str) -> str:
    """A name without zeros before it if it is a number: tables and paths write them as they like.

    >>> plain("01"), plain("s01"), plain(" 7 ")
    ('1', 's01', '7')
    """
    name = name.strip()
    return str(int(name)) if _DIGITS.fullmatch(name) else name


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """What sorts names as people do: by the numbers in them.

    >>> sorted(["s10", "s9", "a"], key=natural)
    ['a', 's9', 's10']
    """
    pieces = re.split(r"([0-9]+)", name)
    return tuple((1, int(p), "") if p.isdecimal() and p.isascii() else (0, 0, p) for p in pieces)


def numbers_in_order(names: Collection[str]) -> dict[str, int]:
    """Numbers from 1 in natural order."""
    return {name: number for number, name in enumerate(sorted(names, key=natural), start=1)}


def numbers_in_names(names: Collection[str], *, most: int) -> Mapping[str, int] | None:
    """The number that each name holds; None unless each has one, from 1 to ``most``, and no two the same.

    >>> numbers_in_names(["s07", "s12"], most=99), numbers_in_names(["m1", "f1"], most=99)
    ({'s07': 7, 's12': 12}, None)
    """
    found = {name: _DIGITS.findall(name) for name in names}
    if any(len(digits) != 1 for digits in found.values()):
        return None
    numbers = {name: int(digits[0]) for name, digits in found.items()}
    is_fit = len(set(numbers.values())) == len(numbers) and all(1 <= n <= most for n in numbers.values())
    return numbers if is_fit else None
