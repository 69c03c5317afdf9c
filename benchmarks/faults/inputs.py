"""Broken inputs: each is handed to a command, which says in one sentence what is wrong, and leaves the home as it was.

The inputs are those of ``tests/support/broken_inputs.py``.
"""

from __future__ import annotations

import random
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, cast

from faults.cases import Case, NotPossibleError, Seen
from faults.homes import Reference
from faults.whole import contradictions, read_record

_TABLE = "broken_inputs"


class BrokenInput(Protocol):
    """What a row of the table is."""

    name: str
    """In words."""
    command: str
    """``predict``, ``audit`` or ``run``: who is to read it."""

    def arguments(self, folder: Path) -> list[str]:
        """Write the input below ``folder``; gives what follows the command."""

    def codes(self) -> tuple[int, ...]:
        """Exit codes that are right."""


def inputs(reference: Reference, seed: int, count: int) -> list[Case]:
    """The first ``count`` broken inputs, in an order drawn from ``seed``.

    Raises:
        NotPossibleError: the table is missing.
    """
    if find_spec(_TABLE) is None:
        raise NotPossibleError("tests/support/broken_inputs.py is missing")
    table = [*cast("list[BrokenInput]", import_module(_TABLE).BROKEN_INPUTS)]
    random.Random(f"{seed} inputs").shuffle(table)
    return [
        Case(
            kind="inputs",
            number=number,
            stage=broken.command,
            what=broken.name,
            attempt=partial(_attempt, reference, broken),
        )
        for number, broken in enumerate(table[:count])
    ]


def _attempt(reference: Reference, broken: BrokenInput, folder: Path, seen: Seen) -> None:
    har = reference.copy(reference.complete, folder, seen)
    before = read_record(har.home)
    arguments = broken.arguments(folder)
    done = har(broken.command, *arguments, codes=broken.codes())
    seen.happened = f"exit code {done.code}"
    after = read_record(har.home)
    seen.complaints += contradictions(har.home, after)
    if after.versions != before.versions and broken.command != "run":
        seen.complaints.append("the records of the home changed")
