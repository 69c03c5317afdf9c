"""Text files as they come, and every mistake in one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from card_examples import HEAD, PLAIN, as_text, problems_of, read_all, rows_of, some_files
from hypothesis import given
from hypothesis import strategies as st

from har_core.base.errors import Problem
from har_core.datasets.cards import reader

ROWS = rows_of(8)
NUMBERS = np.array([[float(cell) for cell in row[1:4]] for row in ROWS], dtype=np.float32).T
BARE = f"""{HEAD}
[files]
pattern = "s{{subject}}/{{session}}.csv"
FORMAT
[labels]
column = 5
[[channels]]
columns = [2, 3, 4]
place = "wrist"
sensor = "acc"
"""


def aligned(rows: list[list[str]]) -> str:
    return "".join("".join(f"{cell:>12}" for cell in row) + " \n" for row in rows)


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ("", as_text(ROWS, "")),
        ("", as_text(ROWS, "").rstrip("\n")),
        ("", as_text(ROWS, "").replace("\n", "\r\n")),
        ("", as_text(ROWS, "").replace("\n", "\r")),
        ("", "\ufeff" + as_text(ROWS, "") + "\n \n"),
        ("", as_text(ROWS, "").replace(",", " ,\t ")),
        (
            "",
            as_text(
                [[f"+{row[0]}", *(f"+{cell}".replace("+-", "-") for cell in row[1:4]), row[4]] for row in ROWS], ""
            ),
        ),
        ("", as_text([[*row[:4], f'"{row[4]}"', "more"] for row in ROWS], "")),
        ("header_lines = 3", "made by\n\n" + as_text(ROWS, "any,thing")),
        ('comment = "#"', "# made by\n" + as_text(ROWS, "").replace("\n", "\n# note, more\n")),
        ('delimiter = ";"', as_text(ROWS, "", ";")),
        ('delimiter = "\\t"', as_text(ROWS, "", "\t")),
        ('delimiter = "whitespace"', as_text(ROWS, "", " ")),
        ('delimiter = "whitespace"', as_text(ROWS, "", "\t\t ")),
        ('delimiter = "whitespace"', aligned(ROWS)),
        ('delimiter = ";"\ndecimal = ","', as_text(ROWS, "", ";").replace(".", ",")),
        ('encoding = "utf-16"', as_text(ROWS, "").encode("utf-16")),
        ('encoding = "latin-1"\ncomment = "é"', as_text([["é"], *ROWS], "").encode("latin-1")),
    ],
)
def test_formats(tmp_path: Path, form: str, content: str | bytes) -> None:
    [recording] = read_all(tmp_path, {"s1/1.csv": content}, BARE.replace("FORMAT", form))
    assert (recording.samples == NUMBERS).all()
    assert [tuple(run) for run in recording.outline.labels] == [(1, 4), (2, 4)]
    assert recording.times is None
    assert recording.samples.flags.c_contiguous


def test_missing_values_are_nan(tmp_path: Path) -> None:
    rows = [list(row) for row in ROWS]
    rows[0][1], rows[1][2], rows[2][3], rows[3][3] = "", "NaN", "-999", "nan"
    card = BARE.replace("FORMAT", 'missing = ["", -999]')
    [recording] = read_all(tmp_path, {"s1/1.csv": as_text(rows, "")}, card)
    assert np.argwhere(np.isnan(recording.samples)).tolist() == [[0, 0], [1, 1], [2, 2], [2, 3]]


def test_values_are_scaled(tmp_path: Path) -> None:
    card = PLAIN + "scale = 2\noffset = -1.5\n"
    [recording] = read_all(tmp_path, {"s1/1.csv": as_text(ROWS)}, card)
    numbers = np.array([[float(cell) for cell in row[1:4]] for row in ROWS]).T
    assert (recording.samples == (numbers * 2 - 1.5).astype(np.float32)).all()


@pytest.mark.parametrize(
    ("unit", "write"),
    [
        ("s", lambda row: f"{1_600_000_000 + row / 50:.2f}"),
        ("ms", lambda row: str(1_600_000_000_000 + 20 * row)),
        ("us", lambda row: str(20_000 * row)),
        ("ns", lambda row: str(1_600_000_000_000_000_000 + 20_000_000 * row)),
        ("%Y-%m-%d %H:%M:%S.%f", lambda row: f"2024-02-29 23:59:59.{20 * row:03}"),
        ("%d.%m.%y %H:%M:%S.%f", lambda row: f"29.02.24 23:59:59.{20 * row:03}"),
    ],
)
def test_times_are_seconds_from_the_first_row(tmp_path: Path, unit: str, write: object) -> None:
    assert callable(write)
    rows = [[write(index), *row[1:]] for index, row in enumerate(ROWS)]
    [recording] = read_all(tmp_path, {"s1/1.csv": as_text(rows)}, PLAIN.replace('"ms"', f'"{unit}"'))
    assert recording.times is not None
    assert recording.times == pytest.approx(np.arange(8) / 50, abs=1e-6)


@pytest.mark.parametrize(
    ("line", "column", "cell", "expected"),
    [
        (3, 2, "x", "a number, or 'NaN' where it is missing"),
        (3, 2, "1.5.2", "a number, or 'NaN' where it is missing"),
        (9, 4, "inf", "a finite number"),
        (2, 3, "1e40", "a number within the range of float32"),
        (2, 1, "", "a timestamp"),
        (5, 1, "soon", "a timestamp"),
        (4, 5, "wlaking", "a label of the card; did you mean 'walking'?"),
        (4, 5, "", 'a label of the card, or none = [""] in [labels]'),
    ],
)
def test_a_wrong_cell_is_named(tmp_path: Path, line: int, column: int, cell: str, expected: str) -> None:
    rows = [list(row) for row in ROWS]
    rows[line - 2][column - 1] = cell
    found = problems_of(tmp_path, {"s1/1.csv": as_text(rows)})
    assert found == [Problem(path="s1/1.csv", line=line, column=column, value=cell, expected=expected)]


def test_a_card_without_none_is_told_that_too(tmp_path: Path) -> None:
    [problem] = problems_of(
        tmp_path, {"s1/1.csv": "t,x,y,z,label\n0,1,2,3,sitting\n20,1,2,3,\n"}, PLAIN.replace('none = "other"\n', "")
    )
    assert problem.expected == 'a label of the card, or none = [""] in [labels], with none = "other" above'


@pytest.mark.parametrize(
    ("content", "line", "value", "expected"),
    [
        ("", None, "no rows", "at least one row of numbers"),
        ("t,x,y,z,label\n", None, "no rows", "at least one row of numbers"),
        ("t,x,why,z,label\n0,1,2,3,sitting\n", 1, None, "a column called 'y': t, x, why, z, label"),
        ("t,x,y,y,label\n0,1,2,3,sitting\n", 1, None, "one column called 'y'"),
        ("t,x,y,z\n0,1,2,3,sitting\n", 1, "5 columns under 4 names", "a name for each column"),
        ("t,x,y,z,label\n0,1,2,3,sitting\n20,1,2\n", 3, "3 columns", "5 columns, as in the first row"),
        ("t,x,y,z,label\n0,1,2,3,sitting\n\x00,1,2,3,sitting\n", 3, "binary content (byte 0x00)", "text"),
    ],
)
def test_a_wrong_file_is_refused(
    tmp_path: Path, content: str, line: int | None, value: str | None, expected: str
) -> None:
    found = problems_of(tmp_path, {"s1/1.csv": content})
    assert Problem(path="s1/1.csv", line=line, value=value, expected=expected) in [
        Problem(path=p.path, line=p.line, value=p.value, expected=p.expected) for p in found
    ]


def test_a_column_by_number_that_is_not_there(tmp_path: Path) -> None:
    found = problems_of(tmp_path, {"s1/1.csv": "0,1,2,3\n"}, BARE.replace("FORMAT", ""))
    assert [problem.expected for problem in found] == ["a column 5; rows have 4"]


@pytest.mark.parametrize(
    ("encoding", "content", "line", "expected"),
    [
        ("utf-16-le", b"a", None, "text in utf-16-le"),
        ("utf-8", b"0,1,2,3,sitting\n20,1,2,3,\xe9\n", 2, "text in utf-8; see encoding"),
    ],
)
def test_another_encoding(tmp_path: Path, encoding: str, content: bytes, line: int | None, expected: str) -> None:
    [problem] = problems_of(tmp_path, {"s1/1.csv": content}, BARE.replace("FORMAT", f'encoding = "{encoding}"'))
    assert (problem.line, problem.expected) == (line, expected)


PLANTS = st.dictionaries(
    st.tuples(st.integers(0, 3), st.integers(0, 119), st.integers(0, 3)),
    st.sampled_from(["x", "inf", "--1", "1e39", "٣", "0x10"]),
    min_size=1,
    max_size=6,
)


@given(plants=PLANTS, blank=st.integers(0, 3), windows=st.booleans())
def test_every_planted_mistake_is_found(
    tmp_path_factory: pytest.TempPathFactory, plants: dict[tuple[int, int, int], str], blank: int, windows: bool
) -> None:
    tables = {path: [line.split(",") for line in text.split("\n")[1:-1]] for path, text in some_files().items()}
    expected = set()
    for (file, row, column), cell in plants.items():
        path = sorted(tables)[file]
        tables[path][row][column] = cell
        if not (cell == "1e39" and column == 0):
            expected.add((path, row + 2 + blank, column + 1, cell))
    card = PLAIN.replace("header_lines = 1", f"header_lines = {1 + blank}")
    files = {path: "\n" * blank + as_text(rows) for path, rows in tables.items()}
    files = {path: text.replace("\n", "\r\n") if windows else text for path, text in files.items()}
    found = problems_of(tmp_path_factory.mktemp("planted"), files, card)
    told = {(problem.path, problem.line, problem.column, problem.value) for problem in found}
    assert expected <= told
    planted_times = {(path, line) for path, line, column, _ in told if column == 1}
    assert all(place in expected or (place[0], place[1]) in planted_times for place in told)


@pytest.mark.parametrize("block_sizes", [(256, 1 << 20), (16, 1 << 20)])
def test_large_files_are_parsed_in_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_sizes: tuple[int, int]
) -> None:
    rows = rows_of(2000, labels=("sitting", "walking", "other"))
    [alone] = read_all(tmp_path, {"s1/1.csv": as_text(rows)})
    monkeypatch.setattr(reader, "_LARGE", 0)
    monkeypatch.setattr(reader, "_BLOCK_SIZES", block_sizes)
    [recording] = read_all(tmp_path, {"s1/1.csv": as_text(rows)})
    assert (recording.samples == alone.samples).all()
    assert recording.outline == alone.outline
    rows[1999][2], rows[1000] = "x", rows[1000][:3]
    found = problems_of(tmp_path, {"s1/1.csv": as_text(rows)})
    assert [(problem.line, problem.column, problem.value) for problem in found] == [
        (1002, 4, "3 columns"),
        (2001, 3, "x"),
    ]


def test_an_empty_cell_at_the_end_of_a_file_between_tabs(tmp_path: Path) -> None:
    rows = [[*row[:4], row[4], ""] for row in ROWS]
    card = BARE.replace("FORMAT", 'delimiter = "\\t"')
    [recording] = read_all(tmp_path, {"s1/1.csv": as_text(rows, "", "\t")}, card)
    assert (recording.samples == NUMBERS).all()
