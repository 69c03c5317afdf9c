import os
import stat
from pathlib import Path

import pytest
from narrowing import present

from assets.resources.home import Home
from assets.resources.memory import Memory, recall, remember
from har_core.base.errors import InputError, StorageError
from har_core.base.files import write_text
from pipelines.homes import current_home, prepare, propose, served_dataset


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name in ("HAR_HOME", "DAGSTER_HOME", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, "placeholder")  # so that what prepare() sets is undone
    home = Home(tmp_path / "home")
    prepare(home)
    return home


def test_home_is_the_current_directory_unless_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HAR_HOME", raising=False)
    assert current_home().root == tmp_path
    monkeypatch.setenv("HAR_HOME", "elsewhere")
    assert current_home().root == tmp_path / "elsewhere"


def test_prepared_home_has_telemetry_off_and_a_queue_and_keeps_changes(home: Home) -> None:
    settings = home.dagster / "dagster.yaml"
    assert "telemetry:\n  enabled: false" in settings.read_text()
    assert "max_concurrent_runs: 1" in settings.read_text()
    assert os.environ["DAGSTER_HOME"] == str(home.dagster)
    settings.write_text("# mine\n")
    prepare(home)
    assert settings.read_text() == "# mine\n"


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_a_home_is_private_whatever_the_umask(home: Home, umask: int) -> None:
    (home.root / "old").mkdir()
    old = Home(home.root / "old")
    old.dagster.mkdir(mode=0o755)
    new = Home(home.root / "new")
    before = os.umask(umask)
    try:
        for each in (old, new):
            prepare(each)
            write_text(each.data / "raw" / "a.txt", "a")
    finally:
        os.umask(before)
    for path in (old.dagster, new.dagster, new.root, old.data, new.data):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_home_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be used as a home"):
        prepare(Home(tmp_path / "file"))


def test_data_is_remembered(home: Home, tmp_path: Path) -> None:
    experiment, data = tmp_path / "a.toml", tmp_path / "recordings"
    remember(home, propose(home, experiment, data))
    assert recall(home) == Memory(str(experiment), str(data))
    remember(home, propose(home, experiment))
    assert recall(home).data_location == data


def test_a_home_knows_what_its_recordings_are_of(home: Home, tmp_path: Path) -> None:
    assert served_dataset(home) is None
    experiment = tmp_path / "a.toml"
    experiment.write_text('[source]\ndataset = "pilot"\n[windows]\nactivities = ["walking", "sitting"]\n')
    remember(home, propose(home, experiment))
    assert served_dataset(home) is None, "a file without models is wrong"
    with experiment.open("a") as file:
        file.write('[models]\narchitectures = ["lda"]\n')
    served = present(served_dataset(home))
    assert (served.spec.name, served.asked_for) == ("pilot", None)


def test_proposing_writes_nothing(home: Home, tmp_path: Path) -> None:
    assert propose(home, tmp_path / "a.toml", tmp_path) == Memory(str(tmp_path / "a.toml"), str(tmp_path))
    assert recall(home) == Memory()


def test_another_experiment_is_refused_naming_both(home: Home, tmp_path: Path) -> None:
    first, second = tmp_path / "a.toml", tmp_path / "b.toml"
    first.touch()
    remember(home, propose(home, first))
    with pytest.raises(InputError) as caught:
        propose(home, second)
    assert str(first) in str(caught.value)
    assert str(second) in str(caught.value)


def test_looking_does_not_bind_and_keeps_the_data(home: Home, tmp_path: Path) -> None:
    remember(home, propose(home, tmp_path / "a.toml", tmp_path, bind=False))
    assert recall(home) == Memory(None, str(tmp_path))
    remember(home, propose(home, tmp_path / "b.toml"))
    assert recall(home) == Memory(str(tmp_path / "b.toml"), str(tmp_path))
    (tmp_path / "b.toml").touch()
    with pytest.raises(InputError):
        propose(home, tmp_path / "a.toml", bind=False)


def test_the_same_experiment_by_another_path_is_the_same(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.toml").touch()
    remember(home, propose(home, tmp_path / "a.toml"))
    monkeypatch.chdir(tmp_path)
    assert propose(home, Path("a.toml")) == recall(home)


def test_experiment_that_moved_along_is_the_same(home: Home, tmp_path: Path) -> None:
    remember(home, propose(home, tmp_path / "before" / "a.toml"))
    remember(home, propose(home, tmp_path / "after" / "a.toml"))
    assert recall(home).experiment == str(tmp_path / "after" / "a.toml")


def test_unreadable_memory_says_what_to_do(home: Home) -> None:
    home.memory.write_text("{")
    with pytest.raises(InputError, match="har home adopt"):
        recall(home)
