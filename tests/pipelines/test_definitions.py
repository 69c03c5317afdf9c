import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from assets.resources.home import Home
from assets.resources.memory import remember
from har_core.experiment.loader import load_experiment
from pipelines.definitions import build_definitions, defs
from pipelines.homes import DEFAULT_EXPERIMENT, definitions_file, prepare, propose

ROOT = Path(__file__).parents[2]
EVERYTHING = """
[source]
kind = "synthetic"
[models]
architectures = ["cnn", "lstm"]
[ensembles.both]
members = ["cnn", "lstm"]
[compressed]
cnn = ["int8"]
[transferred]
models = ["cnn"]
[evaluation]
protocols = ["loso"]
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name in ("HAR_HOME", "DAGSTER_HOME", "HAR_EXPERIMENT"):
        monkeypatch.setenv(name, "")  # so that what prepare() sets is undone
    home = Home(tmp_path / "home")
    monkeypatch.setenv("HAR_HOME", str(home.root))
    return home


def test_graph_of_the_demo(home: Home) -> None:
    repository = build_definitions(load_experiment(DEFAULT_EXPERIMENT), home).get_repository_def()
    keys = {key.to_user_string() for key in repository.asset_graph.get_all_asset_keys()}
    assert {"source_files", "raw_recordings", "windows", "splits", "comparison_report", "champion"} < keys
    assert {f"models/{name}" for name in ("cnn", "resnet", "lstm", "shufflenet")} < keys
    assert repository.get_job("refresh").executor_def is dg.in_process_executor


def test_every_check_says_what_must_hold(home: Home) -> None:
    """With folds, ensembles, models made from others and transferred ones."""
    path = home.root.parent / "everything.toml"
    path.write_text(EVERYTHING, encoding="utf-8")
    graph = build_definitions(load_experiment(path), home).get_repository_def().asset_graph
    specs = [graph.get_check_spec(key) for key in graph.asset_check_keys]
    checked = {spec.asset_key.path[0] for spec in specs}
    assert checked == {"raw_recordings", "recording_audit", "windows", "splits", "models", "compressed", "folds"}
    assert [spec.key.to_user_string() for spec in specs if not spec.description] == []


def test_building_definitions_writes_nothing(home: Home) -> None:
    build_definitions(load_experiment(DEFAULT_EXPERIMENT), home)
    assert not home.root.exists()


def test_experiment_is_the_one_named_else_remembered_else_the_demo(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert definitions_file(home) == DEFAULT_EXPERIMENT
    prepare(home)
    remember(home, propose(home, tmp_path / "a.toml"))
    assert definitions_file(home) == tmp_path / "a.toml"
    monkeypatch.setenv("HAR_EXPERIMENT", str(tmp_path / "b.toml"))
    assert definitions_file(home) == tmp_path / "b.toml"


def test_module_level_definitions_follow_the_environment(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = tmp_path / "one.toml"
    experiment.write_text('[models]\narchitectures = ["cnn"]\n')
    monkeypatch.setenv("HAR_EXPERIMENT", str(experiment))
    keys = {key.to_user_string() for key in defs().resolve_asset_graph().get_all_asset_keys()}
    assert {key for key in keys if key.startswith("models/")} == {"models/cnn"}


@pytest.mark.slow
def test_dagster_loads_the_definitions_of_the_repository(home: Home) -> None:
    dg_command = Path(sys.executable).parent / "dg"
    done = subprocess.run([dg_command, "check", "defs"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All definitions loaded successfully" in done.stdout + done.stderr
