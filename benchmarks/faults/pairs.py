"""Two commands at once in one home, in every combination; then the home is whole."""

from __future__ import annotations

import itertools
import os
import random
import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from faults.calls import settle
from faults.cases import Case, Seen
from faults.har import Done, Started
from faults.homes import Reference, selection

_BUSY = re.compile(r"is in use by (process \d+ \(.*\) since|another process)|serves|is served")
_SECONDS_UNTIL_SERVED = 120


@dataclass(frozen=True, slots=True)
class _Command:
    name: str
    arguments: Callable[[Reference], list[object]]
    may_be_refused: bool = False
    """Whether it may exit with 1 and say who is at work."""


def _recording(reference: Reference) -> Path:
    return next(iter(sorted(reference.data.rglob("s01.txt"))))


_COMMANDS = (
    _Command("run", lambda r: ["run", *r.named], may_be_refused=True),
    _Command(
        "run --force",
        lambda r: ["run", *r.named, "--force", "--select", f"{selection('splits')} or {selection('champion')}"],
        may_be_refused=True,
    ),
    _Command("status", lambda r: ["status", *r.named]),
    _Command("predict", lambda r: ["predict", _recording(r)]),
    _Command("models", lambda _: ["models"]),
    _Command("trace", lambda _: ["trace"]),
    _Command("audit", lambda r: ["audit", r.data]),
    _Command("ui", lambda _: ["ui"], may_be_refused=True),
)


def pairs(reference: Reference, seed: int, count: int) -> list[Case]:
    """The first ``count`` of all combinations, a command with itself too, in the order of the table."""
    combinations = list(itertools.combinations_with_replacement(_COMMANDS, 2))
    return [
        Case(
            kind="pairs",
            number=number,
            stage=f"{first.name} + {second.name}",
            what="at once",
            attempt=partial(_attempt, reference, (first, second), f"{seed} pairs {number}"),
        )
        for number, (first, second) in enumerate(combinations[:count])
    ]


def _attempt(reference: Reference, both: tuple[_Command, _Command], draws_from: str, folder: Path, seen: Seen) -> None:
    """Start both within half a second, in a home whose report and champion are due."""
    har = reference.copy(reference.complete, folder, seen)
    (har.home / "data" / "reports" / "latest" / "report.md").unlink()
    generator = random.Random(draws_from)
    started: list[tuple[_Command, Started]] = []
    ends = []
    try:
        for command in generator.sample(both, 2):
            started.append((command, har.start(*command.arguments(reference))))
            time.sleep(generator.uniform(0.0, 0.5))
        for _, process in started:
            _wait_until_served(process)
        for command, process in sorted(started, key=lambda pair: pair[0].name == "ui"):  # pages end last
            if command.name == "ui" and process.process.poll() is None:
                os.killpg(process.process.pid, signal.SIGINT)
            done = har.finish(process, *command.arguments(reference), codes=(0, 1))
            ends.append(f"{command.name} {done.code}")
            _judge(command, done, seen)
    finally:
        for _, process in started:
            if process.process.returncode is None:
                os.killpg(process.process.pid, signal.SIGTERM)
    seen.happened = ", ".join(ends)
    settle(reference, har, "splits", again=True, is_kill=True)


def _judge(command: _Command, done: Done, seen: Seen) -> None:
    if done.code == 0:
        return
    if not (command.may_be_refused and _BUSY.search(done.text)):
        seen.complaints.append(f"{command.name} ended with {done.code}: {done.err.strip()[-200:]}")


def _wait_until_served(started: Started) -> None:
    """Wait until pages are up, or the command has ended."""
    until = time.monotonic() + _SECONDS_UNTIL_SERVED
    while time.monotonic() < until and started.process.poll() is None and "Ctrl-C" not in _so_far(started):
        time.sleep(0.2)


def _so_far(started: Started) -> str:
    return os.pread(started.out.fileno(), 10_000, 0).decode(errors="replace")
