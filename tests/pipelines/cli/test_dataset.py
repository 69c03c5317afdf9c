"""``har dataset`` and ``har init``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from card_examples import PLAIN, card_at, some_files, write

if TYPE_CHECKING:
    from har_commands import Result


def test_list_and_show(har: Callable[..., Result]) -> None:
    listed = har("dataset", "list")
    assert (listed.exit_code, listed.err) == (0, "")
    assert [line.split()[0] for line in listed.out.splitlines()][:3] == ["name", "dsads", "pamap2"]
    assert json.loads(har("dataset", "list", "--json").out)[0]["name"] == "dsads"
    assert "Activities: 18" in har("dataset", "show", "pamap2").out
    assert json.loads(har("dataset", "show", "pamap2", "--json").out)["sampling_rate_hz"] == 100


def test_an_unknown_set(har: Callable[..., Result]) -> None:
    result = har("dataset", "show", "pamap3")
    assert result.exit_code == 2
    assert "did you mean 'pamap2'?" in result.err


def test_check(har: Callable[..., Result], tmp_path: Path) -> None:
    card, data = card_at(tmp_path, PLAIN).path, write(tmp_path, some_files())
    result = har("dataset", "check", card, "--data", data)
    assert (result.exit_code, result.err) == (0, "")
    assert "Rate (Hz):   50 claimed, measured 50 to 50" in result.out
    (data / "s01" / "1.csv").write_text("t,x,y,z\n")
    result = har("dataset", "check", card, "--data", data, "--format", "json")
    assert result.exit_code == 2
    assert "no rows" in result.err
    assert json.loads(result.out)["problems"][0]["value"] == "no rows"


def test_check_says_that_nothing_is_there(har: Callable[..., Result], tmp_path: Path) -> None:
    card = card_at(tmp_path, PLAIN).path
    err = har("dataset", "check", card, "--data", "no/study").err
    assert f"no/study: found 'no such file or folder in {Path.cwd()}', expected a directory or zip of" in err
    err = har("dataset", "check", card, "--data", tmp_path / "study").err
    assert "study: found 'no such file or folder', expected a directory or zip of" in err


def test_check_tells_a_problem_of_many_files_once(har: Callable[..., Result], tmp_path: Path) -> None:
    files = {name: text.replace("sitting", "") for name, text in some_files().items()}
    check = ("dataset", "check", card_at(tmp_path, PLAIN).path, "--data", write(tmp_path, files))
    result = har(*check)
    assert "4 problems" in result.err
    assert 'expected a label of the card, or none = [""] in [labels]; and so in 3 other files' in result.err
    assert result.out.splitlines()[-1] == "Recordings:  0, 0 rows, 0.0 minutes"
    assert len(json.loads(har(*check, "--format", "json").out)["problems"]) == 4


def test_draft(har: Callable[..., Result], tmp_path: Path) -> None:
    data, card = write(tmp_path, some_files()), tmp_path / "own.toml"
    assert 'pattern = "s{subject}/{session}.csv"' in har("dataset", "draft", data).out
    assert har("dataset", "draft", data, "-o", card).exit_code == 0
    assert har("dataset", "check", card, "--data", data).exit_code == 0
    assert har("dataset", "draft", data, "--output", card).exit_code == 2


def test_init(har: Callable[..., Result], tmp_path: Path) -> None:
    result = har("init", tmp_path / "new", "--data", write(tmp_path, some_files()))
    assert result.exit_code == 0
    assert [Path(line).name for line in result.out.splitlines()] == ["experiment.toml", "card.toml", "README.md"]
    assert har("init", tmp_path / "new").exit_code == 2
