"""Whose files are whose, by their paths."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from card_examples import PLAIN, as_text, card_at, problems_of, read_all, rows_of, some_files, write

from har_core.base.errors import InputError, Problem
from har_core.datasets.cards.patterns import Pattern
from har_core.datasets.source import FileName

BY_PATH = PLAIN.replace('[labels]\ncolumn = "label"\n', "")


def by_path(pattern: str) -> str:
    return BY_PATH.replace("s{subject}/{session}.csv", pattern)


@pytest.mark.parametrize(
    ("pattern", "path", "parts"),
    [
        ("s{subject}/{session}.csv", "s1/a.csv", {"subject": "1", "session": "a"}),
        ("s{subject}/{session}.csv", "deep/down/s1/a.csv", {"subject": "1", "session": "a"}),
        ("s{subject}/{session}.csv", "s1/a/b.csv", None),
        ("s{subject}/s{subject}_{session}.csv", "s1/s1_2.csv", {"subject": "1", "session": "2"}),
        ("s{subject}/s{subject}_{session}.csv", "s1/s2_2.csv", None),
        ("{session}-{activity}-{subject}.txt", "2011-05-06-sit-m1.txt", "2011-05-06 sit m1"),
        ("{activity}/{session}-*-{subject}.txt", "walk/2011-05-06-sit-m1.txt", "2011-05-06 walk m1"),
        ("{session}-{activity}-{subject}.txt", "2011-05-06-stand_up-m1.txt", "2011-05-06 stand_up m1"),
        ("{subject}_*.csv", "ann_run_2.csv", {"subject": "ann"}),
        ("a.b{subject}", "axb1", None),
    ],
)
def test_patterns(pattern: str, path: str, parts: dict[str, str] | str | None) -> None:
    if isinstance(parts, str):
        parts = dict(zip(("session", "activity", "subject"), parts.split(), strict=True))
    found = Pattern.parse(pattern).regex(("sit", "walk", "stand", "stand_up")).fullmatch(path)
    assert (None if found is None else found.groupdict()) == parts


@pytest.mark.parametrize("text", ["", "/a/{subject}", "../{subject}", "{subject", "a\\{subject}"])
def test_what_is_no_pattern(text: str) -> None:
    with pytest.raises(ValueError, match="a path inside"):
        Pattern.parse(text)


def names_of(tmp_path: Path, card: str, *paths: str) -> dict[str, FileName]:
    with card_at(tmp_path, card).open(write(tmp_path, dict.fromkeys(paths, ""))) as source:
        return {file.path: file.name for file in source.files}


def test_numbers_are_those_in_names(tmp_path: Path) -> None:
    names = names_of(tmp_path, PLAIN, "s07/010.csv", "s07/2.csv", "s12/2.csv", "notes.md")
    assert names == {"s07/010.csv": FileName(7, 10), "s07/2.csv": FileName(7, 2), "s12/2.csv": FileName(12, 2)}


def test_sessions_with_other_names_are_numbered_for_each_subject(tmp_path: Path) -> None:
    names = names_of(tmp_path, PLAIN, "s1/run10.csv", "s1/run9.csv", "s2/run10.csv")
    assert [name[:2] for name in names.values()] == [(1, 1), (1, 2), (2, 1)]
    assert names["s1/run10.csv"].session == 2


def test_without_sessions_each_activity_is_one(tmp_path: Path) -> None:
    names = names_of(tmp_path, by_path("{activity}/{subject}.csv"), "walking/1.csv", "sitting/1.csv")
    assert [(name.session, name.label) for name in names.values()] == [(1, "sitting"), (2, "walking")]


def test_activities_that_nobody_asked_for_are_left_out(tmp_path: Path) -> None:
    dataset = card_at(tmp_path, by_path("{activity}/{subject}.csv")).asking_for(["walking"])
    data = write(tmp_path, {"walking/1.csv": "", "sitting/1.csv": "", "other/1.csv": ""})
    with dataset.open(data) as source:
        assert [file.path for file in source.files] == ["other/1.csv", "walking/1.csv"]
        assert dataset.asked_for == ("walking",)


def test_a_table_gives_numbers_to_names(tmp_path: Path) -> None:
    card = f"{PLAIN}\n[subjects]\nann = 7\nbob = 3\n".replace("s{subject}", "{subject}")
    assert [name.subject for name in names_of(tmp_path, card, "bob/1.csv", "ann/1.csv").values()] == [3, 7]


def test_subjects_whose_digits_are_the_same_need_a_table(tmp_path: Path) -> None:
    files = {"m1/1.csv": "", "f1/1.csv": "", "m1/2.csv": ""}
    found = problems_of(tmp_path, files, PLAIN.replace("s{subject}", "{subject}"))
    assert [(problem.path, problem.value) for problem in found] == [("f1/1.csv", "f1"), ("m1/1.csv", "m1")]
    assert [problem.expected.rpartition(" with ")[2] for problem in found] == ["f1 = 1", "m1 = 2"]


def test_a_subject_that_the_table_lacks(tmp_path: Path) -> None:
    card = f"{PLAIN}\n[subjects]\nanna = 7\n".replace("s{subject}", "{subject}")
    expected = "a number for it in [subjects] of the card; did you mean 'anna'?"
    assert problems_of(tmp_path, {"ann/1.csv": ""}, card) == [Problem(path="ann/1.csv", value="ann", expected=expected)]


def test_a_pattern_that_matches_nothing(tmp_path: Path) -> None:
    [problem] = problems_of(tmp_path, {"a.csv": ""})
    assert (problem.value, problem.expected) == ("another file: a.csv", "files that match s{subject}/{session}.csv")


def test_two_files_for_one_session(tmp_path: Path) -> None:
    found = problems_of(tmp_path, {"s1/01.csv": "", "s1/1.csv": "", "s1/2.csv": ""})
    assert [(problem.path, problem.expected) for problem in found] == [
        (path, "one file for subject 1, session 1, segment 1") for path in ("s1/01.csv", "s1/1.csv")
    ]


def test_a_label_in_a_path_that_the_card_does_not_name(tmp_path: Path) -> None:
    card = by_path("{activity}/{subject}.csv")
    found = problems_of(tmp_path, {"walking/1.csv": "", "wlaking/2.csv": ""}, card)
    expected = "a label of the card; did you mean 'walking'?"
    assert found == [Problem(path="wlaking/2.csv", value="wlaking", expected=expected)]


def test_parts_that_disagree(tmp_path: Path) -> None:
    card = PLAIN.replace("s{subject}/{session}", "s{subject}/s{subject}_{session}")
    found = problems_of(tmp_path, {"s1/s1_1.csv": "", "s1/s2_1.csv": ""}, card)
    assert found == [Problem(path="s1/s2_1.csv", value="2", expected="the same subject each time: 1")]


def test_a_zip_is_as_good_as_a_folder(tmp_path: Path) -> None:
    expected = read_all(tmp_path, some_files())
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        for name, text in some_files().items():
            archive.writestr(f"any/folder/{name}", text)
    dataset = card_at(tmp_path, PLAIN)
    with dataset.open(tmp_path / "data.zip") as source:
        found = [dataset.read(source, files).recording for files in source.by_recording().values()]
    assert [recording.key for recording in found] == [recording.key for recording in expected]
    assert all((a.samples == b.samples).all() for a, b in zip(found, expected, strict=True))


def test_only_files_of_the_pattern_are_read(tmp_path: Path) -> None:
    files = {**some_files(), "s01/notes.txt": "\x00", "labels.csv": as_text(rows_of(1))}
    assert len(read_all(tmp_path, files)) == 4
    with pytest.raises(InputError):
        read_all(tmp_path, {"s01/3.csv": "\x00"})
