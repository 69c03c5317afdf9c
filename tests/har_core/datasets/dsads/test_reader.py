from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from har_core.base.errors import InputError, Problem, counted
from har_core.datasets.dsads.reader import canonical, find_problems, parse_segments

quick = settings(max_examples=60, deadline=None)
rows, columns = st.integers(1, 125), st.integers(1, 45)
tables = st.builds(
    lambda seed, cells: _with_cells(np.random.default_rng(seed).normal(size=(125, 45)).astype(np.float32), cells),
    st.integers(0, 1000),
    st.lists(st.tuples(rows, columns, st.floats(width=32, allow_nan=False, allow_infinity=False)), max_size=20),
)


def _with_cells(table: np.ndarray, cells: list[tuple[int, int, float]]) -> np.ndarray:
    for row, column, value in cells:
        table[row - 1, column - 1] = value
    return table


def tokens_of(table: np.ndarray) -> list[list[str]]:
    return [[repr(float(value)) for value in row] for row in table]


def text_of(tokens: list[list[str]], line_end: str = "\n") -> bytes:
    return "".join(",".join(row) + line_end for row in tokens).encode()


def problems_of(content: bytes) -> list[Problem]:
    return find_problems("f", canonical(content))


# --- What is right ----------------------------------------------------------------------------------------------------


@quick
@given(
    table=tables,
    line_end=st.sampled_from(["\n", "\r\n"]),
    mark=st.booleans(),
    ending=st.sampled_from(["", "\n", "\n\n\n", " \n\t\n", "cut"]),
    padding=st.text(" \t", max_size=3),
)
def test_every_float32_survives_the_way_through_text(
    table: np.ndarray, line_end: str, mark: bool, ending: str, padding: str
) -> None:
    tokens = tokens_of(table)
    tokens[7] = [f"{padding}{token}{padding}" for token in tokens[7]]
    content = text_of(tokens, line_end)
    content = content.removesuffix(line_end.encode()) if ending == "cut" else content + ending.encode()
    if mark:
        content = b"\xef\xbb\xbf" + content
    text = canonical(content)
    np.testing.assert_array_equal(parse_segments([text], ["f"]), table.T)
    notes = ["BOM"] * mark + ["CRLF"] * (line_end == "\r\n") + ["trailing blank lines"] * (ending not in {"", "cut"})
    assert text.status == ": ".join(["ok", *[", ".join(notes)] * bool(notes)])


def test_segments_keep_their_order_and_channels_are_contiguous(segment_text: Callable[[int], bytes]) -> None:
    texts = [segment_text(seed) for seed in range(7)]
    samples = parse_segments([canonical(text) for text in texts], [f"s{seed}" for seed in range(7)])
    assert samples.shape == (45, 7 * 125)
    assert samples.dtype == np.float32
    for text, segment in zip(texts, np.split(samples, 7, axis=1), strict=True):
        rows = np.loadtxt(text.decode().splitlines(), delimiter=",", dtype=np.float32)
        np.testing.assert_array_equal(rows.T, segment)
    assert samples.flags.c_contiguous


# --- What is wrong ----------------------------------------------------------------------------------------------------

NOT_NUMBERS = [
    "",
    " ",
    "abc",
    "1e",
    "0x10",
    "1_000",
    "1f",
    "--1",
    "- 1",
    "+-1",
    "١",
    "1\u00a0",
    "NA",
    "null",
    '"1"',
    "1;2",
]
NOT_FINITE = ["nan", "NaN", "-nan", "inf", "-Inf", "Infinity", "nan(1)"]
TOO_LARGE = ["1e39", "-3.5e38", "1e400"]


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        *((token, "a number") for token in NOT_NUMBERS),
        *((token, "a finite number") for token in NOT_FINITE),
        *((token, "a number within the range of float32") for token in TOO_LARGE),
    ],
)
def test_a_wrong_token_is_named_with_line_and_column(token: str, expected: str) -> None:
    tokens = [["1.0"] * 45 for _ in range(125)]
    tokens[11][44] = token
    assert problems_of(text_of(tokens)) == [Problem(path="f", line=12, column=45, value=token, expected=expected)]


def test_a_lone_carriage_return_ends_no_line() -> None:
    tokens = [["1"] * 45 for _ in range(125)]
    tokens[11][43] = "1\r"
    assert problems_of(text_of(tokens)) == [Problem(path="f", line=12, column=44, value="1\r", expected="a number")]
    (problem,) = problems_of(text_of([["1"] * 45] * 125, line_end="\r"))
    assert (problem.line, problem.value) == (1, "line ends of CR alone")
    tokens = [["1"] * 45 for _ in range(126)]
    (problem, *_) = problems_of(text_of(tokens).replace(b"1\n", b"1\r", 1))
    assert (problem.line, problem.column, problem.value) == (1, 46, "89 columns")


