"""What a case of the campaign is, and what comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


class NotPossibleError(Exception):
    """This machine cannot try a case: a tool or a right is missing."""


@dataclass(slots=True)
class Seen:
    """What a case saw, written down as it goes."""

    happened: str = ""
    """Where the fault struck: the system call and its file, the exit code."""
    complaints: list[str] = field(default_factory=list)
    """What did not hold, a line each."""
    commands: list[str] = field(default_factory=list)
    """Every command line, with its exit code and the end of what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One fault, tried in a folder of its own."""

    kind: str
    number: int
    """Of its kind; with the seed it says all that is drawn."""
    stage: str
    """What it strikes: an asset, a command, or two of them."""
    what: str
    """The fault in words."""
    attempt: Callable[[Path, Seen], None]
    """Tries it below a new folder, and writes down what did not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a case."""

    kind: str
    number: int
    stage: str
    what: str
    happened: str
    complaints: list[str]
    commands: list[str]
    seconds: float

    @property
    def held(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.complaints


def attempt(case: Case, folder: Path) -> Outcome:
    """Try a case; what it raises itself counts as not held."""
    seen, start = Seen(), time.monotonic()
    try:
        case.attempt(folder, seen)
    except NotPossibleError:
        raise
    except Exception as error:  # noqa: BLE001 - a home so broken that it cannot be looked at is a finding
        seen.complaints.append(f"the home could not be looked at: {type(error).__name__}: {error}")
    return Outcome(
        kind=case.kind,
        number=case.number,
        stage=case.stage,
        what=case.what,
        happened=seen.happened,
        complaints=seen.complaints,
        commands=seen.commands,
        seconds=round(time.monotonic() - start, 1),
    )
