"""A home that lies elsewhere, may only be read, or is looked at from a shell with other settings: as real processes.

One home is made; each test works in a copy.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from places import only_read

if TYPE_CHECKING:
    from tests.e2e.conftest import Har

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

EXPERIMENT = """\
[source]
kind = "files"

[splits]
validation_subjects = [2]
test_subjects = [3]

[models]
architectures = ["logistic_regression"]

[evaluation]
latency_repeats = 3
latency_warmup = 1

[runtime]
device = "cpu"
num_threads = 1
"""
OTHERS = ("--bounding-set", "-dac_override,-dac_read_search,-fowner", "--inh-caps", "-all")
"""For ``setpriv``: root without the right to what is others', so that where root's interpreter lies does not matter."""


@pytest.fixture(scope="module")
def made(har: Har, tmp_path_factory: pytest.TempPathFactory) -> Har:
    """A home, its experiment file and its recordings, all below one folder."""
    folder = tmp_path_factory.mktemp("homes") / "work"
    data = Path(shutil.copytree(har.data, folder / "recordings"))
    experiment = folder / "plain.toml"
    experiment.write_text(EXPERIMENT)
    made = replace(har, home=folder / "home", experiment=experiment, data=data)
    assert "models/logistic_regression" in made.run("--data", data)
    return made


@pytest.fixture
def own(made: Har, tmp_path: Path) -> Har:
    """A copy of all of it, which remembers where the copies are."""
    folder = Path(shutil.copytree(made.home.parent, tmp_path / "work"))
    own = replace(made, home=folder / "home", experiment=folder / "plain.toml", data=folder / "recordings")
    own("home", "adopt", own.experiment)
    assert own("status", "--data", own.data).stderr == ""
    return own


def works(own: Har) -> None:
    """Everything is fresh, answers, and is verified; then the champion is chosen anew."""
    states = {entry["state"] for entry in json.loads(own("status", "--json").stdout)}
    assert states == {"fresh"}
    assert "0.000" in own("predict", own.data / "a01" / "p1" / "s01.txt").stdout
    assert "differs" not in own("trace").stdout
    assert "Ran: champion" in own("run", "--force", "--select", "champion").stdout


def content(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_folder_of_all_is_moved_and_the_file_renamed(own: Har, made: Har, tmp_path: Path) -> None:
    before = content(made.home)
    moved = own.home.parent.rename(tmp_path / "moved")
    (moved / "plain.toml").rename(moved / "renamed.toml")
    there = replace(own, home=moved / "home", experiment=moved / "renamed.toml", data=moved / "recordings")
    assert there.run() == ["comparison_report"]  # which names the file
    works(there)
    remembered = json.loads((moved / "home" / ".dagster" / "har.json").read_text())
    assert remembered["experiment"] == str(moved / "renamed.toml")
    assert remembered["data"] == str(moved / "recordings")
    assert content(made.home) == before


@pytest.mark.parametrize("name", ["p%20x", "results?v2", "100% mine; wärme"])
def test_any_name(own: Har, name: str, tmp_path: Path) -> None:
    (own.home.parent / "results").write_text("mine")
    works(replace(own, home=own.home.rename(own.home.parent / name)))
    assert {path.name for path in own.home.parent.iterdir()} == {name, "results", "plain.toml", "recordings"}
    assert (own.home.parent / "results").read_text() == "mine"


@pytest.fixture
def mounted(own: Har) -> Iterator[Har]:
    """On a file system that can only be read."""
    with only_read(own.home):
        yield own


READING = [["status"], ["predict", "recordings/a01/p1/s01.txt"], ["models"], ["trace"], ["home", "show"]]


@pytest.mark.parametrize("arguments", [*READING, ["home", "check"]], ids=" ".join)
def test_reading_on_a_file_system_that_can_only_be_read(mounted: Har, made: Har, arguments: list[str]) -> None:
    if arguments[0] == "predict":
        arguments = ["predict", str(mounted.data / "a01" / "p1" / "s01.txt")]
    assert mounted(*arguments).stderr == ""


@pytest.mark.parametrize("command", ["run", "ui"])
def test_work_on_a_file_system_that_can_only_be_read(mounted: Har, command: str) -> None:
    told = mounted(command, expect=1).stderr
    assert told.startswith(f"Error: {mounted.home}: can only be read")
    assert told.count("\n") == 1


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become another user")
@pytest.mark.parametrize("command", ["status", "models", "trace", "home check", "run"])
def test_another_user_who_may_only_read(own: Har, command: str) -> None:
    for path in (own.home, *own.home.rglob("*")):
        os.chown(path, 65534, 65534)
        path.chmod(0o755 if path.is_dir() else 0o644)
    before = content(own.home)
    done = subprocess.run(
        ["setpriv", *OTHERS, sys.executable, "-m", "pipelines", *command.split()],
        env={**own.environment, "PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=own.home.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if command == "run":
        assert done.returncode == 1
        assert "can only be read" in done.stderr
    else:
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert content(own.home) == before


def test_settings_of_the_shell_lead_to_no_other_store(own: Har, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as dead:  # takes connections, and never answers
        address = f"http://127.0.0.1:{dead.getsockname()[1]}"
        names = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "HTTP_PROXY", "http_proxy")
        others = {
            **dict.fromkeys(names, address),
            "MLFLOW_EXPERIMENT_NAME": "other",
            "MLFLOW_RUN_ID": "0" * 32,
            "MLFLOW_TRACKING_TOKEN": "secret",
            "DAGSTER_HOME": str(tmp_path),
        }
        for arguments in (["predict", own.data / "a01" / "p1" / "s01.txt"], ["run", "--force", "--select", "champion"]):
            done = subprocess.run(
                [Path(sys.executable).parent / "har", *arguments],
                env={**own.environment, **others},
                cwd=own.home.parent,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
        dead.settimeout(0)
        with pytest.raises(BlockingIOError):
            dead.accept()
    assert list(tmp_path.iterdir()) == [own.home.parent]


def test_recordings_that_were_unplugged(own: Har) -> None:
    own.data.rename(own.data.with_name("elsewhere"))
    told = own("status")
    assert all(line.startswith("fresh") for line in told.stdout.splitlines())
    assert f"this home remembers its recordings at {own.data}, where there are none now" in told.stderr
    assert "--data NEW" in told.stderr
    again = own("run", "--force", "--select", "models/logistic_regression")
    assert "Ran: models/logistic_regression\n" in again.stdout
    own.data.mkdir()  # as where a disk was mounted
    assert "where there are none now" in own("status").stderr
    assert own("status", "--data", own.data.with_name("elsewhere")).stderr == ""
    assert own("status").stderr == ""


NOTICES = """
import atexit, json, os, sys
def look(event, arguments):
    if event == "socket.connect":
        address = arguments[1]
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            with open(os.environ["CONNECTIONS"], "a") as file: file.write(f"{address}\\n")
    if event == "socket.getaddrinfo" and arguments[0] not in ("127.0.0.1", "::1", "localhost", None):
        with open(os.environ["CONNECTIONS"], "a") as file: file.write(f"{arguments[0]}\\n")
sys.addaudithook(look)
"""


@pytest.mark.parametrize("command", ["har run --force", "dg check defs"])
def test_nobody_is_told(own: Har, tmp_path: Path, command: str) -> None:
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks" / "sitecustomize.py").write_text(NOTICES)
    repository = Path(__file__).parents[2]
    done = subprocess.run(
        [Path(sys.executable).parent / shlex.split(command)[0], *shlex.split(command)[1:]],
        env={
            **own.environment,
            "PYTHONPATH": os.pathsep.join([str(tmp_path / "hooks"), str(repository)]),
            "DAGSTER_HOME": str(own.home / ".dagster"),
            "HOME": str(tmp_path / "user"),
            "CONNECTIONS": str(tmp_path / "connections"),
        },
        cwd=repository if command.startswith("dg") else own.home.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "elemetry" not in done.stdout + done.stderr
    assert not (tmp_path / "connections").exists()
    assert {path.name for path in (tmp_path / "user").glob("*")} <= {".cache", ".config"}  # matplotlib's