@quick
@given(
    table=tables,
    bad=st.dictionaries(
        st.tuples(rows, columns),
        st.sampled_from(["x", "", "nan", "-inf", "1e39", "1 2", "1.2.3"]),
        min_size=1,
        max_size=9,
    ),
)
def test_every_wrong_token_is_found_in_order(table: np.ndarray, bad: dict[tuple[int, int], str]) -> None:
    tokens = tokens_of(table)
    for (row, column), token in bad.items():
        tokens[row - 1][column - 1] = token
    found = [(problem.line, problem.column, problem.value) for problem in problems_of(text_of(tokens))]
    assert found == [(*place, bad[place]) for place in sorted(bad)]


@quick
@given(row=rows, num_columns=st.integers(1, 60).filter(lambda number: number != 45))
def test_a_line_of_another_length_is_named_where_it_ends(row: int, num_columns: int) -> None:
    tokens = [["-1.5"] * 45 for _ in range(125)]
    tokens[row - 1] = ["-1.5"] * num_columns
    (problem,) = problems_of(text_of(tokens))
    assert (problem.line, problem.column) == (row, min(num_columns, 45) + 1)
    assert problem.value == counted(num_columns, "column")


@quick
@given(num_rows=st.integers(1, 200).filter(lambda number: number != 125))
def test_too_few_or_too_many_rows_are_named_where_they_begin(num_rows: int) -> None:
    (problem,) = problems_of(text_of([["0.25"] * 45 for _ in range(num_rows)]))
    assert (problem.line, problem.column, problem.value) == (min(num_rows, 125) + 1, None, counted(num_rows, "row"))
    assert problem.expected == "125 rows"


@quick
@given(row=st.integers(1, 124), blank=st.text(" \t", max_size=2))
def test_a_blank_line_between_rows_is_wrong(row: int, blank: str) -> None:
    lines = text_of([["1"] * 45 for _ in range(124)]).decode().splitlines(keepends=True)
    lines.insert(row - 1, f"{blank}\n")
    (problem,) = problems_of("".join(lines).encode())
    assert (problem.line, problem.value) == (row, "a blank line")


@quick
@given(content=st.binary(max_size=300), at=st.integers(0, 40_000))
def test_any_bytes_are_right_or_have_a_problem(content: bytes, at: int) -> None:
    whole = text_of([["1.25"] * 45 for _ in range(125)])
    damaged = whole[: at % len(whole)] + content + whole[at % len(whole) + len(content) :]
    text = canonical(damaged)
    if not find_problems("f", text):
        plain = text.content.decode("ascii")
        assert [len(line.split(",")) for line in plain.splitlines()] == [45] * 125
        assert np.isfinite([float(token) for line in plain.splitlines() for token in line.split(",")]).all()


@quick
@given(token=st.text("0123456789+-.eE nNaAiIfF_\t", max_size=8))
def test_parser_and_diagnosis_agree_on_what_a_number_is(token: str) -> None:
    tokens = [["1"] * 45 for _ in range(125)]
    tokens[60][20] = token
    problems = problems_of(text_of(tokens))  # raises AssertionError where they differ
    try:
        right = abs(float(token)) < 3.4e38 and "_" not in token
    except ValueError:
        right = False
    assert (problems == []) == right


@pytest.mark.parametrize(
    ("content", "line", "value"),
    [
        (b"", None, "an empty file"),
        (b"\xef\xbb\xbf\r\n", None, "an empty file"),
        (b"1,2\n3,\x004\n", 2, "binary content (byte 0x00)"),
        (b"\x89PNG\r\n\x1a\n\x00", 2, "binary content (byte 0x1a)"),
        ("1,2\n".encode("utf-16-le"), 1, "binary content (byte 0x00)"),
    ],
)
def test_an_empty_or_binary_file_is_one_problem(content: bytes, line: int | None, value: str) -> None:
    (problem,) = problems_of(content)
    assert (problem.line, problem.value) == (line, value)
    assert "125 rows of 45 numbers" in problem.expected


