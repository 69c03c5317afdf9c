"""Faults at system calls: the process is killed there, or the call fails. strace counts the calls, and strikes."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path

from faults.cases import Case, NotPossibleError, Seen
from faults.har import Har
from faults.homes import ASSETS, NETWORK, OTHER_SEED, SOURCE, STAGES, STORES, Reference, selection
from faults.whole import contradictions, read_record, recover

GROUPS = (
    ("rename", "renameat", "renameat2"),
    ("pwrite64", "write"),
    ("unlink", "unlinkat", "rmdir"),
    ("fsync", "fdatasync"),
    ("openat", "mkdir", "ftruncate", "chmod"),
    ("flock", "fcntl"),
)
"""System calls by what they do; cases take the groups in turn."""
FAILING = GROUPS[:2] + GROUPS[3:5]
"""Those that can fail on a bad or full disk."""
FAILURES = ("ENOSPC", "EIO")
_ENTRY = re.compile(r"(?P<thread>\d+) +(?P<name>\w+)\((?P<arguments>.*)")
_TRACER = re.compile(r"^TracerPid:\t(\d+)$", re.MULTILINE)
_VARIES = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}|(?<=\.)[a-z0-9_]{8}(?=\.|$)")
_FOR_WRITING = re.compile(r"O_CREAT|O_WRONLY|O_RDWR")
_HELD = "delay_enter=60000000"
_SECONDS_BETWEEN_LOOKS = 0.05
_TRIES = 4
KILL = "SIGKILL"
_STRACE = ("strace", "-f", "--seccomp-bpf", "-qq", "-y", "-s", "48")


@dataclass(frozen=True, slots=True)
class Call:
    """One system call of the main thread."""

    name: str
    ordinal: int
    """Among all calls of this name in this thread, from 1: what strace counts."""
    file: str
    """The first file of the home that it names, without what differs from run to run."""


def require_strace() -> None:
    """Raises NotPossibleError where strace is missing, or may not trace."""
    if shutil.which("strace") is None:
        raise NotPossibleError("strace is not installed")
    if subprocess.run([*_STRACE, "-o", "/dev/null", "true"], capture_output=True, check=False).returncode != 0:
        raise NotPossibleError("strace may not trace processes here")


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a case does to which work."""

    stage: str
    again: bool
    group: tuple[str, ...]
    strike: str
    """:data:`KILL`, or what strace injects: ``error=EIO``."""
    draws_from: str
    """Seed of what is drawn."""


def kills(reference: Reference, seed: int, count: int) -> list[Case]:
    """``count`` kills: stages in turn, first in homes where the stage is due, then where it is forced."""
    return [_case("kills", reference, seed, number) for number in range(count)]


def errors(reference: Reference, seed: int, count: int) -> list[Case]:
    """``count`` calls that fail, in the same order of stages."""
    return [_case("errors", reference, seed, number) for number in range(count)]


