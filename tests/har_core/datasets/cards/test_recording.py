"""Streams are joined, rows are labelled, and what cannot be is refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from card_examples import HEAD, PLAIN, as_text, card_at, problems_of, read_all, rows_of, some_files, write

from har_core.base.errors import Problem
from har_core.datasets.cards.streams import interpolate, measured_rate
from har_core.datasets.recordings import LabelRun, Outline, RecordingKey

BARE = f"""{HEAD}
[files]
pattern = "s{{subject}}_{{session}}_{{stream}}.csv"
JOIN
[[streams]]
name = "a"
channels = [{{ columns = [2, 3, 4], place = "wrist", sensor = "acc" }}]
[[streams]]
name = "b"
channels = [{{ columns = [2, 3, 4], place = "thigh", sensor = "acc" }}]
"""
BY_ROW = BARE.replace("JOIN", "[labels]\ncolumn = 5")
BY_TIME = 'join = "time"\n' + BARE.replace("JOIN", 'time = 1\ntime_unit = "ms"\n[labels]\ncolumn = 5')
STRETCHES = f"""{HEAD}
[files]
pattern = "s{{subject}}_{{session}}.csv"
[labels.intervals]
pattern = "labels.txt"
delimiter = "whitespace"
session = 1
subject = 2
label = 3
first = 4
last = 5
[[channels]]
columns = [2, 3, 4]
place = "wrist"
sensor = "acc"
"""


def line(row: int, slope: float, time: float, label: str = "sitting") -> list[str]:
    return [f"{time:g}", *(f"{slope * time + axis:g}" for axis in range(3)), label]


def test_streams_are_joined_by_row(tmp_path: Path) -> None:
    files = {"s1_1_a.csv": as_text(rows_of(seed=1), ""), "s1_1_b.csv": as_text(rows_of(seed=2), "")}
    [recording] = read_all(tmp_path, files, BY_ROW)
    alone = [
        read_all(tmp_path / name, {"s1/1.csv": as_text(rows_of(seed=seed))})[0] for name, seed in (("a", 1), ("b", 2))
    ]
    assert (recording.samples == np.vstack([own.samples for own in alone])).all()
    assert (
        recording.outline
        == alone[0].outline
        == Outline(segments=(1,), lengths=(120,), labels=(LabelRun(1, 60), LabelRun(2, 60)))
    )


def test_streams_of_unequal_length(tmp_path: Path) -> None:
    files = {"s1_1_a.csv": as_text(rows_of(120), ""), "s1_1_b.csv": as_text(rows_of(119), "")}
    [problem] = problems_of(tmp_path, files, BY_ROW)
    assert (problem.path, problem.value) == ("s1_1_b.csv", "119 rows")


def test_a_stream_that_a_session_lacks(tmp_path: Path) -> None:
    files = {f"s1_{session}_{name}.csv": as_text(rows_of(), "") for session in (1, 2) for name in "ab"}
    del files["s1_2_b.csv"]
    [problem] = problems_of(tmp_path, files, BY_ROW)
    assert problem.expected == "a file s{subject}_{session}_b.csv of subject 1, session 2, as of its other streams"


def test_streams_are_joined_by_time_where_all_were_recorded(tmp_path: Path) -> None:
    first = [line(row, 0.01, 20 * row, "walking" if row >= 30 else "sitting") for row in range(60)]
    second = [line(row, 0.02, 100 + 20.5 * row) for row in range(40)]
    files = {"s1_1_a.csv": as_text(first, ""), "s1_1_b.csv": as_text(second, "")}
    [recording] = read_all(tmp_path, files, BY_TIME)
    times = np.arange(100, 899.5, 20)
    assert recording.times == pytest.approx((times - 100) / 1000)
    assert recording.samples[0] == pytest.approx(0.01 * times)
    assert recording.samples[3] == pytest.approx(0.02 * times, abs=1e-5)
    assert [tuple(run) for run in recording.outline.labels] == [(1, 25), (2, 15)]


def test_labels_may_be_in_another_stream_than_the_first(tmp_path: Path) -> None:
    first = [line(row, 0.01, 20 * row)[:4] for row in range(60)]
    second = [line(row, 0.01, 40 * row, "walking" if row >= 15 else "sitting") for row in range(30)]
    files = {"s1_1_a.csv": as_text(first, ""), "s1_1_b.csv": as_text(second, "")}
    card = BY_TIME.replace("column = 5", 'column = 5\nstream = "b"').replace("= 50", "= 25")
    [rate] = problems_of(tmp_path, files, card)
    assert (rate.path, rate.value) == ("s1_1_a.csv", "50 rows a second")
    card = card.replace("= 25", "= 50").replace("20 *", "")
    second = [
        [f"{20 * row}", *line(row, 0.01, 20 * row, "walking" if row >= 15 else "sitting")[1:]] for row in range(60)
    ]
    [recording] = read_all(tmp_path, {**files, "s1_1_b.csv": as_text(second, "")}, card)
    assert [tuple(run) for run in recording.outline.labels] == [(1, 15), (2, 45)]


def test_streams_of_different_times(tmp_path: Path) -> None:
    files = {
        f"s1_1_{name}.csv": as_text([line(row, 0.01, begin + 20 * row) for row in range(60)], "")
        for name, begin in (("a", 0), ("b", 5000))
    }
    [problem] = problems_of(tmp_path, files, BY_TIME)
    assert problem.value == "0.000 to 1.180 s, 5.000 to 6.180 s"


def test_nothing_is_interpolated_across_a_hole_or_from_what_is_missing() -> None:
    times = np.array([0.0, 1, 2, 3, 4, 10, 11])
    samples = np.array([[0, 1, 2, np.nan, 4, 10, 11]], dtype=np.float32)
    at = np.array([0.5, 2, 2.5, 3.5, 4, 7, 10, 10.5, 11])
    expected = [0.5, 2, np.nan, np.nan, 4, np.nan, 10, 10.5, 11]
    assert interpolate(samples, times, at)[0].tolist() == pytest.approx(expected, nan_ok=True)


def test_repeated_times_are_no_trouble() -> None:
    times, samples = np.array([0.0, 1, 1, 1, 2]), np.array([[0, 1, 2, 3, 4]], dtype=np.float32)
    assert interpolate(samples, times, np.array([0.5, 1.0, 1.5, 2.0])).tolist() == [[0.5, 3, 3.5, 4]]


def test_the_rate_is_measured_over_a_second_not_a_step() -> None:
    bursts = np.repeat(np.arange(100) * 0.04, 2)  # two rows at once, 50 a second
    assert measured_rate(bursts, 50) == pytest.approx(50)
    assert measured_rate(np.array([1.0]), 50) is None
    assert measured_rate(np.zeros(9), 50) == float("inf")


@pytest.mark.parametrize(("factor", "is_right"), [(1.04, True), (1.06, False), (0.96, True), (0.94, False)])
def test_a_rate_that_is_not_the_claimed_one(tmp_path: Path, factor: float, is_right: bool) -> None:
    rows = [[f"{20 * index / factor:.3f}", *row[1:]] for index, row in enumerate(rows_of())]
    found = problems_of(tmp_path, {"s1/1.csv": as_text(rows)})
    assert [problem.value for problem in found] == ([] if is_right else [f"{50 * factor:.4g} rows a second"])


def test_timestamps_that_go_back(tmp_path: Path) -> None:
    rows = rows_of()
    rows[40][0], rows[90][0] = "700", "0"
    found = problems_of(tmp_path, {"s1/1.csv": as_text(rows)})
    assert [(problem.line, problem.column, problem.value) for problem in found] == [
        (42, 1, "0.08 s before the row above"),
        (92, 1, "1.78 s before the row above"),
    ]


@pytest.mark.parametrize(("cell", "value"), [("9.81", "9.81 in each of 120 rows"), ("", "nothing in each of 120 rows")])
def test_a_channel_that_never_changes(tmp_path: Path, cell: str, value: str) -> None:
    rows = [[row[0], row[1], cell, *row[3:]] for row in rows_of()]
    found = problems_of(tmp_path, {"s1/1.csv": as_text(rows), "s1/2.csv": as_text(rows[:90])})
    assert found == [Problem(path="s1/1.csv", column=3, value=value, expected="values of wrist_acc_y that change")]


def test_labels_are_matched_as_numbers_too(tmp_path: Path) -> None:
    rows = [[*row[:4], label] for row, label in zip(rows_of(4), ("1", "1.0", "2.00e0", "0"), strict=True)]
    card = PLAIN.replace('activities = ["sitting", "walking"]\n', "").replace('"label"', '"label"\nnone = [0]')
    card += '[activities]\n1 = "sitting"\n2 = "walking"\n'
    [recording] = read_all(tmp_path, {"s1/1.csv": as_text(rows)}, card)
    assert recording.outline.row_labels().tolist() == [1, 1, 2, 0]


def test_labels_by_path(tmp_path: Path) -> None:
    card = PLAIN.replace('[labels]\ncolumn = "label"\n', "").replace("{session}", "{activity}_{session}")
    files = {"s1/walking_1.csv": as_text(rows_of()), "s1/other_1.csv": as_text(rows_of())}
    found = {r.key: r.outline.activities for r in read_all(tmp_path, files, card)}
    assert found == {RecordingKey(1, 1): {0}, RecordingKey(1, 2): {2}}


def stretched(table: str, num_rows: int = 20) -> Mapping[str, str]:
    return {"s01_02.csv": as_text(rows_of(num_rows), ""), "labels.txt": table}


@pytest.mark.parametrize(
    ("form", "table", "labels"),
    [
        ("", "2 1 walking 1 5\n2 1 sitting 11 20\n", [(2, 5), (0, 5), (1, 10)]),
        ("", "2 1 sitting 6 20\n02 01 walking 1 5\n1 1 walking 1 900\n", [(2, 5), (1, 15)]),
        ("rows_from = 0\nlast_included = false", "2 1 walking 0 5\n2 1 sitting 5 20\n", [(2, 5), (1, 15)]),
        ('unit = "s"', "2 1 walking 0 0.1\n2 1 sitting 0.2 0.38\n", [(2, 6), (0, 4), (1, 10)]),
        ('unit = "s"', "2 1 walking 0 0.1\n2 1 sitting 0.1 0.4\n", [(2, 5), (1, 15)]),
        ('unit = "ms"\nlast_included = false', "2 1 walking 0 100\n2 1 sitting 100 400\n", [(2, 5), (1, 15)]),
    ],
)
def test_stretches(tmp_path: Path, form: str, table: str, labels: list[tuple[int, int]]) -> None:
    card = STRETCHES.replace("last = 5", f"last = 5\n{form}")
    [recording] = read_all(tmp_path, stretched(table), card)
    assert [tuple(run) for run in recording.outline.labels] == labels


def test_stretches_in_a_file_for_each_session_by_the_clock_of_the_recording(tmp_path: Path) -> None:
    card = STRETCHES.replace('"labels.txt"', '"s{subject}_{session}.lab"').replace("session = 1\nsubject = 2\n", "")
    card = card.replace("last = 5", 'last = 5\nunit = "%H:%M:%S.%f"').replace(
        '.csv"', '.csv"\ntime = 1\ntime_unit = "%H:%M:%S.%f"'
    )
    rows = [[f"10:00:00.{20 * index:03}", *row[1:]] for index, row in enumerate(rows_of(20))]
    files = {"s1_2.csv": as_text(rows, ""), "s1_2.lab": "a b walking 10:00:00.100 10:00:00.200\n", "s1_1.lab": ""}
    [recording] = read_all(tmp_path, files, card)
    assert [tuple(run) for run in recording.outline.labels] == [(0, 5), (2, 6), (0, 9)]


@pytest.mark.parametrize(
    ("table", "line", "value", "expected"),
    [
        ("2 1 walking 1 5\n2 1 sitting 5 9\n", 2, "5 to 9", "a stretch that begins after that of line 1 has ended"),
        ("2 1 walking 1 9\n2 1 sitting 3 5\n", 2, "3 to 5", "a stretch that begins after that of line 1 has ended"),
        ("2 1 walking 1 5\n2 1 sitting 16 21\n", 2, "16 to 21", "rows of the recording, 1 to 20"),
        ("2 1 walking 0 5\n", 1, "0 to 5", "rows of the recording, 1 to 20"),
        ("2 1 walking 9 5\n", 1, "9 to 5", "a stretch that ends after it begins"),
        ("2 1 walking 1 5\n2 1 siting 6 9\n", 2, "siting", "a label of the card; did you mean 'sitting'?"),
        ("2 1 walking 1.5 5\n", 1, "1.5", "the number of a row"),
        ("2 1 walking 1 x\n", 1, "x", "the number of a row"),
        ("2 1 walking 1 5\n2 1 sitting 6\n", 2, "4 columns", "at least 5 columns"),
        ("3 1 walking 1 5\n", None, "stretches of 1 3", "stretches of recordings that are there: 1 2"),
    ],
)
def test_wrong_stretches(tmp_path: Path, table: str, line: int | None, value: str, expected: str) -> None:
    found = problems_of(tmp_path, stretched(table), STRETCHES)
    told = [(problem.path, problem.line, problem.value, problem.expected) for problem in found]
    assert ("labels.txt", line, value, expected) in told, told


def test_no_table_of_stretches(tmp_path: Path) -> None:
    found = problems_of(tmp_path, {"s1_2.csv": as_text(rows_of(), "")}, STRETCHES)
    assert found[0].expected == "a table of labels, labels.txt"


def test_the_table_is_a_file_of_the_source(tmp_path: Path) -> None:
    dataset = card_at(tmp_path, STRETCHES)
    with dataset.open(write(tmp_path, stretched("2 1 walking 1 5\n"))) as source:
        assert [file.path for file in source.shared] == ["labels.txt"]
        assert source.subjects == (1,)


def test_subjects_who_all_do_one_thing_are_refused_together(tmp_path: Path) -> None:
    dataset = card_at(tmp_path, PLAIN)
    one, two = (Outline(segments=(1,), lengths=(9,), labels=(LabelRun(n, 9),)) for n in (1, 2))
    keys = [RecordingKey(1, 1), RecordingKey(2, 1)]
    found = dataset.check_outlines(dict(zip(keys, (one, two), strict=True)))
    assert [problem.value for problem in found] == ["subject 1 with sitting alone", "subject 2 with walking alone"]
    assert dataset.check_outlines({**dict(zip(keys, (one, two), strict=True)), RecordingKey(2, 2): one}) == []


def test_every_problem_of_every_file_comes_at_once(tmp_path: Path) -> None:
    files = some_files()
    files["s01/1.csv"] = files["s01/1.csv"].replace("\n40,", "\n40,x", 1)
    files["s02/2.csv"] = files["s02/2.csv"].replace("sitting", "siting")
    found = problems_of(tmp_path, {**files, "s02/1.csv": "t,x,y,z\n"})
    assert [(problem.path, problem.line) for problem in found] == [
        ("s01/1.csv", 4),
        ("s02/1.csv", None),
        ("s02/2.csv", 2),
    ]
