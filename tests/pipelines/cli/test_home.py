"""``har home``: shows, adopts and checks; and every name and kind of place that ``HAR_HOME`` may give."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assets.resources.home import Home
from assets.resources.memory import recall, remember
from pipelines.homes import DAGSTER_YAML, memory_of
from pipelines.session import open_instance

if TYPE_CHECKING:
    from har_commands import Result


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with Dagster's stores, in which nothing was made yet."""
    home = Home(tmp_path_factory.mktemp("empty") / "home")
    home.dagster.mkdir(parents=True)
    (home.dagster / "dagster.yaml").write_text(DAGSTER_YAML)
    with open_instance(home):
        pass
    return home.root


@pytest.fixture
def served(empty: Path, home: Path, experiment: Path) -> Home:
    """A copy of it that serves ``experiment``."""
    shutil.copytree(empty, home)
    remember(Home(home), memory_of(experiment, None))
    return Home(home)


def test_show(har: Callable[..., Result], served: Home, experiment: Path, tmp_path: Path) -> None:
    assert har("home", "adopt").exit_code == 0
    result = har("home", "show")
    assert result.exit_code == 0, result.err
    assert f"Home:       {served.root}\n" in result.out
    assert f"Serves:     {experiment}\n" in result.out
    told = json.loads(har("home", "show", "--json").out)
    assert (told["home"], told["experiment"], told["at_work"]) == (str(served.root), str(experiment), None)
    experiment.unlink()
    assert f"{experiment} (not there any more)" in har("home", "show").out


def test_renamed_file_is_served_and_an_edited_other_one_is_adopted(
    har: Callable[..., Result], served: Home, experiment: Path, tmp_path: Path
) -> None:
    renamed = experiment.rename(tmp_path / "renamed.toml")
    for arguments in (["status"], ["status", renamed]):
        assert har(*arguments).exit_code == 0
    assert recall(served).experiment == str(renamed)
    other = tmp_path / "other.toml"
    other.write_text(renamed.read_text().replace("epochs = 1", "epochs = 2"))
    result = har("status", other)
    assert result.exit_code == 2
    assert f"har home adopt {other}" in result.err
    assert har("home", "adopt", other).exit_code == 0
    assert har("status", other).exit_code == 0
    assert har("status", renamed).exit_code == 2


def test_lost_file_is_named_with_the_way_out(har: Callable[..., Result], served: Home, experiment: Path) -> None:
    experiment.unlink()
    for command in ("status", "run", "ui"):
        result = har(command)
        assert result.exit_code == 2
        assert str(experiment) in result.err
        assert "har home adopt" in result.err


def test_whatever_is_adopted_must_be_an_experiment_file(
    har: Callable[..., Result], served: Home, tmp_path: Path
) -> None:
    before = recall(served)
    (tmp_path / "broken.toml").write_text("[models\n")
    assert har("home", "adopt", tmp_path / "broken.toml").exit_code == 2
    assert recall(served) == before


def test_damaged_memory_is_mended_by_adopting(har: Callable[..., Result], served: Home, experiment: Path) -> None:
    served.memory.write_text("[]")
    result = har("status")
    assert result.exit_code == 2
    assert "tell it again: har home adopt EXPERIMENT.toml" in result.err
    assert har("home", "adopt", experiment).exit_code == 0
    assert har("home", "check").exit_code == 0


def test_check_of_a_sound_home_and_of_none(har: Callable[..., Result], served: Home, tmp_path: Path) -> None:
    result = har("home", "check")
    assert result.exit_code == 0, result.out
    assert {line[:2] for line in result.out.splitlines()} == {"ok"}
    os.environ["HAR_HOME"] = str(tmp_path / "nothing")
    assert "is no home yet" in har("home", "check").err
    assert not (tmp_path / "nothing").exists()


DAMAGES: dict[str, Callable[[Home], object]] = {
    "runs.db: is damaged": lambda home: (home.dagster / "history" / "runs.db").write_bytes(b"no database"),
    "index.db: was written by another Dagster": lambda home: of_another_version(
        home.dagster / "history" / "runs" / "index.db"
    ),
    "har.json: is no JSON": lambda home: home.memory.write_text("{"),
    "dagster.yaml: cannot be read as settings of Dagster": lambda home: (home.dagster / "dagster.yaml").write_text("{"),
    "har.holder.json: process 1 (har run) since then ended": lambda home: home.holder.write_text(
        json.dumps({"pid": 1, "command": "har run", "since": "then", "process": f"{os.uname().nodename}:999999999:1"})
    ),
    "was left by a process that was killed": lambda home: (home.dagster / ".har.json.abcdefgh.part").touch(),
    "others may write in it": lambda home: home.root.chmod(0o777),
    "the experiment file is not there any more": lambda home: Path(str(recall(home).experiment)).unlink(),
    "the recordings are not there": lambda home: remember(
        home, memory_of(Path(str(recall(home).experiment)), "/nowhere/recordings")
    ),
}