def _case(kind: str, reference: Reference, seed: int, number: int) -> Case:
    at_stage, turn = number % len(STAGES), number // len(STAGES)
    groups = GROUPS if kind == "kills" else FAILING
    plan = _Plan(
        stage=STAGES[at_stage],
        again=turn % 2 == 1,
        group=groups[(turn // 2 + at_stage) % len(groups)],
        strike=KILL if kind == "kills" else f"error={FAILURES[turn // 2 % 2]}",
        draws_from=f"{seed} {kind} {number}",
    )
    return Case(
        kind=kind,
        number=number,
        stage=plan.stage,
        what=f"{plan.strike.removeprefix('error=')} at a call of {'/'.join(plan.group)}, "
        f"{'done again' if plan.again else 'done first'}",
        attempt=partial(_attempt, reference, plan),
    )


def work_on(reference: Reference, stage: str, *, again: bool) -> list[object]:
    """What follows ``python -m``: the command that does ``stage``; ``again`` where it was done before."""
    if stage == STORES:
        return ["pipelines.stores"]
    if stage == SOURCE:
        return ["pipelines", "status", *reference.named]
    forced = ["--force", *(["--seed", OTHER_SEED] if stage == NETWORK else [])] if again else []
    return ["pipelines", "run", *reference.named, "--select", selection(stage), *forced]


def begin(reference: Reference, stage: str, folder: Path, seen: Seen, *, again: bool) -> Har:
    """A home for the work on ``stage``: finished where ``again``, else one in which it is due."""
    return reference.copy(reference.complete if again else reference.before(stage), folder, seen)


def _attempt(reference: Reference, plan: _Plan, folder: Path, seen: Seen) -> None:
    everything = _calls(reference, plan.stage, again=plan.again)
    calls = [call for call in everything if call.name in plan.group] or everything
    generator = random.Random(plan.draws_from)
    for _ in range(_TRIES):
        file = generator.choice(sorted({call.file for call in calls}))  # or nearly all would be those of SQLite
        call = generator.choice([call for call in calls if call.file == file])
        har = begin(reference, plan.stage, folder, seen, again=plan.again)
        work = work_on(reference, plan.stage, again=plan.again)
        log = folder / "calls.log"
        struck = _kill(har, work, call, log) if plan.strike == KILL else _fail(har, work, call, log, plan.strike)
        if struck:
            break
        shutil.rmtree(har.home)
    else:
        raise RuntimeError(f"no call was struck in {_TRIES} tries")
    seen.happened = f"{call.name} {call.ordinal}: {struck}"
    settle(reference, har, plan.stage, again=plan.again, is_kill=plan.strike == KILL)


def _kill(har: Har, work: Sequence[object], call: Call, log: Path) -> str:
    """Have strace hold the call back, and kill the process meanwhile; gives the call, or nothing where it never came.

    strace kills by itself only where it stops at every call of every kind, which takes ten seconds more.
    """
    log.write_text("")
    tool = [*_STRACE, "-o", log, "-e", f"trace={call.name}", "-e", f"inject={call.name}:{_HELD}:when={call.ordinal}"]
    struck: list[str] = []

    def watch(ended: threading.Event) -> None:
        with log.open(errors="replace") as lines:
            main, count, rest = "", 0, ""
            while not ended.wait(_SECONDS_BETWEEN_LOOKS):
                *complete, rest = (rest + lines.read()).split("\n")
                for line in complete:
                    entry = _ENTRY.match(line)
                    main = main or (entry["thread"] if entry else "")
                    count += bool(entry and entry["thread"] == main)
                entry = _ENTRY.match(rest)
                main = main or (entry["thread"] if entry else "")
                if entry and entry["thread"] == main and count + 1 == call.ordinal:
                    tracer = int(_TRACER.findall(Path(f"/proc/{main}/status").read_text())[0])
                    os.kill(int(main), signal.SIGKILL)
                    os.kill(tracer, signal.SIGKILL)  # it would wait for the end of the delay
                    struck.append(rest)
                    return

    ended = threading.Event()
    watcher = threading.Thread(target=watch, args=(ended,))
    watcher.start()
    har.cold(tool, work)
    ended.set()
    watcher.join()
    return _shortened(struck[0], har.home) if struck else ""


def _fail(har: Har, work: Sequence[object], call: Call, log: Path, strike: str) -> str:
    """Have the call fail; gives the call, or nothing where it never came."""
    tool = [*_STRACE, "-o", log, "-e", f"trace={call.name}", "-e", f"inject={call.name}:{strike}:when={call.ordinal}"]
    har.cold(tool, work, (0, 1))
    struck = [line for line in log.read_text(errors="replace").splitlines() if "(INJECTED)" in line]
    return _shortened(struck[0], har.home) if struck else ""


def _shortened(line: str, home: Path) -> str:
    return re.sub(r"^\d+ +", "", line).replace(str(home), "")[:160]


def settle(reference: Reference, har: Har, stage: str, *, again: bool, is_kill: bool = False) -> None:
    """After the fault: what stood there is whole, unless the process was killed; then recover.

    Where the stage was due for the first time, a run of it alone has to do; else a plain ``har run``.
    """
    if not is_kill:
        har.seen.complaints += [f"after the error: {it}" for it in contradictions(har.home, read_record(har.home))]
    allowed = reference.allowed
    if stage == NETWORK and again:  # trained with another seed
        others = {NETWORK, "comparison_report", "champion"}
        allowed = {item: versions for item, versions in allowed.items() if item not in others}
    alone = not again and stage not in ASSETS[-2:]
    options = ("--select", selection(stage if stage in ASSETS else ASSETS[0])) if alone else ()
    recording = next(iter(sorted(reference.data.rglob("s01.txt"))))
    recover(har, reference.record, allowed, named=reference.named, options=options, recording=recording)


def _calls(reference: Reference, stage: str, *, again: bool) -> list[Call]:
    """The calls of the main thread on files of the home, in a run that nothing disturbs; counted once."""
    kept = reference.folder / "counts" / f"{STAGES.index(stage)}-{'again' if again else 'first'}.json"
    with reference.lock:
        if not kept.exists():
            folder = kept.with_suffix("")
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            har = begin(reference, stage, folder, Seen(), again=again)
            log = folder / "calls.log"
            traced = ",".join(name for group in GROUPS for name in group)
            har.cold([*_STRACE, "-o", log, "-e", f"trace={traced}"], work_on(reference, stage, again=again), (0,))
            if har.seen.complaints:
                raise RuntimeError("\n".join([*har.seen.complaints, *har.seen.commands]))
            kept.write_text(json.dumps([astuple(call) for call in read_calls(log, har.home)]))
            shutil.rmtree(folder)
    return [Call(*call) for call in json.loads(kept.read_text())]


def read_calls(log: Path, home: Path) -> list[Call]:
    """The calls of the first thread that name a file of the home; files that are opened to be read are left out."""
    counts: dict[str, int] = {}
    calls, main = [], None
    for line in log.read_text(errors="replace").splitlines():
        entry = _ENTRY.match(line)
        if entry is None:
            continue
        main = main or entry["thread"]
        if entry["thread"] != main:
            continue
        name = entry["name"]
        counts[name] = counts.get(name, 0) + 1
        named = entry["arguments"].partition(str(home))[2]
        if named and (name != "openat" or _FOR_WRITING.search(named)):
            calls.append(Call(name, counts[name], _VARIES.sub("*", re.split('[">]', named)[0])))
    return calls