RIGHT = text_of([["-1.5"] * 45 for _ in range(125)])
HEADER = ",".join(f"T_{number}" for number in range(45)).encode() + b"\n"


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (RIGHT.replace(b",", b";"), "columns separated by semicolons"),
        (RIGHT.replace(b",", b"\t"), "columns separated by tabs"),
        (RIGHT.replace(b",", b"  "), "columns separated by blanks"),
        (RIGHT.replace(b",", b"|"), "columns separated by bars"),
        (RIGHT.replace(b",", b";").replace(b".", b","), "columns separated by semicolons and decimal commas"),
        (RIGHT.replace(b",", b";").replace(b".", b",", 70), "columns separated by semicolons and decimal commas"),
        (RIGHT.replace(b",", b"\t").replace(b".", b","), "columns separated by tabs and decimal commas"),
        (RIGHT.replace(b".", b","), "decimal commas"),
        (RIGHT.replace(b"\n", b",7\n"), "46 columns in each of 125 lines"),
        (text_of([["1.5"] * 125] * 45), "45 rows of 125 columns: rows and columns are exchanged"),
        (RIGHT.decode().encode("utf-16"), "UTF-16"),
        (RIGHT.decode().encode("utf-32"), "UTF-32"),
        (b"\xef\xbb\xbf\xef\xbb\xbf" + RIGHT, "a second byte-order mark"),
        (b"PK\x03\x04" + RIGHT, "a zip archive"),
        (RIGHT.replace(b"\n", b"\r"), "line ends of CR alone"),
        (HEADER + RIGHT, "a header, T_0,T_1,T_2,T_3,T_4,T_5,T_6,T_7,T_8,T_9,T_10,T_11,T_12,T_13,…"),
        (b"time,value\n" + RIGHT, "a header, time,value"),
    ],
)
def test_the_cause_of_a_thousand_problems_is_named_once(content: bytes, value: str) -> None:
    assert [(problem.line, problem.value) for problem in problems_of(content)] == [(1, value)]


def test_a_header_hides_nothing_below_it() -> None:
    problems = problems_of(HEADER + RIGHT.replace(b"-1.5", b"x", 1) + b"1\n")
    assert [(problem.line, problem.column) for problem in problems] == [(1, None), (2, 1), (127, 2), (127, None)]


@pytest.mark.parametrize("others", [[], [RIGHT]])
def test_a_second_byte_order_mark_is_wrong_in_every_file(others: list[bytes]) -> None:
    texts = [canonical(content) for content in (*others, b"\xef\xbb\xbf\xef\xbb\xbf" + RIGHT)]
    with pytest.raises(InputError, match="1 problem in 1 file"):
        parse_segments(texts, ["a", "b"][: len(texts)])


def test_a_value_may_be_padded_beyond_a_block_of_the_parser() -> None:
    texts = [canonical(RIGHT), canonical(RIGHT.replace(b",", b"," + b" " * 1_000_000, 2)), canonical(RIGHT)]
    np.testing.assert_array_equal(parse_segments(texts, ["a", "b", "c"]), np.full((45, 375), -1.5))


def test_a_file_of_problems_is_looked_at_no_further_than_it_helps() -> None:
    line = b"x," * 20_000 + b"\n"
    problems = problems_of(line * 40 + RIGHT)
    assert (problems[-1].line, problems[-1].value) == (5, "1005 problems")
    assert problems[-1].expected.startswith("fewer problems")


def test_a_file_cut_in_the_middle_of_a_line_names_both_ends() -> None:
    whole = text_of([["1.5"] * 45 for _ in range(125)])
    places = [(problem.line, problem.column) for problem in problems_of(whole[: len(whole) // 2])]
    assert places[0][0] == 63
    assert places[-1] == (64, None)


def test_a_long_token_is_shortened() -> None:
    tokens = [["1"] * 45 for _ in range(125)]
    tokens[0][0] = "y" * 10_000
    (problem,) = problems_of(text_of(tokens))
    assert problem.value == "y" * 60 + "…"


def test_all_problems_of_all_files_come_in_one_error(segment_text: Callable[[int], bytes]) -> None:
    bad = segment_text(0).replace(b"\n", b",7\n", 1)
    worse = bad.replace(b"\n", b"x\n", 2)
    with pytest.raises(InputError, match="4 problems in 2 files") as caught:
        parse_segments([canonical(text) for text in (bad, segment_text(1), worse)], ["a", "b", "c"])
    places = [(problem.path, problem.line, problem.column) for problem in caught.value.problems]
    assert places == [("a", 1, 46), ("c", 1, 46), ("c", 1, 46), ("c", 2, 45)]
