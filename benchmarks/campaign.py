"""The campaign of faults: ``python benchmarks/campaign.py [KIND…] [--seed SEED] [--share SHARE]``.

Kinds: kills, errors, full, limits, pairs, inputs, fuzz. Each case works in a home of its own and says what did not hold
(:mod:`faults.whole`). What was tried and held goes to ``faults.json`` and ``faults.md`` in ``--output``, where kinds of
earlier calls stay. One case again: ``python benchmarks/campaign.py kills --only 17 --seed 3``.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from faults import calls, inputs, pairs, scarcity
from faults.cases import Case, NotPossibleError, Outcome, attempt
from faults.homes import make_reference
from faults.page import Part, read_parts, write_page
from forks import forking

KINDS = {
    "kills": (calls.kills, 110),
    "errors": (calls.errors, 66),
    "full": (scarcity.full, 22),
    "limits": (scarcity.limits, 84),
    "pairs": (pairs.pairs, 36),
    "inputs": (inputs.inputs, 1000),
    "fuzz": (inputs.fuzz, 10),
}
"""What makes the cases of a kind, and how many there are in a whole campaign at most."""


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}; all where absent")
    parser.add_argument("--only", type=int, nargs="+", metavar="NUMBER", help="these cases alone")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=1.0, help="of the cases of a whole campaign: 0.1 is a tenth")
    parser.add_argument("--jobs", type=int, default=2, help="cases side by side")
    parser.add_argument("--keep", action="store_true", help="leave the homes of cases that did not hold")
    parser.add_argument("--homes", type=Path, help="keep the homes that cases begin with here, or take them from here")
    parser.add_argument("--output", type=Path, default=Path(".bench") / "faults")
    parser.add_argument("--page", type=Path, help="write the page here too")
    options = parser.parse_args(arguments)
    unknown = sorted({*options.kinds} - {*KINDS})
    if unknown:
        parser.error(f"there is no kind {', '.join(unknown)}; there are {', '.join(KINDS)}")
    return options


def main() -> None:
    """Try the cases, tell of each that did not hold, and write the page; exits with 1 where one did not."""
    asked = parse(sys.argv[1:])
    parts = read_parts(asked.output)
    scratch = Path(tempfile.mkdtemp(prefix="har-faults-"))
    did_hold = True
    try:
        with forking(scratch) as forks:
            homes = (asked.homes or scratch / "homes").absolute()
            homes.mkdir(parents=True, exist_ok=True)
            reference = make_reference(homes, forks, scratch)
            for kind in asked.kinds or KINDS:
                start = time.monotonic()
                make_cases, whole = KINDS[kind]
                try:
                    cases = make_cases(reference, asked.seed, max(1, round(whole * asked.share)))
                    if asked.only:
                        cases = [case for case in cases if case.number in asked.only]
                    outcomes: list[Outcome] = []
                    for outcome in try_all(cases, scratch, jobs=asked.jobs, keep=asked.keep):
                        outcomes.append(outcome)
                        seconds = time.monotonic() - start
                        parts[kind] = Part.of(outcomes, planned=len(cases), seed=asked.seed, seconds=seconds)
                        write_page(parts, asked.output, asked.page)  # what is interrupted keeps what it saw
                except NotPossibleError as error:
                    print(f"{kind}: left out, {error}", flush=True)
                    continue
                did_hold &= all(outcome.held for outcome in outcomes)
                print(f"{kind}: {sum(outcome.held for outcome in outcomes)} of {len(outcomes)} held", flush=True)
    finally:
        if not asked.keep:
            shutil.rmtree(scratch, ignore_errors=True)
    sys.exit(0 if did_hold else 1)


def try_all(cases: list[Case], scratch: Path, *, jobs: int, keep: bool) -> Iterator[Outcome]:
    """Every case in a folder of its own; in order, ``jobs`` at a time."""

    def one(case: Case) -> Outcome:
        folder = scratch / f"{case.kind}-{case.number}"
        folder.mkdir()
        outcome = attempt(case, folder)
        if outcome.held or not keep:
            shutil.rmtree(folder, ignore_errors=True)
        if not outcome.held:
            print(f"{case.kind} {case.number} ({case.stage}): {case.what}; {outcome.happened}", flush=True)
            print("".join(f"  {complaint}\n" for complaint in outcome.complaints), end="", flush=True)
        return outcome

    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(one, cases)


if __name__ == "__main__":
    main()
