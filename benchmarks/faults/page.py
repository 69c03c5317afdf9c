"""The page of what was tried and what held, and the log from which any case can be repeated."""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from faults.cases import Outcome
from faults.har import ROOT

KINDS = {
    "kills": "SIGKILL at a system call",
    "errors": "A system call fails (ENOSPC, EIO)",
    "full": "The disk is full",
    "limits": "A limit on file size, open files or memory",
    "pairs": "Two commands at once",
    "inputs": "A broken input",
    "fuzz": "Fuzzed inputs",
}


_HELD = """\
A fault has held if no command ended in a traceback, a hang or an unexpected exit code, and if afterwards `har status`
told the truth, `har run` ended with 0, results were those of a home that was never disturbed, files were those that are
recorded, every alias named the version that is recorded, and nothing was left: no temporary file, checkpoint, journal,
holder, or unfinished run in Dagster or MLflow. A command that could not do its work must say so in one sentence.

Each case works in a copy of a home: one in which the stage is due for the first time, or a finished one, in which it is
forced. The first is mended by a run of this stage, the second by a plain `har run`.
""".splitlines()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """All cases of one kind, and how they came about."""

    outcomes: tuple[Outcome, ...]
    planned: int
    """Cases of the call, which may have been interrupted."""
    seed: int
    command: str
    commit: str
    date: str
    minutes: float
    machine: str

    @classmethod
    def of(cls, outcomes: Sequence[Outcome], *, planned: int, seed: int, seconds: float) -> Part:
        """Those of the call of this process."""
        commit = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        return cls(
            outcomes=tuple(outcomes),
            planned=planned,
            seed=seed,
            command=f"python benchmarks/campaign.py {shlex.join(sys.argv[1:])}",
            commit=commit.stdout.strip() or "unknown",
            date=datetime.now(UTC).date().isoformat(),
            minutes=round(seconds / 60, 1),
            machine=f"{len(os.sched_getaffinity(0))} cores, {platform.system()} {platform.release()}, "
            f"Python {platform.python_version()}",
        )


def read_parts(folder: Path) -> dict[str, Part]:
    """What earlier calls wrote down; nothing where there were none."""
    path = folder / "faults.json"
    if not path.is_file():
        return {}
    content: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return {
        kind: Part(**{**part, "outcomes": tuple(Outcome(**outcome) for outcome in part["outcomes"])})
        for kind, part in content.items()
    }


def write_page(parts: Mapping[str, Part], folder: Path, page: Path | None) -> None:
    """Write ``faults.json`` and ``faults.md`` below ``folder``, and the latter at ``page`` too."""
    folder.mkdir(parents=True, exist_ok=True)
    log = {kind: asdict(part) for kind, part in parts.items()}
    (folder / "faults.json").write_text(json.dumps(log, indent=1) + "\n", encoding="utf-8")
    text = to_markdown(parts)
    for path in filter(None, (folder / "faults.md", page)):
        path.write_text(text, encoding="utf-8")


def to_markdown(parts: Mapping[str, Part]) -> str:
    """The page."""
    shown = {kind: parts[kind] for kind in KINDS if kind in parts}
    everything = [outcome for part in shown.values() for outcome in part.outcomes]
    lines = [
        "# Faults",
        "",
        f"{len(everything)} faults in homes of synthetic recordings, of which {sum(o.held for o in everything)} held.",
        "",
        *_HELD,
        "",
        "| kind | tried | held | minutes | seed | commit | date |",
        "|---|--:|--:|--:|--:|---|---|",
        *(
            f"| {KINDS[kind]} | {_tried(part)} | {_held(part.outcomes)} | {part.minutes} | {part.seed} "
            f"| {part.commit} | {part.date} |"
            for kind, part in shown.items()
        ),
        "",
        "Commands:",
        "",
        "```sh",
        *dict.fromkeys(part.command for part in shown.values()),
        "```",
        "",
        f"Machine: {'; '.join(dict.fromkeys(part.machine for part in shown.values()))}.",
    ]
    for kind, part in shown.items():
        lines += ["", f"## {KINDS[kind]}", "", "| where | tried | held |", "|---|--:|--:|"]
        for stage in dict.fromkeys(outcome.stage for outcome in part.outcomes):
            own = [outcome for outcome in part.outcomes if outcome.stage == stage]
            lines.append(f"| {_code(stage)} | {len(own)} | {_held(own)} |")
        if kind == "fuzz":
            lines += ["", *(f"- {outcome.number}: {outcome.happened}" for outcome in part.outcomes)]
        failed = [outcome for outcome in part.outcomes if not outcome.held]
        if failed:
            lines += ["", "Did not hold:", ""]
            lines += [f"- {_told(outcome)}" for outcome in failed]
    return "\n".join(lines) + "\n"


def _tried(part: Part) -> str:
    tried = len(part.outcomes)
    return str(tried) if tried == part.planned else f"{tried} of {part.planned}, interrupted"


def _held(outcomes: Sequence[Outcome]) -> int:
    return sum(outcome.held for outcome in outcomes)


def _told(outcome: Outcome) -> str:
    first = outcome.complaints[0]
    more = f" (and {len(outcome.complaints) - 1} more)" if len(outcome.complaints) > 1 else ""
    return f"{outcome.number}, {_code(outcome.stage)}, {outcome.what}: {_code(first)}{more}"


def _code(text: str) -> str:
    """As it is, whatever it holds, in one line; but for folders of this machine."""
    text = re.sub(r"…?(?<![\w.*])/(?:[\w.+-]+/)+", "", text)
    return "`" + text.replace("`", "'").replace("|", "/").replace("\n", " ")[:300] + "`"
