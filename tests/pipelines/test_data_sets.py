"""Surveys of recordings, and the beginning of a project."""

from __future__ import annotations

from pathlib import Path

import pytest
from card_examples import PLAIN, as_text, card_at, rows_of, some_files, write

from har_core.base.errors import InputError, Problem
from har_core.datasets.cards.loader import read_card
from har_core.experiment.loader import load_experiment
from pipelines.data_sets import as_json, as_lines, as_table, describe, folded, survey, titles
from pipelines.own_data import draft, start_project


def test_a_survey_counts_what_is_there(tmp_path: Path) -> None:
    dataset = card_at(tmp_path, PLAIN + "limit = 0.5\n")
    rows = rows_of()
    rows[60:] = [[str(int(row[0]) + 1000), *row[1:]] for row in rows[60:]]
    files = {**some_files(), "s03/1.csv": as_text(rows_of(labels=("sitting", "other"))), "s03/2.csv": as_text(rows)}
    found, problems = survey(dataset, write(tmp_path, {**files, "notes.txt": ""}))
    assert problems == []
    assert (found.num_files, found.num_unmatched, found.unmatched) == (6, 1, ["notes.txt"])
    assert (found.num_recordings, found.num_rows) == (6, 720)
    assert found.minutes == pytest.approx(720 / 50 / 60)
    assert found.rows[3] == {"sitting": 120, "other": 60, "walking": 60}
    assert found.measured_hz == pytest.approx((50, 50))
    assert found.num_gaps == 1
    assert found.longest_gap_s == pytest.approx(1.02)
    assert found.channels["wrist_acc_x"].num_beyond_limit > 0
    assert any("wrist_acc_x is beyond its limit in" in note for note in found.warnings)
    lines = "\n".join(as_lines(found, dataset.spec))
    assert "6 match, 1 do not: notes.txt" in lines
    assert as_json(found, problems)["channels"]["wrist_acc_x"]["num_missing"] == 0


def test_a_survey_names_problems_and_counts_the_rest(tmp_path: Path) -> None:
    files = some_files()
    files["s01/1.csv"] = files["s01/1.csv"].replace("sitting", "siting")
    found, [problem] = survey(card_at(tmp_path, PLAIN), write(tmp_path, files))
    assert (found.num_recordings, problem.value) == (3, "siting")


def test_who_does_one_thing_alone_is_a_warning(tmp_path: Path) -> None:
    files = {**some_files(), "s03/1.csv": as_text(rows_of(labels=("sitting",)))}
    files["s04/1.csv"] = as_text(rows_of(labels=("other",)))
    found, problems = survey(card_at(tmp_path, PLAIN), write(tmp_path, files))
    [one, none] = found.warnings
    assert problems == []
    assert one.startswith("subject 3 does nothing but sitting: good to train with")
    assert none == "subject 4 does none of the activities: nothing is learned from these recordings"


def test_one_subject_with_one_session_is_told_what_is_left(tmp_path: Path) -> None:
    found, problems = survey(card_at(tmp_path, PLAIN), write(tmp_path, {"s01/1.csv": some_files()["s01/1.csv"]}))
    assert problems == []
    [subject, session] = found.warnings
    assert subject.startswith("one subject: no split by subject")
    assert "protocol leaky" in subject
    assert session.startswith("one session: ")


def test_lines_fit_a_terminal(tmp_path: Path) -> None:
    files = {f"s{number:02}/1.csv": as_text(rows_of(labels=("sitting",))) for number in range(1, 21)}
    dataset = card_at(tmp_path, PLAIN)
    found, _ = survey(dataset, write(tmp_path, files))
    lines = list(as_lines(found, dataset.spec, 60))
    assert max(len(line) for line in lines if not line.startswith("Place:")) <= 60
    assert sum(line.startswith("minutes ") for line in lines) == 4
    assert "    s20" in "\n".join(lines)
    assert max(map(len, as_table(titles(), 60))) <= 80
    assert max(map(len, describe("pamap2", 60))) <= 60


def test_all_named_sets_are_described() -> None:
    assert {"dsads", "pamap2", "phone_and_watch"} <= titles().keys()
    lines = list(describe("phone_and_watch"))
    assert "    thigh: 3 acc (m/s²), 3 gyro (rad/s)" in lines


def test_a_draft_replaces_nothing(tmp_path: Path) -> None:
    data, card = write(tmp_path, some_files()), tmp_path / "own.toml"
    assert draft(data, card) == card.read_text()
    with pytest.raises(InputError, match="nothing is replaced"):
        draft(data, card)


@pytest.mark.parametrize("has_data", [True, False])
def test_a_project_begins_with_three_files(tmp_path: Path, has_data: bool) -> None:
    data = write(tmp_path, some_files()) if has_data else None
    made = start_project(tmp_path / "new", data)
    assert [path.name for path in made] == ["experiment.toml", "card.toml", "README.md"]
    assert read_card(tmp_path / "new" / "card.toml").spec.num_channels == 3
    with pytest.raises(InputError, match="nothing is replaced"):
        start_project(tmp_path / "new", data)


@pytest.mark.parametrize(
    ("number", "validation", "test", "folds"),
    [
        (1, (), (1,), ("leaky", 5, 0)),
        (2, (), (2,), ("group", 2, 0)),
        (3, (2,), (3,), ("group", 3, 1)),
        (4, (3,), (4,), ("group", 4, 1)),
        (5, (4,), (5,), ("group", 5, 1)),
        (12, (9, 10), (11, 12), ("group", 5, 1)),
    ],
)
def test_a_project_names_subjects_that_are_there(
    tmp_path: Path, number: int, validation: tuple[int, ...], test: tuple[int, ...], folds: tuple[str, int, int]
) -> None:
    text = as_text(rows_of())
    data = write(tmp_path, {f"p{subject}.csv": text for subject in range(1, number + 1)})
    path, _, _ = start_project(tmp_path / "new", data)
    experiment = load_experiment(path)
    assert (experiment.splits.validation_subjects, experiment.splits.test_subjects) == (validation, test)
    own = experiment.evaluation
    assert (*own.protocols, own.num_groups, own.validation_subjects) == folds
    assert ("FILL IN" in path.read_text()) == (number == 1)


def test_commands_of_a_project_work_in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write(tmp_path / "my study", some_files())
    monkeypatch.chdir(data.parent)
    _, card, readme = start_project(Path("new"), Path("data"))
    assert f"`har dataset check card.toml --data '{data}'`" in readme.read_text()
    assert f"#   har dataset check card.toml --data '{data}'\n" in card.read_text()


def test_a_problem_of_many_files_is_told_once() -> None:
    same = [Problem(path=f"{name}.csv", line=line, value="", expected="a label") for name in "abc" for line in (2, 5)]
    other = Problem(path="b.csv", value="no rows", expected="rows")
    first = Problem(path="a.csv", line=2, value="", expected="a label; and so in 2 other files")
    assert folded([*same, other]) == [first, same[1], other]
    assert folded([same[0], other]) == [same[0], other]
