"""What a card says, and every way in which it can be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from card_examples import HEAD, PLAIN, card_at

from har_core.base.errors import InputError
from har_core.datasets.cards.dataset import CardDataset
from har_core.datasets.catalogue import find_dataset, list_datasets
from har_core.spec.dataset import Channel

STREAMS = f"""join = "time"
{HEAD}
[files]
pattern = "s{{subject}}_{{session}}_{{stream}}.csv"
header_lines = 1
time = "t"
[labels]
column = "label"
[[streams]]
name = "a"
channels = [{{ columns = ["x", "y", "z"], place = "wrist", sensor = "acc" }}]
[[streams]]
name = "b"
channels = [{{ columns = ["x", "y", "z"], place = "thigh", sensor = "acc" }}]
"""


def test_channels_get_their_names_from_place_sensor_and_axis(tmp_path: Path) -> None:
    spec = card_at(tmp_path, PLAIN).spec
    assert spec.channels[1] == Channel(name="wrist_acc_y", place="wrist", sensor="acc", axis="y")
    assert (spec.activities, spec.none, spec.num_channels) == (("sitting", "walking"), "other", 3)


def test_labels_may_share_an_activity(tmp_path: Path) -> None:
    table = '[activities]\n1 = "still"\n2 = "walking"\n3 = "still"\n'
    card = PLAIN.replace('activities = ["sitting", "walking"]\n', "") + table
    dataset = card_at(tmp_path, card)
    assert dataset.spec.activities == ("still", "walking")
    assert dataset.card.numbers == {"other": 0, "1": 1, "2": 2, "3": 1}


def test_none_may_be_a_class(tmp_path: Path) -> None:
    card = PLAIN.replace('none = "other"', 'none = "sitting"') + "[unused]\n".replace("[unused]\n", "")
    assert card_at(tmp_path, card).card.none_number == 1


def test_the_version_is_of_what_the_card_says(tmp_path: Path) -> None:
    version = card_at(tmp_path, PLAIN).version
    assert card_at(tmp_path, f"# a comment\n{PLAIN}").version == version
    assert card_at(tmp_path, f'licence = "CC0"\n{PLAIN}').version == version, "nothing is computed from it"
    assert card_at(tmp_path, PLAIN.replace('"ms"', '"s"')).version != version


@pytest.mark.parametrize("name", [name for name in list_datasets() if name not in {"dsads", "pilot"}])
def test_shipped_cards_are_right(name: str) -> None:
    dataset = find_dataset(name, relative_to=Path())
    assert isinstance(dataset, CardDataset)
    assert dataset.spec.name == name
    assert dataset.spec.citation
    assert dataset.spec.licence


@pytest.mark.parametrize(
    ("card", "line", "expected"),
    [
        (PLAIN.replace("title", "titel"), 2, "a key of a card; did you mean 'title'?"),
        (PLAIN.replace("title", "titel"), None, "the key 'title'"),
        (PLAIN.replace("header_lines", "header"), 9, "a key of [files]"),
        (PLAIN.replace("{session}", "{sesion}"), 8, "{sesion} is none; did you mean 'session'?"),
        (PLAIN.replace("s{subject}/", "*/"), 8, "a pattern with {subject}"),
        (PLAIN.replace("{session}", "{stream}"), 8, "no {stream}"),
        (PLAIN.replace("{session}", "{activity}"), 13, "one of {activity} in the pattern, column in [labels]"),
        (PLAIN.replace('[labels]\ncolumn = "label"\n', ""), None, "one of {activity} in the pattern"),
        (PLAIN.replace("header_lines = 1\n", ""), 16, "numbers of columns, because nothing names them"),
        (PLAIN.replace("header_lines = 1\n", ""), 9, "numbers of columns"),
        (PLAIN.replace('"ms"', '"minutes"'), 11, "s, ms, us, ns, or a format"),
        (PLAIN.replace('"z"]', '"z", 0]'), 17, "the name of a column, or its number from 1"),
        (PLAIN.replace('"y", "z"]', '"y"]'), 16, "names or axes of the channels"),
        (PLAIN + 'axes = ["x"]\n', 16, "as many axes as columns: 3"),
        (PLAIN.replace("= 50", "= 0"), 3, "greater than or equal to 0.01"),
        (PLAIN.replace('["sitting", "walking"]', '["sitting", "sitting"]'), 5, "each name once"),
        (PLAIN.replace('["sitting", "walking"]', "[]"), 5, "names"),
        (
            PLAIN + '[[channels]]\ncolumns = ["x"]\nnames = ["wrist_acc_x"]\nplace = "a"\nsensor = "b"\n',
            20,
            "each once",
        ),
        (PLAIN + "[subjects]\nann = 1\nbob = 1\n", 21, "each number once"),
        (PLAIN + "[subjects]\nann = 0\n", 21, "a whole number from 1 to 32767"),
        (PLAIN.replace('column = "label"', 'column = "label"\nnone = ["walking"]'), 15, "stands for no activity"),
        (PLAIN.replace('column = "label"', 'column = "label"\nstream = "a"'), 15, "the name of a stream"),
        (PLAIN + '[places]\nankle = "x"\n', 20, "no channel is at ankle"),
        (PLAIN.replace('time_unit = "ms"', 'encoding = "utf-9"'), 11, "the name of an encoding"),
        (PLAIN.replace('time_unit = "ms"', 'delimiter = "ab"'), 7, "delimiter of one ASCII character"),
        (PLAIN.replace('time_unit = "ms"', 'decimal = ","'), 7, "another delimiter than the decimal sign"),
        (STREAMS.replace('name = "b"', 'name = "a"'), 18, "another name in each of [[streams]]"),
        (STREAMS.replace("_{stream}", ""), 17, "another pattern in each of [[streams]]"),
        (STREAMS.replace('time = "t"\n', ""), 13, "because streams are joined by time"),
        (STREAMS.replace('"time"', '"place"', 1), 1, "'row' or 'time'"),
        (STREAMS + '[[channels]]\ncolumns = ["x"]\nplace = "a"\nsensor = "b"\n', 20, "within [[streams]] only"),
        (
            STREAMS.replace('name = "b"', 'name = "b"\npattern = "s{subject}_b.csv"'),
            19,
            "the parts of the first stream",
        ),
    ],
)
def test_what_is_wrong_is_refused_with_its_line(tmp_path: Path, card: str, line: int | None, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        card_at(tmp_path, card)
    found = [(problem.line, problem.expected) for problem in caught.value.problems]
    assert any(own == line and expected in text for own, text in found), found


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    card = PLAIN.replace("title", "titel").replace('"ms"', '"x"').replace("= 50", '= "50"') + "colour = 1\n"
    with pytest.raises(InputError) as caught:
        card_at(tmp_path, card)
    assert {problem.line for problem in caught.value.problems} == {None, 2, 3, 11, 20}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("subject = 1\n", ""), "the subject of each stretch"),
        (("{session}", "1"), "{session} in the pattern of recordings too"),
        (("last = 5", 'last = "end"'), "numbers of columns"),
        (("last = 5", 'last = 5\nunit = "%H:%M"'), "no date and time"),
        (("last = 5", 'last = 5\nunit = "h"'), "rows, s, ms, us, ns, or a format"),
        (('"labels.txt"', '"{activity}.txt"'), "no parts but {subject} and {session}"),
    ],
)
def test_tables_of_labels_that_contradict_the_files(tmp_path: Path, change: tuple[str, str], expected: str) -> None:
    card = f"""{HEAD}
[files]
pattern = "s{{subject}}_{{session}}.txt"
[labels.intervals]
pattern = "labels.txt"
subject = 1
session = 2
label = 3
first = 4
last = 5
[[channels]]
columns = [1, 2, 3]
place = "wrist"
sensor = "acc"
"""
    card_at(tmp_path, card)
    with pytest.raises(InputError, match="problem") as caught:
        card_at(tmp_path, card.replace(*change))
    assert any(expected in problem.expected for problem in caught.value.problems), caught.value
