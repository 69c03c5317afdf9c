"""Every command as a shell starts it, in a home where everything ran: it finds its imports, and ends well."""

from __future__ import annotations

import re
import shutil
import signal
import sqlite3
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from imports import heavy_in, listing
from narrowing import as_type, present
from typer.core import TyperGroup
from typer.main import get_command

from pipelines.cli.main import app

if TYPE_CHECKING:
    from tests.e2e.conftest import Har

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

COMMANDS = {*as_type(TyperGroup, get_command(app)).commands}
ELSEWHERE = {"ui", "search", "init", "personalise"}
"""The first is started cold in ``test_servers``; the second needs an experiment with a search, the third a folder that
is not there, the last recordings of one person: they are below."""
TOLD = {"audit": r"Not looked for: out_of_range: no limit is known \(T_xmag [^\n]*\)\n"}
"""What a command says beside its work."""


@pytest.fixture(scope="module", autouse=True)
def _ran(har: Har) -> None:
    har("run", har.experiment, "--data", har.data)


@pytest.mark.parametrize("command", sorted(COMMANDS - ELSEWHERE))
def test_it_does_its_work_and_says_no_more(har: Har, command: str) -> None:
    of_training = har.data / "a01" / "p1" / "s01.txt"
    arguments: dict[str, list[object]] = {
        "run": [har.experiment],
        "status": [har.experiment],
        "predict": [of_training],
        "audit": [har.data],
        "home": ["check"],
        "dataset": ["check", "dsads", "--data", har.data],
        "export": ["--format", "onnx", "--output", har.home.parent / "model.onnx"],
        "report": ["--compare", har.home, har.home],
    }
    done = har.cold(command, *arguments.get(command, []))
    assert done.returncode == 0, done.stdout
    assert re.fullmatch(TOLD.get(command, ""), done.stderr), done.stderr
    assert done.stdout == har(command, *arguments.get(command, [])).stdout


def test_a_project_is_started(har: Har, tmp_path: Path) -> None:
    done = har.cold("init", tmp_path / "own")
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.name for path in (tmp_path / "own").iterdir()} == {"README.md", "card.toml", "experiment.toml"}


def test_a_model_is_fitted_on_to_one_person_and_nothing_is_stale_for_it(har: Har, tmp_path: Path) -> None:
    for path in har.data.glob("a*/p3/s01.txt"):  # one window an activity: nothing is left that it could know less well
        copy = tmp_path / path.relative_to(har.data)
        copy.parent.mkdir(parents=True)
        shutil.copy(path, copy)
    done = har.cold("personalise", "--data", tmp_path, "--name", "anna")
    assert (done.returncode, done.stderr) == (0, "")
    (address,) = re.findall(r"^Use it:   har predict --model (\S+) FOLDER$", done.stdout, re.MULTILINE)
    assert re.fullmatch(r"models:/har-(lstm|shufflenet)-for-anna/1", address)
    assert har("predict", "--model", address, tmp_path).stdout != har("predict", tmp_path).stdout
    assert "differs" not in har("trace", address).stdout
    assert har("home", "check").returncode == 0
    champion = har("models").stdout
    assert har.run() == []
    assert har.run("--force", "--select", 'key:"champion"') == ["champion"]
    assert har("models").stdout == champion


def test_a_search_goes_on_with_more_trials(har: Har, tmp_path: Path) -> None:
    experiment = tmp_path / "searched.toml"
    experiment.write_text(
        har.experiment.read_text(encoding="utf-8")
        + '\n[search.lstm]\ntrials = 2\nsampler = "random"\nfolds = 2\n'
        + "[search.lstm.space]\nlearning_rate = { low = 1e-3, high = 1e-2, log = true }\n",
        encoding="utf-8",
    )
    searching = replace(har, home=tmp_path / "home")
    first = searching.cold("search", experiment, "--model", "lstm", "--data", har.data, "--trials", "1")
    assert first.returncode == 0, first.stderr
    assert "[models.lstm]" in first.stdout
    again = searching.cold("search", experiment, "--model", "lstm")
    assert (again.returncode, again.stdout.count("[models.lstm]")) == (0, 1), again.stderr
    page = (searching.home / "data" / "search" / "lstm" / "search.html").read_text(encoding="utf-8")
    assert "learning_rate" in page


def test_the_first_run_in_a_home_shows_progress_and_no_log_lines(har: Har, tmp_path: Path) -> None:
    fresh = replace(har, home=tmp_path / "home")
    done = fresh.cold("run", har.experiment, "--data", har.data, "--select", '+key:"windows"')
    assert done.returncode == 0
    assert all(re.match(r"[a-z_/ ]+: ", line) for line in done.stderr.splitlines()), done.stderr


def test_a_home_that_was_moved_works_as_before(har: Har, tmp_path: Path) -> None:
    told = har("predict", har.data).stdout
    moved = replace(har, home=tmp_path / "moved")
    shutil.move(har.home, moved.home)
    assert moved("predict", har.data).stdout == told
    assert all(line.startswith("fresh") for line in moved("status").stdout.splitlines())
    assert moved.run("--force", "--select", 'key:"models/lstm"') == ["models/lstm"]
    assert moved.run() == []
    shutil.move(moved.home, har.home)
    assert har.run() == []
    with sqlite3.connect(har.home / "mlruns" / "mlflow.db") as store:
        (places,) = store.execute("SELECT GROUP_CONCAT(artifact_location) FROM logged_models").fetchone()
    store.close()
    assert str(moved.home) not in places  # for whoever looks through MLflow alone
    assert har("predict", har.data).stdout == told


def test_help_and_mistakes(har: Har) -> None:
    told = har.cold("--help").stdout
    assert {command for command in COMMANDS if command in told} == COMMANDS
    assert "No such command 'fly'" in har.cold("fly").stderr


@pytest.mark.parametrize(("command", "more"), [("run", set()), ("status", set()), ("trace", {"numpy", "pyarrow"})])
def test_heavy_packages_where_nothing_is_due(har: Har, tmp_path: Path, command: str, more: set[str]) -> None:
    modules = tmp_path / "modules.txt"
    done = subprocess.run(
        listing(modules, command), env=har.environment, cwd=har.home.parent, capture_output=True, text=True, check=True
    )
    assert heavy_in(modules) <= {"dagster", "grimp", "sqlalchemy", *more}
    assert command != "run" or "Ran: nothing" in done.stdout


def test_the_supervisor_of_the_pages_holds_nothing_heavy(har: Har, tmp_path: Path) -> None:
    modules = tmp_path / "modules.txt"
    with subprocess.Popen(
        listing(modules, "ui"), env=har.environment, cwd=har.home.parent, stdout=subprocess.PIPE, text=True
    ) as process:
        present(process.stdout).readline()
        process.send_signal(signal.SIGINT)
    assert heavy_in(modules) == set()