def of_another_version(path: Path) -> None:
    with sqlite3.connect(path) as store:
        store.execute("UPDATE alembic_version SET version_num = 'fffffffffff1'")
    store.close()


@pytest.mark.parametrize("told", DAMAGES)
def test_check_says_what_is_wrong(har: Callable[..., Result], served: Home, told: str) -> None:
    DAMAGES[told](served)
    result = har("home", "check")
    assert result.exit_code == 1
    assert told in result.out
    assert told in " ".join(f"{it['path']}: {it['problem']}" for it in json.loads(har("home", "check", "--json").out))


@pytest.mark.parametrize("told", [told for told in DAMAGES if "db:" in told or "yaml:" in told])
def test_damage_is_one_sentence_in_every_command(har: Callable[..., Result], served: Home, told: str) -> None:
    DAMAGES[told](served)
    for command in ("run", "ui", *(["status"] if "another" not in told else [])):  # which only reads
        result = har(command)
        assert result.exit_code in {1, 2}
        assert told in result.err
        assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "HAR_HOME is empty"),
        ("~nobody-of-this-name/x", "there is no such user"),
        ("/dev/null", "/dev/null is no folder"),
        ("file/below", "is no folder"),
        ("line\nbreak", "control character"),
        ("\udcff", "not in UTF-8"),
        ("d" * 200 + "/" + "e" * 200, "bytes, and may have"),
        ("n" * 300, "File name too long"),
    ],
)
def test_nonsense_is_refused_at_once(
    har: Callable[..., Result], home: Path, experiment: Path, name: str, told: str
) -> None:
    (home.parent / "file").touch()
    os.environ["HAR_HOME"] = name
    before = sorted(home.parent.rglob("*"))
    for arguments in (["status", experiment], ["models"], ["home", "show"]):
        result = har(*arguments)
        assert result.exit_code == 2
        assert told in result.err
        assert result.err.count("\n") == 1
    assert sorted(home.parent.rglob("*")) == before


@pytest.mark.parametrize("name", ["p%20x", "what?v2", "100% mine; #1 & wärme's", "new [x]*"])
def test_every_other_name_works(har: Callable[..., Result], home: Path, experiment: Path, name: str) -> None:
    os.environ["HAR_HOME"] = str(home.parent / name)
    (home.parent / "what").touch()
    assert har("status", experiment).exit_code == 0
    assert (home.parent / name / ".dagster" / "history" / "runs.db").stat().st_size > 0
    assert {path.name for path in home.parent.iterdir()} == {name, "what", experiment.name}
    assert (home.parent / "what").read_bytes() == b""


@pytest.mark.parametrize("content", ["Größe=1\n".encode("latin-1"), "A=1\n".encode("utf-16"), None])
def test_settings_that_cannot_be_read(
    har: Callable[..., Result], home: Path, experiment: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    settings = home.parent / ".env"
    settings.mkdir() if content is None else settings.write_bytes(content)
    assert har("status", experiment).exit_code == 0
    monkeypatch.delenv("HAR_HOME")
    result = har("status", experiment)
    assert result.exit_code == (0 if content is None else 2)
    if content is not None:
        assert result.err == (
            f"Error: {settings}: cannot be read as settings in UTF-8; mend it, or name the home in HAR_HOME\n"
        )


def test_problems_are_not_dropped_where_no_home_is(
    har: Callable[..., Result], home: Path, experiment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HAR_HOME")
    assert har("run", "nofile.toml").exit_code == 2
    assert {path.name for path in home.parent.iterdir()} == {experiment.name}


@pytest.mark.parametrize("command", ["run", "status"])
def test_data_of_no_name_is_refused(har: Callable[..., Result], experiment: Path, command: str) -> None:
    result = har(command, experiment, "--data", "")
    assert result.exit_code == 2
    assert "--data" in result.err
