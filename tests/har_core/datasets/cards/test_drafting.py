"""Drafts of cards: what files tell is right, and the rest is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from card_examples import as_text, card_at, rows_of, some_files, write

from har_core.base.errors import InputError
from har_core.datasets.cards.drafting import FILL_IN, draft_card
from har_core.datasets.cards.guessing import guess_paths, guess_shape
from har_core.datasets.dataset import read_recordings


def test_a_draft_reads_what_it_was_made_from(tmp_path: Path) -> None:
    data = write(tmp_path, {**some_files(), "README.txt": "Made for tests.\n"})
    text = draft_card(data)
    assert FILL_IN in text
    dataset = card_at(tmp_path, text)
    assert (dataset.spec.sampling_rate_hz, dataset.spec.activities) == (50, ("sitting", "walking"))
    with dataset.open(data) as source:
        found = list(read_recordings(dataset, source))
    assert [(recording.subject, recording.session) for recording in found] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert all(recording.outline.activities == {1, 2} and len(recording.samples) == 3 for recording in found)


def test_streams_with_clocks_are_joined_by_time(tmp_path: Path) -> None:
    files = {f"p{p}_{name}.csv": as_text(rows_of(seed=p)) for p in (1, 2, 3) for name in ("acc", "watch")}
    dataset = card_at(tmp_path, draft_card(write(tmp_path, files)))
    assert dataset.card.join == "time"
    assert [stream.name for stream in dataset.card.streams] == ["acc", "watch"]
    assert dataset.spec.places == ("body", "watch")


def test_without_labels_a_table_is_asked_for(tmp_path: Path) -> None:
    rows = [row[1:4] for row in rows_of()]
    text = draft_card(write(tmp_path, {f"u{u}.txt": as_text(rows, "", " ") for u in (1, 2)} | {"labels.dat": "1 2\n"}))
    assert "[labels.intervals]" in text
    assert "perhaps in labels.dat" in text
    card_at(tmp_path, text)


def test_subjects_with_other_names_get_a_table(tmp_path: Path) -> None:
    files = {f"{label}/2024-01-0{day}-{who}.csv": as_text([row[1:4] for row in rows_of()], "")
             for label in ("sit", "walk") for day in (1, 2) for who in ("m1", "f1")}  # fmt: skip
    dataset = card_at(tmp_path, draft_card(write(tmp_path, files)))
    assert dataset.card.subjects == {"f1": 1, "m1": 2}
    assert dataset.spec.activities == ("sit", "walk")


@pytest.mark.parametrize("files", [{"notes.txt": "nothing to see\nhere\n"}, {"a.bin": "\x00"}, {}])
def test_a_folder_without_numbers(tmp_path: Path, files: dict[str, str]) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(InputError):
        draft_card(write(tmp_path, files))


@pytest.mark.parametrize(
    ("paths", "pattern"),
    [
        ([f"s{s}/s{s}_01_{k}.csv" for s in (1, 2) for k in ("acc", "gyro")], "s{subject}/s{subject}_01_{stream}.csv"),
        (["acc_exp1_user1.txt", "acc_exp2_user2.txt", "acc_exp3_user2.txt"], "acc_exp{session}_user{subject}.txt"),
        (["Protocol/subject101.dat", "Protocol/subject102.dat"], "Protocol/subject{subject}.dat"),
        (["Walk/2011-01-02-walk-f1.txt", "Get_up/2011-01-03-get_up-f2.txt"], "{activity}/{session}-*-f{subject}.txt"),
    ],
)  # fmt: skip
def test_patterns_of_paths(paths: list[str], pattern: str) -> None:
    assert guess_paths(paths, has_labels=False).pattern == pattern


@pytest.mark.parametrize(
    ("clock", "unit"),
    [
        (lambda row: f"{row * 0.02:.2f}", "s"),
        (lambda row: str(1_600_000_000_000 + 20 * row), "ms"),
        (lambda row: str(1_600_000_000_000_000_000 + 20_000_000 * row), "ns"),
        (lambda row: f"2024-05-06 07:08:{row * 0.02:09.6f}", "%Y-%m-%d %H:%M:%S.%f"),
    ],
)
def test_times(clock: Callable[[int], str], unit: str) -> None:
    rows = [[clock(index), *row[1:]] for index, row in enumerate(rows_of())]
    shape = guess_shape(as_text(rows, "time,x,y,z,label", ";"))
    assert (shape.delimiter, shape.header_lines, shape.time, shape.time_unit, shape.label) == (";", 1, 0, unit, 4)
    assert shape.rate_hz == pytest.approx(50)


def test_decimal_commas_and_comments() -> None:
    text = "# made by\n" + as_text([row[1:4] for row in rows_of()], "", ";").replace(".", ",")
    shape = guess_shape(text)
    assert (shape.delimiter, shape.decimal, shape.comment, shape.values) == (";", ",", "#", [0, 1, 2])


def test_rows_without_a_label_are_drafted_as_none(tmp_path: Path) -> None:
    rows = [[*row[:4], row[4] if index % 9 else ""] for index, row in enumerate(rows_of())]
    text = draft_card(write(tmp_path, {"s01/1.csv": as_text(rows), "s02/1.csv": as_text(rows)}), Path("own.toml"))
    assert "#   har dataset check own.toml --data" in text
    card = card_at(tmp_path, text).card
    assert (card.spec.none, card.labels.none) == ("other", ("",))


@pytest.mark.parametrize(("step_ms", "rate"), [(9.74, 100), (9.62, 104), (20.4, 50), (1000 / 37, 37.0)])
def test_a_rate_is_drafted_as_the_usual_one_that_is_meant(tmp_path: Path, step_ms: float, rate: float) -> None:
    rows = [[f"{1_700_000_000_000 + step_ms * index:.2f}", *row[1:]] for index, row in enumerate(rows_of())]
    text = draft_card(write(tmp_path, {"s01/1.csv": as_text(rows), "s02/1.csv": as_text(rows)}))
    assert card_at(tmp_path, text).spec.sampling_rate_hz == pytest.approx(rate, rel=1e-3)


def test_places_and_sensors_are_guessed_from_names(tmp_path: Path) -> None:
    names = [f"{side}_{kind}{axis}" for side in ("left", "right") for kind in ("a", "g") for axis in "xyz"]
    rows = [[row[0], *row[1:4] * 4, row[4]] for row in rows_of()]
    text = draft_card(write(tmp_path, {f"s{s}.csv": as_text(rows, ",".join(["t", *names, "label"])) for s in (1, 2)}))
    assert text.count("; guessed from the names") == 4
    spec = card_at(tmp_path, text).spec
    assert [(one.place, one.sensor, one.unit) for one in spec.channels[::3]] == [
        ("left", "acc", "m/s²"), ("left", "gyro", "rad/s"), ("right", "acc", "m/s²"), ("right", "gyro", "rad/s")
    ]  # fmt: skip


def test_two_sensors_of_a_kind_at_a_place_are_told_apart(tmp_path: Path) -> None:
    rows = [[*row[:4], *row[1:5]] for row in rows_of()]
    header = "t,acc_16g_x,acc_16g_y,acc_16g_z,acc_6g_x,acc_6g_y,acc_6g_z,label"
    spec = card_at(tmp_path, draft_card(write(tmp_path, {"s1.csv": as_text(rows, header)}))).spec
    assert [channel.sensor for channel in spec.channels[::3]] == ["acc", "acc2"]


@pytest.mark.parametrize(
    ("labels", "activities", "none", "is_asked"),
    [
        (("walking", "transition", "sitting", ""), ("sitting", "walking"), ("", "transition"), False),
        (("2", "0", "1"), ("1", "2"), ("0",), True),
        (("0", "1"), ("0", "1"), (), True),
        (("sitting", "other"), ("other", "sitting"), (), False),
    ],
)
def test_labels_that_are_probably_no_activity(
    tmp_path: Path, labels: tuple[str, ...], activities: tuple[str, ...], none: tuple[str, ...], is_asked: bool
) -> None:
    text = draft_card(write(tmp_path, {f"s{s}/1.csv": as_text(rows_of(labels=labels)) for s in (1, 2)}))
    card = card_at(tmp_path, text).card
    assert (card.spec.activities, card.labels.none) == (activities, none)
    assert card.spec.none == ("other" if none else None)
    assert (f"[activities]  {FILL_IN}" in text) == is_asked
