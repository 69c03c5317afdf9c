"""Mistakes of every kind, several at once, at random places of a made set: ``har dataset check`` names each of them."""

from __future__ import annotations

import io
import json
import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from card_examples import HEAD, PLAIN, rows_of, write
from hypothesis import given, settings
from hypothesis import strategies as st

from har_core.base.errors import Problem
from pipelines.cli.main import main

if TYPE_CHECKING:
    from har_commands import Result

NUM_ROWS = 120
HEADER = ["t", "x", "y", "z", "label"]
INTERVALS = f"""{HEAD}
[files]
pattern = "s{{subject}}/{{session}}.csv"
header_lines = 1
[labels.intervals]
pattern = "labels.csv"
header_lines = 1
subject = "subject"
session = "session"
label = "label"
first = "first"
last = "last"
[[channels]]
columns = ["x", "y", "z"]
place = "wrist"
sensor = "acc"
"""


@dataclass
class Made:
    """A set of eight recordings, what is wrong with it, and what that has to be called."""

    chance: random.Random
    tables: dict[str, list[list[str]]] = field(default_factory=dict)
    """Cells of each file, the header first."""
    expected: list[Problem] = field(default_factory=list)
    free: list[str] = field(default_factory=list)
    """Files in which nothing was planted yet."""

    def __post_init__(self) -> None:
        for subject in range(1, 5):
            for session in (1, 2):
                rows = rows_of(NUM_ROWS, seed=10 * subject + session)
                self.tables[f"s{subject:02}/{session}.csv"] = [list(HEADER), *rows]
        self.free = self.chance.sample([*self.tables], len(self.tables))

    def expect(self, path: str, expected: str, **where: Any) -> None:
        self.expected.append(Problem(path=path, expected=expected, **where))

    def with_table(self) -> Made:
        """The same, labelled by a table of three stretches a recording."""
        lines = [["subject", "session", "label", "first", "last"]]
        for subject in range(1, 5):
            for session in (1, 2):
                ends = [(1, 30), (31, 60), (91, 120)]
                names = ["sitting", "walking", "sitting"]
                lines += [
                    [str(subject), str(session), n, str(a), str(b)] for n, (a, b) in zip(names, ends, strict=True)
                ]
        self.tables["labels.csv"] = lines
        return self

    def files(self) -> dict[str, str]:
        return {path: "".join(f"{','.join(row)}\n" for row in rows) for path, rows in self.tables.items()}


def no_number(made: Made) -> None:
    path, column = made.free.pop(), made.chance.choice([2, 3, 4])
    for line in sorted(made.chance.sample(range(2, NUM_ROWS + 2), made.chance.randint(1, 3))):
        made.tables[path][line - 1][column - 1] = "1.2.3"
        made.expect(path, "a number, or 'NaN' where it is missing", line=line, column=column, value="1.2.3")


def short_row(made: Made) -> None:
    path, line, left = made.free.pop(), made.chance.randint(3, NUM_ROWS + 1), made.chance.randint(1, 4)
    del made.tables[path][line - 1][left:]
    value = f"{left} column{'s' * (left > 1)}"
    made.expect(path, "5 columns, as in the first row", line=line, column=left + 1, value=value)


def absent_column(made: Made) -> None:
    path, column = made.free.pop(), made.chance.choice([0, 1, 2, 3, 4])
    made.tables[path][0][column] = "other"
    made.expect(path, f"a column called {HEADER[column]!r}", line=1)


def unknown_label(made: Made) -> None:
    path, line = made.free.pop(), made.chance.randint(2, NUM_ROWS + 1)
    made.tables[path][line - 1][4] = "wlaking"
    made.expect(path, "a label of the card; did you mean 'walking'?", line=line, column=5, value="wlaking")


def clock_goes_back(made: Made) -> None:
    path, line = made.free.pop(), made.chance.randint(3, NUM_ROWS + 1)
    made.tables[path][line - 1][0] = str(20 * (line - 3) - 7)
    value = "0.007 s before the row above"
    made.expect(path, "timestamps that never go back", line=line, column=1, value=value)


def other_rate(made: Made) -> None:
    path = made.free.pop()
    for index, row in enumerate(made.tables[path][1:]):
        row[0] = str(25 * index)
    made.expect(path, "about 50 rows a second", column=1, value="40 rows a second")


