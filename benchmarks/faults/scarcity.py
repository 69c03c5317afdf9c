"""Too little of what a machine has: a disk that is full, and limits on file size, open files and memory."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from faults.calls import settle, work_on
from faults.cases import Case, NotPossibleError, Seen
from faults.homes import NETWORK, STAGES, Reference, selection

_FREE_KIB = (4, 32, 128, 512, 2048)
"""Room beside what the home takes. A stage takes one to four MiB, most of it in the two stores."""
_MIB = 2**20
_LIMITS = {
    "fsize": (0, 4096, 65536, _MIB),
    "nofile": (20, 32, 48, 64),
    "as": (768 * _MIB, 1024 * _MIB, 1536 * _MIB, 2560 * _MIB),
}
"""Bytes of a file, open files, bytes of address space; below the least, Python does not start, or a
library ends the process."""
_SENTENCE = re.compile(r"^(Error|Failed: [^:]+|Interrupted|Cannot run): ?.+", re.MULTILINE)


def full(reference: Reference, seed: int, count: int) -> list[Case]:
    """``count`` disks with little room, in the order of stages."""
    cases = []
    for number in range(count):
        generator = random.Random(f"{seed} full {number}")
        stage, again, free = STAGES[number % len(STAGES)], number // len(STAGES) % 2 == 1, generator.choice(_FREE_KIB)
        cases.append(
            Case(
                kind="full",
                number=number,
                stage=stage,
                what=f"{free} KiB left, {'done again' if again else 'done first'}",
                attempt=partial(_fill, reference, stage, free, again=again),
            )
        )
    return cases


def limits(reference: Reference, seed: int, count: int) -> list[Case]:
    """Every command below every limit; the first ``count`` of them, in an order drawn from ``seed``."""
    recording = next(iter(sorted(reference.data.rglob("s01.txt"))))
    commands: dict[str, list[object]] = {
        "run": ["run", *reference.named, "--force", "--select", selection("windows")],
        "run of a network": ["run", *reference.named, "--force", "--select", selection(NETWORK)],
        "status": ["status", *reference.named],
        "predict": ["predict", recording],
        "audit": ["audit", reference.data],
        "models": ["models"],
        "trace": ["trace"],
    }
    tries = [(c, limit, value) for c in commands for limit, values in _LIMITS.items() for value in values]
    random.Random(f"{seed} limits").shuffle(tries)
    return [
        Case(
            kind="limits",
            number=number,
            stage=command,
            what=f"RLIMIT_{limit.upper()} {value:,}",
            attempt=partial(_limit, reference, commands[command], f"--{limit}={value}"),
        )
        for number, (command, limit, value) in enumerate(tries[:count])
    ]


def _fill(reference: Reference, stage: str, free_kib: int, folder: Path, seen: Seen, *, again: bool) -> None:
    source = reference.complete if again else reference.before(stage)
    taken_kib = _taken_kib(source) if source.exists() else 0
    mount = folder / "disk"
    with _small_disk(mount, taken_kib + free_kib) as grow:
        har = reference.copy(source, mount, seen)
        done = har.cold([], work_on(reference, stage, again=again), (0, 1))
        seen.happened = f"exit code {done.code}"
        if done.code == 1 and not _SENTENCE.search(done.text):
            seen.complaints.append("exit code 1 without a sentence")
        grow(taken_kib + 256 * 1024)
        settle(reference, har, stage, again=again)


def _limit(reference: Reference, arguments: list[object], limit: str, folder: Path, seen: Seen) -> None:
    har = reference.copy(reference.complete, folder, seen)
    done = har.cold(["prlimit", limit, "--"], ["pipelines", *arguments], (0, 1))
    seen.happened = f"exit code {done.code}"
    if done.code == 1 and not _SENTENCE.search(done.text):
        seen.complaints.append("exit code 1 without a sentence")
    if arguments[0] == "run":
        settle(reference, har, NETWORK if selection(NETWORK) in arguments else "windows", again=True)
    else:
        har("status", *reference.named)


def _taken_kib(home: Path) -> int:
    done = subprocess.run(["du", "-sk", home], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[0])


@contextmanager
def _small_disk(place: Path, size_kib: int) -> Iterator[Callable[[int], None]]:
    """A file system in memory of this size at ``place``, and what makes it larger.

    Raises:
        NotPossibleError: this user may not mount file systems here.
    """
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={max(size_kib, 64)}k,mode=700", "none", str(place)]
    if os.getuid() != 0 or shutil.which("mount") is None:
        raise NotPossibleError("only root mounts file systems")
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        raise NotPossibleError("file systems may not be mounted here")
    try:
        yield partial(_grow, place)
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def _grow(place: Path, size_kib: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size_kib}k", str(place)], check=True)
