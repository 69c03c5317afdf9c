"""Broken inputs and fuzzed ones: those of ``broken_inputs`` and ``fuzzing`` in ``tests/support``, counted."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from faults.cases import Case, NotPossibleError, Seen
from faults.har import ROOT, Har
from faults.homes import Reference

_TABLE, _FUZZER = "broken_inputs", ROOT / "tests" / "support" / "fuzzing.py"


def inputs(reference: Reference, seed: int, count: int) -> list[Case]:
    """The first ``count`` broken inputs, in an order drawn from ``seed``; each is refused as its row says.

    Raises:
        NotPossibleError: the table is missing.
    """
    if find_spec(_TABLE) is None:
        raise NotPossibleError(f"tests/support/{_TABLE}.py is missing")
    folder = reference.scratch / "broken"
    folder.mkdir()
    table = [*import_module(_TABLE).broken_inputs(folder)]
    random.Random(f"{seed} inputs").shuffle(table)
    return [
        Case(
            kind="inputs",
            number=number,
            stage=broken.arguments[0],
            what=broken.name,
            attempt=partial(_refuse, reference, broken),
        )
        for number, broken in enumerate(table[:count])
    ]


def _refuse(reference: Reference, broken: Any, folder: Path, seen: Seen) -> None:
    har = Har(folder / "home", reference.forks, seen)
    done = har(*broken.arguments, codes=(broken.exit_code,))
    seen.happened = f"exit code {done.code}"
    told = " ".join(done.err.split()).replace("│ ", "")
    if broken.named not in told:
        seen.complaints.append(f"the message does not name {broken.named!r}: {told[-200:]}")
    if any(not character.isprintable() for character in done.err.replace("\n", "")):
        seen.complaints.append(f"the message cannot be printed as it is: {done.err[-200:]!r}")


def fuzz(reference: Reference, seed: int, count: int) -> list[Case]:  # noqa: ARG001 - as all kinds are made
    """``count`` minutes of fuzzing, each with a seed of its own.

    Raises:
        NotPossibleError: the fuzzer is missing.
    """
    if not _FUZZER.is_file():
        raise NotPossibleError(f"tests/support/{_FUZZER.name} is missing")
    return [
        Case(
            kind="fuzz",
            number=number,
            stage="readers of text, zips, experiment files and manifests",
            what="a minute",
            attempt=partial(_fuzz, 1000 * seed + number),
        )
        for number in range(count)
    ]


def _fuzz(seed: int, folder: Path, seen: Seen) -> None:
    command = [sys.executable, str(_FUZZER), "--minutes", "1", "--seed", str(seed), "--keep", str(folder / "kept")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    seen.commands.append(f"$ {' '.join(command)}\n{done.stdout}")
    tallies: dict[str, dict[str, Any]] = json.loads(done.stdout.partition("\n")[2])
    for reader, tally in tallies.items():
        seen.complaints += [f"{reader}: {crash}, {times} times" for crash, times in tally["crashed"].items()]
    seen.happened = f"{sum(tally['tried'] for tally in tallies.values()):,} inputs"