def constant_channel(made: Made) -> None:
    path, column, cell = made.free.pop(), made.chance.choice([2, 3, 4]), made.chance.choice(["0.5", "NaN", ""])
    for row in made.tables[path][1:]:
        row[column - 1] = cell
    value = f"{'0.5' if cell == '0.5' else 'nothing'} in each of {NUM_ROWS} rows"
    made.expect(path, f"values of wrist_acc_{'xyz'[column - 2]} that change", column=column, value=value)


def overlap(made: Made) -> None:
    line, _ = _stretch(made, 1)
    made.tables["labels.csv"][line - 1][3] = "30"
    expected = f"a stretch that begins after that of line {line - 1} has ended"
    made.expect("labels.csv", expected, line=line, value="30 to 60")


def beyond(made: Made) -> None:
    line, _ = _stretch(made, 2)
    last = made.chance.randint(NUM_ROWS + 1, 10 * NUM_ROWS)
    made.tables["labels.csv"][line - 1][4] = str(last)
    made.expect("labels.csv", f"rows of the recording, 1 to {NUM_ROWS}", line=line, value=f"91 to {last}")


def unknown_label_in_table(made: Made) -> None:
    line, _ = _stretch(made, made.chance.randint(0, 2))
    made.tables["labels.csv"][line - 1][2] = "siting"
    made.expect("labels.csv", "a label of the card; did you mean 'sitting'?", line=line, column=3, value="siting")


def no_row_number(made: Made) -> None:
    line, row = _stretch(made, made.chance.randint(0, 2))
    column = made.chance.choice([4, 5])
    row[column - 1] = "soon"
    made.expect("labels.csv", "the number of a row", line=line, column=column, value="soon")


def _stretch(made: Made, which: int) -> tuple[int, list[str]]:
    """The line of one of the stretches of a recording that is still free, and its cells."""
    subject, session = made.free.pop().removeprefix("s").removesuffix(".csv").split("/")
    line = 2 + 3 * (2 * (int(subject) - 1) + int(session) - 1) + which
    return line, made.tables["labels.csv"][line - 1]


IN_FILES = (no_number, short_row, absent_column, unknown_label, clock_goes_back, other_rate, constant_channel)
IN_TABLES = (overlap, beyond, unknown_label_in_table, no_row_number)


def check(card: str, files: dict[str, str]) -> tuple[int, list[Problem], dict[str, Any]]:
    """What ``har dataset check`` ends with, the problems by their paths in the set, and all that it printed."""
    with tempfile.TemporaryDirectory() as name:
        folder, out, err = Path(name), io.StringIO(), io.StringIO()
        data = write(folder, files)
        (folder / "card.toml").write_text(card)
        command = ["dataset", "check", str(folder / "card.toml"), "--data", str(data), "--format", "json"]
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main(command)
        told = json.loads(out.getvalue())
        assert {path: (data / path).read_text() for path in files} == files
    found = [Problem(**{**problem, "path": problem["path"].removeprefix(f"{data}/")}) for problem in told["problems"]]
    assert bool(ended.value.code) == bool(found)
    assert all(str(problem) in err.getvalue() for problem in found) or len(found) > 20
    return int(ended.value.code or 0), found, told


def unnamed(expected: list[Problem], found: list[Problem]) -> Iterator[Problem]:
    """Those of ``expected`` that ``found`` lacks; of what was expected, the beginning is enough."""
    for own in expected:
        place = own.path, own.line, own.column, own.value
        if not any((f.path, f.line, f.column, f.value) == place and own.expected in f.expected for f in found):
            yield own


@settings(max_examples=30)
@given(st.randoms(use_true_random=False), st.lists(st.sampled_from(IN_FILES), min_size=1, max_size=6))
def test_each_mistake_in_a_file_is_named(chance: random.Random, kinds: list[Callable[[Made], None]]) -> None:
    made = Made(chance)
    for plant in kinds:
        plant(made)
    lonely = made.free.pop()
    other = next((path for path in made.free if path[:3] == lonely[:3]), None)
    for path in (lonely, *([other] if other else [])):
        for row in made.tables[path][1:]:
            row[4] = "sitting"
    code, found, told = check(PLAIN, made.files())
    assert code == 2
    assert [*unnamed(made.expected, found)] == [], found
    assert len(found) == len(made.expected)
    begin = f"subject {int(lonely[1:3])} does nothing but sitting: "
    assert (other is None) or any(warning.startswith(begin) for warning in told["warnings"])


