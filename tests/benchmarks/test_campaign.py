"""The campaign of faults: what it reads from strace, what it calls whole, its page, and that a sample of it holds."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from faults.calls import Call, read_calls
from faults.cases import Case, Outcome, Seen, attempt
from faults.page import Part, read_parts, write_page
from faults.whole import Record, absences, contradictions, differences, leftovers, untruths

ROOT = Path(__file__).parents[2]
LOG = """\
70 openat(AT_FDCWD</tmp>, "/usr/lib/python.py", O_RDONLY|O_CLOEXEC) = 3</usr/lib/python.py>
70 rename("/elsewhere/a", "/elsewhere/b") = 0
71 rename("/case/home/x", "/case/home/y" <unfinished ...>
70 openat(AT_FDCWD</tmp>, "/case/home/read", O_RDONLY|O_CLOEXEC) = 4</case/home/read>
71 <... rename resumed>) = 0
70 openat(AT_FDCWD</tmp>, "/case/home/new", O_WRONLY|O_CREAT, 0666) = 5</case/home/new>
70 rename("/case/home/.new.q1w2e3r4.part", "/case/home/new") = 0
"""


def outcome(number: int, *complaints: str, stage: str = "windows") -> Outcome:
    return Outcome(
        kind="kills",
        number=number,
        stage=stage,
        what="SIGKILL",
        happened="rename 2",
        complaints=[*complaints],
        commands=[],
        seconds=1.0,
    )


def campaign(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / "campaign.py"), *arguments, "--output", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)


def test_calls_on_the_home_are_counted_as_strace_counts_them(tmp_path: Path) -> None:
    log = tmp_path / "calls.log"
    log.write_text(LOG)
    assert read_calls(log, Path("/case/home")) == [Call("openat", 3, "/new"), Call("rename", 2, "/.new.*.part")]


def test_what_a_case_raises_counts_as_not_held(tmp_path: Path) -> None:
    def broken(folder: Path, seen: Seen) -> None:
        seen.happened = "struck"
        raise OSError("no store")

    case = Case(kind="kills", number=3, stage="splits", what="SIGKILL", attempt=broken)
    came = attempt(case, tmp_path)
    assert not came.held
    assert came.complaints == ["the home could not be looked at: OSError: no store"]
    assert came.happened == "struck"


@pytest.mark.parametrize(
    ("states", "ran", "complaint"),
    [
        ({"windows": "fresh"}, "nothing", None),
        ({"windows": "pending"}, "nothing", None),
        ({"windows": "stale"}, "windows", None),
        ({"windows": "fresh"}, "windows", "`har status` called windows fresh, and it ran"),
        ({"windows": "missing"}, "nothing", "`har status` called windows missing, and it did not run"),
        ({"windows": "missing"}, "nothing\nPut back in MLflow: windows", None),
    ],
)
def test_status_is_held_against_the_run_after_it(states: dict[str, str], ran: str, complaint: str | None) -> None:
    rows = [{"asset": name, "partition": None, "state": state} for name, state in states.items()]
    assert untruths(json.dumps(rows), f"Ran: {ran}\n") == ([] if complaint is None else [complaint])


def test_files_and_aliases_are_held_against_records(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("x")
    record = Record(
        outputs={"kept": "0" * 64, "gone": "0" * 64},
        registered={"har-lstm": 2},
        champion="1",
        aliases={("har-lstm", "challenger"): 3},
    )
    assert contradictions(tmp_path, record) == [
        "kept is not what was recorded",
        "gone is recorded and gone",
        "har-lstm@challenger is 3, its record names 2",
        "har@champion is None, its record names 1",
    ]


def test_home_is_held_against_the_undisturbed_one() -> None:
    right = Record(
        versions={"windows": "a", "splits": "b"},
        aliases={("har", "champion"): 1, ("har-lstm", "challenger"): 1},
        weights={("har", 1): "w"},
    )
    found = Record(versions={"windows": "z"}, aliases={("har", "champion"): 2}, weights={("har", 2): "v"})
    assert differences(found, {"windows": {"a"}}) == ["windows has the data version z, not a"]
    assert absences(found, right, same_weights=True) == [
        "splits is missing",
        "har@champion names other weights than in the undisturbed home",
        "har-lstm@challenger is missing",
    ]


def test_leftovers_are_found(tmp_path: Path) -> None:
    left = [
        "data/windows/.windows.parquet.abcdefgh.part",
        "data/checkpoints/models/lstm.pt",
        ".dagster/har.holder.json",
    ]
    for name in [*left, "data/windows/windows.parquet"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert {*leftovers(tmp_path)} == {f"left: {name}" for name in left}


def test_page_counts_and_names_what_did_not_hold(tmp_path: Path) -> None:
    outcomes = [outcome(0), outcome(1, "a | b", "c"), outcome(2, stage="splits")]
    part = Part.of(outcomes, planned=4, seed=3, seconds=90)
    write_page({"kills": part}, tmp_path, tmp_path / "page.md")
    page = (tmp_path / "page.md").read_text()
    assert "| SIGKILL at a system call | 3 of 4, interrupted | 2 | 1.5 | 3 |" in page
    assert "| `windows` | 2 | 1 |" in page
    assert "- 1, `windows`, SIGKILL: `a / b` (and 1 more)" in page
    assert read_parts(tmp_path) == {"kills": part}


def test_unknown_kind_is_refused(tmp_path: Path) -> None:
    done = campaign(tmp_path, "kill")
    assert done.returncode == 2
    assert "there is no kind kill; there are kills, errors" in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace strikes at system calls")
def test_sample_of_the_campaign_holds(tmp_path: Path) -> None:
    done = campaign(tmp_path, "kills", "errors", "full", "pairs", "--only", "4", "15")
    assert done.returncode == 0, done.stdout + done.stderr
    tried = {kind: len(part.outcomes) for kind, part in read_parts(tmp_path).items()}
    assert tried == {"kills": 2, "errors": 2, "full": 2, "pairs": 2}, done.stdout
