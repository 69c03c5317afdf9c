"""What is settled before any work: the version, the file that may be left out, what due work took last time."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assets.resources.home import Home
from assets.resources.memory import remember
from pipelines.homes import prepare, propose

if TYPE_CHECKING:
    from har_commands import Result


def test_version(har: Callable[..., Result]) -> None:
    result = har("--version")
    assert result.exit_code == 0
    assert re.fullmatch(r"har \d+\.\d+\.\d+\n", result.out)


def test_completion_is_offered(har: Callable[..., Result]) -> None:
    assert "--install-completion" in har("--help").out


@pytest.mark.parametrize("command", ["run", "status"])
def test_without_a_file_and_without_a_home_that_serves_one(
    har: Callable[..., Result], home: Path, command: str
) -> None:
    result = har(command)
    assert result.exit_code == 2
    assert f"Name an experiment file: the home {home} serves none yet" in result.err


def test_the_file_that_the_home_serves_may_be_left_out(
    har: Callable[..., Result], home: Path, experiment: Path
) -> None:
    prepare(Home(home))
    remember(Home(home), propose(Home(home), experiment))
    result = har("status")
    assert result.exit_code == 0, result.err
    assert "missing   models/shufflenet  was never materialised\n" in result.out
    assert result.out.endswith(f"Nothing was made in {home} yet.\n")


def test_what_is_due_says_what_it_took_last_time(har: Callable[..., Result], home: Path, experiment: Path) -> None:
    assert har("run", experiment, "--select", "+windows").exit_code == 0
    (home / "data" / "windows" / "windows.parquet").unlink()
    lines = har("status").out.splitlines()
    [windows] = [line for line in lines if " windows " in line]
    assert re.search(r"windows\.parquet is missing; took \d+:\d\d last time$", windows)
    assert not [line for line in lines if line.startswith("fresh") and "last time" in line]
    assert "Nothing was made" not in lines[-1]
    entries = {entry["asset"]: entry for entry in json.loads(har("status", "--json").out)}
    assert entries["windows"]["seconds"] > 0
    assert entries["splits"] == {
        "asset": "splits",
        "partition": None,
        "state": "missing",
        "causes": ["was never materialised"],
        "seconds": None,
    }


def test_an_option_that_an_architecture_refuses_stops_before_anything_runs(
    har: Callable[..., Result], home: Path, experiment: Path
) -> None:
    experiment.write_text(experiment.read_text() + "\n[models.shufflenet]\nbase_width = 12\n")
    assert har("status", experiment).exit_code == 0
    result = har("run", experiment)
    assert result.exit_code == 2
    assert "models.shufflenet.base_width: found '12', expected a positive multiple of 8" in result.err
    assert not (home / "data").exists()