@settings(max_examples=20)
@given(st.randoms(use_true_random=False), st.lists(st.sampled_from(IN_TABLES), min_size=1, max_size=8))
def test_each_mistake_in_a_table_of_labels_is_named(chance: random.Random, kinds: list[Callable[[Made], None]]) -> None:
    made = Made(chance).with_table()
    for plant in kinds:
        plant(made)
    code, found, _ = check(INTERVALS, made.files())
    assert code == 2
    assert [*unnamed(made.expected, found)] == [], found
    assert len(found) == len(made.expected)


@settings(max_examples=10)
@given(st.randoms(use_true_random=False))
def test_two_files_for_one_session_are_named(chance: random.Random) -> None:
    made = Made(chance)
    for path in chance.sample([*made.tables], chance.randint(1, 3)):
        second = f"copy/{path}" if chance.random() < 0.5 else path[0] + path[2:]
        made.tables[second] = made.tables[path]
        for own in (path, second):
            made.expect(own, f"one file for subject {path[2]}, session {path[4]}", value="2 files")
    code, found, _ = check(PLAIN, made.files())
    assert (code, [*unnamed(made.expected, found)], len(found)) == (2, [], len(made.expected))


def test_a_pattern_that_matches_nothing_is_named() -> None:
    code, [problem], told = check(PLAIN.replace(".csv", ".dat"), Made(random.Random(0)).files())  # noqa: S311 - the same each time
    assert code == 2
    assert problem.path == told["location"]
    assert problem.value == "8 other files: s01/1.csv, s01/2.csv, s02/1.csv, s02/2.csv, s03/1.csv and 3 more"
    assert problem.expected == "files that match s{subject}/{session}.dat"


CARD_MISTAKES = {
    "unknown key": ('title = "Small"', 'titel = "Small"', "titel", "a key of a card; did you mean 'title'?"),
    "unknown key of files": ("header_lines = 1", "headerlines = 1", "headerlines", "a key of [files]"),
    "unknown key of channels": ('place = "wrist"', 'place = "wrist"\ncolour = 1', "colour", "a key of [channels.0]"),
    "delimiter and decimal sign": ('time = "t"', 'time = "t"\ndecimal = ","', "[files]", "another delimiter"),
    "labels in two ways": (
        "/{session}.csv",
        "/{session}_{activity}.csv",
        "[labels]",
        "one of {activity} in the pattern",
    ),
    "a limit below 0": ('sensor = "acc"', 'sensor = "acc"\nlimit = -1', "limit", "more than 0"),
}
"""What is replaced by what, in which line the mistake then is, and what is expected there."""


@pytest.mark.parametrize("seed", range(20))
def test_each_mistake_in_a_card_is_named(har: Callable[..., Result], tmp_path: Path, seed: int) -> None:
    chance, card = random.Random(seed), PLAIN  # noqa: S311 - the same each time
    planted = [CARD_MISTAKES[name] for name in chance.sample([*CARD_MISTAKES], chance.randint(1, 4))]
    for old, new, _, _ in planted:
        assert old in card
        card = card.replace(old, new)
    (tmp_path / "card.toml").write_text(card)
    result = har("dataset", "check", "card.toml", "--data", write(tmp_path, Made(chance).files()))
    assert (result.exit_code, result.out) == (2, "")
    for _, _, begin, expected in planted:
        line = next(number for number, text in enumerate(card.split("\n"), start=1) if text.startswith(begin))
        told = [text for text in result.err.split("\n") if text.lstrip().startswith(f"card.toml:{line}:")]
        assert any(expected in text for text in told), (expected, line, result.err)


def test_nothing_is_replaced(har: Callable[..., Result], home: Path, tmp_path: Path) -> None:
    made = Made(random.Random(1))  # noqa: S311 - the same each time
    data = write(tmp_path, made.files())
    (tmp_path / "card.toml").write_text(PLAIN)
    (tmp_path / "own.toml").write_text(
        '[source]\nkind = "files"\ndataset = "card.toml"\n[models]\narchitectures = ["lda"]\n'
    )
    command = ["run", "own.toml", "--data", data, "--select", "raw_recordings"]
    result = har(*command)
    assert result.exit_code == 0, result.err
    before = {path: path.read_bytes() for path in (home / "data").rglob("*") if path.is_file()}
    assert before
    for plant in IN_FILES:
        plant(made)
    write(tmp_path, made.files())
    result = har(*command)
    assert result.exit_code == 2
    assert "nothing was replaced" in result.err
    told = (home / "problems.txt").read_text()
    assert all(f"{data}/{problem.path}:" in told for problem in made.expected)
    assert {path: path.read_bytes() for path in (home / "data").rglob("*") if path.is_file()} == before
