"""The store read from its file says what MLflow's own client says, at once, and leaves the home as it was."""

from __future__ import annotations

import math
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus
from narrowing import present

from assets.resources.addresses import run_url
from assets.resources.home import Home
from assets.resources.sqlite import stores_of, trouble_of
from assets.resources.store import Store
from assets.resources.tracking import Tracking
from har_core.base.errors import HarError, InputError, StorageError, UnknownNameError
from har_core.base.text import printable

KILLED_WHILE_IT_COMMITS = """
import os, signal, sqlite3, sys
store = sqlite3.connect(sys.argv[1], isolation_level=None)
store.execute("PRAGMA cache_size = 5")
store.execute("BEGIN IMMEDIATE")
run = store.execute("SELECT run_uuid FROM runs").fetchone()[0]
for number in range(2000):
    store.execute("INSERT INTO tags VALUES (?, ?, ?)", (f"more.{number}", "x" * 2000, run))
os.kill(os.getpid(), signal.SIGKILL)
"""


def log(tracking: Tracking, run_id: str, name: str) -> str:
    """A logged model without files; gives its id."""
    client = tracking.client
    model_id = client.create_logged_model(tracking.experiment_id, name=name, source_run_id=run_id).model_id
    client.finalize_logged_model(model_id, LoggedModelStatus.READY)
    return model_id


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a home in which MLflow's client wrote one of everything."""
    tracking = Tracking(Home(tmp_path_factory.mktemp("home")))
    client = tracking.client
    run = client.create_run(tracking.experiment_id, run_name="models/cnn", tags={"dagster.asset_key": "models/cnn"})
    run_id = run.info.run_id
    client.log_param(run_id, "training.seed", 3)
    for step, value in enumerate([0.25, 0.5]):
        client.log_metric(run_id, "accuracy", value, step=step)
    client.log_metric(run_id, "loss", math.nan)
    client.log_text(run_id, "[models]\n", "experiment.toml")
    client.set_terminated(run_id)
    gone = client.create_run(tracking.experiment_id)
    client.delete_run(gone.info.run_id)
    for name in ("har-cnn", "har", "har-lstm"):
        client.create_registered_model(name)
    with tracking.as_default():
        for name in ("har-cnn", "har-cnn", "har", "har-cnn"):
            model_id = log(tracking, run_id, name)
            client.create_model_version(
                name, f"models:/{model_id}", run_id=run_id, model_id=model_id, tags={"har.origin": "synthetic"}
            )
    client.set_registered_model_alias("har-cnn", "champion", "1")
    client.set_registered_model_alias("har-cnn", "challenger", "2")
    client.set_registered_model_alias("har", "champion", "1")
    client.set_registered_model_alias("har-cnn", "newest", "3")
    client.delete_model_version("har-cnn", "3")
    client.register_prompt("har-prompt", "Which activity is this?")
    return tracking.home.root


@pytest.fixture
def home(written: Path, tmp_path: Path) -> Home:
    """A copy of it, to write in."""
    return Home(shutil.copytree(written, tmp_path / "home"))


@pytest.fixture
def client(home: Home) -> MlflowClient:
    return Tracking(home).client


def test_versions_are_those_of_mlflow(home: Home, client: MlflowClient) -> None:
    registered = Store(home).registered()
    assert [(entry.name, entry.version, entry.aliases) for entry in registered] == [
        ("har", 1, ("champion",)),
        ("har-cnn", 2, ("challenger",)),
        ("har-cnn", 1, ("champion",)),
    ]
    for entry in registered:
        told = client.get_model_version(entry.name, str(entry.version))
        assert (entry.run_id, entry.tags, f"models:/{entry.model_id}") == (told.run_id, told.tags, told.source)
        assert entry.location == client.get_model_version_download_uri(entry.name, str(entry.version))
        assert entry.location == client.get_logged_model(entry.model_id).artifact_location
        assert entry.origin == "synthetic"


def test_runs_are_those_of_mlflow(home: Home, client: MlflowClient) -> None:
    for told in client.search_runs(["1"], run_view_type=3):
        run = present(Store(home).read_run(told.info.run_id))
        assert (run.tags, run.params) == (told.data.tags, told.data.params)
        assert run.metrics == pytest.approx(told.data.metrics, nan_ok=True)
        assert run.status == (told.info.status if told.info.lifecycle_stage == "active" else "DELETED")
        assert run.url == run_url(told.info.experiment_id, told.info.run_id)
    assert Store(home).read_run("0" * 32) is None


def test_artifacts_of_a_run(home: Home) -> None:
    run = present(Store(home).read_run(Store(home).get("har", 1).run_id))
    assert run.artifact("experiment.toml") == b"[models]\n"
    assert run.artifact("nothing.toml") is None


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_what_a_client_wrote_is_seen_at_once(home: Home, client: MlflowClient, mode: str) -> None:
    with sqlite3.connect(home.mlruns / "mlflow.db") as store:
        assert store.execute(f"PRAGMA journal_mode = {mode}").fetchone() == (mode,)
    store.close()
    for version in (2, 1, 2):
        client.set_registered_model_alias("har-cnn", "champion", str(version))
        assert present(Store(home).by_alias("har-cnn", "champion")).version == version
    client.set_model_version_tag("har", "1", "note", mode)
    assert Store(home).get("har", 1).tags["note"] == mode


def test_what_is_registered_is_read_at_once(home: Home) -> None:
    tracking = Tracking(home)
    copied = tracking.copy(tracking.get("har-cnn", 2), "har")
    assert (copied.version, copied.tags["har.copied_from"]) == (2, "har-cnn/2")
    with tracking.moved_alias("champion", {"har": 2}):
        pass
    assert tracking.by_alias("har", "champion") == tracking.resolve("models:/har/2")


@pytest.mark.parametrize("name", ["a?mode=rwc", "a%20b", "a#b", "a b;c", "wärme"])
def test_any_name_of_a_home(written: Path, tmp_path: Path, name: str) -> None:
    home = Home(shutil.copytree(written, tmp_path / name))
    assert [entry.name for entry in Store(home).registered()] == ["har", "har-cnn", "har-cnn"]
    assert {path.name for path in tmp_path.iterdir()} == {name}


@pytest.mark.parametrize("name", ["wärme; a#b"])
def test_files_where_mlflow_wrote_them(tmp_path: Path, name: str) -> None:
    tracking = Tracking(Home(tmp_path / name))
    run_id = tracking.client.create_run(tracking.experiment_id).info.run_id
    tracking.client.log_text(run_id, "here", "a.txt")
    assert present(Store(tracking.home).read_run(run_id)).artifact("a.txt") == b"here"
    folder = Store(tracking.home).folder_of(f"models:/{log(tracking, run_id, 'har-cnn')}")
    assert folder.is_relative_to(tracking.home.mlruns / "artifacts" / "models")


@pytest.mark.parametrize("name", ["elsewhere", "100% mine; now", "wärme"])
def test_a_home_that_was_moved_or_copied_has_its_own_artifacts(written: Path, tmp_path: Path, name: str) -> None:
    """Read at once where they are; MLflow's client finds them there too, and the first home stays as it was."""
    before = (written / "mlruns" / "mlflow.db").read_bytes()
    home = Home(shutil.copytree(written, tmp_path / name))
    store, run_id = Store(home), Store(home).get("har", 1).run_id
    (home.artifacts / run_id / "artifacts" / "experiment.toml").write_bytes(b"[moved]\n")

    def addresses() -> list[str]:
        return [present(store.read_run(run_id)).artifacts, *(entry.location for entry in store.registered())]

    assert all(uri.startswith(f"{home.artifacts.as_uri()}/") for uri in addresses())
    assert store.folder_of("models:/har@champion").is_relative_to(home.artifacts)
    assert present(store.read_run(run_id)).artifact("experiment.toml") == b"[moved]\n"

    as_read, client = addresses(), Tracking(home).client
    assert client.get_run(run_id).info.artifact_uri == as_read[0]
    assert client.get_model_version_download_uri("har", "1") == as_read[1]
    assert client.get_logged_model(store.get("har", 1).model_id).artifact_location == as_read[1]
    created = client.create_run(Tracking(home).experiment_id)
    assert created.info.artifact_uri.startswith(f"{home.artifacts.as_uri()}/")
    assert addresses() == as_read
    assert (written / "mlruns" / "mlflow.db").read_bytes() == before


def test_artifacts_elsewhere_stay_elsewhere(written: Path, tmp_path: Path) -> None:
    """What somebody registered from another place, and a folder whose name begins like that of the artifacts."""
    home = Home(shutil.copytree(written, tmp_path / "home"))
    elsewhere = [f"{Home(written).artifacts.as_uri()}-mine/a", "s3://bucket/b"]
    with sqlite3.connect(home.mlflow_store) as connection:
        for version, uri in enumerate(elsewhere, start=1):
            connection.execute(
                "UPDATE model_versions SET storage_location = ? WHERE name = 'har-cnn' AND version = ?", (uri, version)
            )
    connection.close()
    for store in (Store(home), Tracking(home)):
        assert [store.get("har-cnn", version).location for version in (1, 2)] == elsewhere
        Tracking(home).prepare()


def test_reading_changes_no_file(home: Home) -> None:
    before = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in home.root.rglob("*")}
    store = Store(home)
    store.read_run(store.resolve("models:/har@champion").run_id)
    assert {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in home.root.rglob("*")} == before


def test_a_commit_that_a_killed_process_left_half_done_is_undone(home: Home) -> None:
    path, run_id = home.mlruns / "mlflow.db", Store(home).get("har", 1).run_id
    before = present(Store(home).read_run(run_id))
    killed = subprocess.run([sys.executable, "-c", KILLED_WHILE_IT_COMMITS, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert path.with_name("mlflow.db-journal").is_file()
    after = present(Store(home).read_run(run_id))
    assert after.tags == before.tags


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b"no database"),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:50_000]),
        lambda path: sqlite3.connect(path).execute("ALTER TABLE model_versions RENAME COLUMN source TO origin"),
        lambda path: sqlite3.connect(path).execute("DROP TABLE registered_model_aliases"),
    ],
)
def test_another_schema_is_refused_in_one_sentence(home: Home, damage: Callable[[Path], object]) -> None:
    damage(home.mlruns / "mlflow.db")
    with pytest.raises(
        InputError, match=r"mlflow\.db: cannot be read as a store of MLflow 3\.17 \(.+\); `har home"
    ) as refused:
        Store(home).registered()
    assert "\n" not in str(refused.value)


def test_a_limit_on_the_size_of_files_is_named_as_what_it_is(home: Home) -> None:
    """Not as damage, which a check of the home would mend. It stands in the way of undoing half a commit."""
    path, limits = home.mlruns / "mlflow.db", resource.getrlimit(resource.RLIMIT_FSIZE)
    subprocess.run([sys.executable, "-c", KILLED_WHILE_IT_COMMITS, str(path)], check=False)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(StorageError, match=r"may not grow beyond 4,096 bytes here; raise that limit \(`ulimit -f`"):
            Store(home).registered()
        found = present(trouble_of(path, stores_of(home)[path]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "ulimit -f" in found.way_out
    assert Store(home).registered()


@pytest.mark.parametrize(
    ("model_uri", "kind", "text"),
    [
        ("models:/har-cn@champion", UnknownNameError, "did you mean 'har-cnn'? There are har, har-cnn."),
        ("models:/zzz/1", UnknownNameError, "there are har, har-cnn."),
        ("models:/har@challenger", InputError, "it has the aliases champion (version 1)"),
        ("models:/har-cnn@newest", InputError, "it has the aliases challenger (version 2), champion (version 1)"),
        ("models:/har-cnn/3", InputError, "the versions 1, 2"),
        ("models:/har-prompt/1", UnknownNameError, "no registered model is called 'har-prompt'"),
        ("models:/har", InputError, "expected models:/NAME@ALIAS or models:/NAME/VERSION"),
        ("models:/har/latest", InputError, "expected models:/NAME@ALIAS or models:/NAME/VERSION"),
        ("runs:/0123/model", InputError, "expected models:/NAME@ALIAS or models:/NAME/VERSION"),
        *(
            (address, InputError, "expected models:/NAME@ALIAS or models:/NAME/VERSION")
            for address in (
                "har@champion",
                "http://x/y",
                "/srv/model",
                "models:/har@",
                "models:/@champion",
                "models:/har/99999999999",
                "models:/har@champion\n",
            )
        ),
        (f"models:/m-{'0' * 32}", InputError, "no model of this id was logged"),
    ],
)
def test_models_that_are_not_there(written: Path, model_uri: str, kind: type[HarError], text: str) -> None:
    with pytest.raises(kind) as caught:
        Store(Home(written)).folder_of(model_uri)
    assert text in str(caught.value)
    assert str(caught.value).startswith(f"{printable(model_uri)}: ")


@pytest.mark.parametrize(("address", "told"), [("", "no address: "), ("x" * 100_000, f"{'x' * 300}…: ")])
def test_what_is_no_address_at_all(tmp_path: Path, address: str, told: str) -> None:
    """Said before anything is looked at; a home without models is no reason to think that a run would help."""
    for look in (Store(Home(tmp_path)).resolve, Store(Home(tmp_path)).folder_of):
        with pytest.raises(InputError) as refused:
            look(address)
        assert str(refused.value).startswith(f"{told}expected models:/NAME@ALIAS")
        assert len(str(refused.value)) < 500


def test_a_home_without_models(tmp_path: Path) -> None:
    store = Store(Home(tmp_path))
    assert store.registered() == []
    assert store.by_alias("har", "champion") is None
    with pytest.raises(InputError, match=f"nothing is registered in {tmp_path} yet"):
        store.resolve("models:/har@champion")
    assert list(tmp_path.iterdir()) == []


def test_files_on_another_machine(home: Home) -> None:
    with sqlite3.connect(home.mlruns / "mlflow.db") as store:
        store.execute("UPDATE model_versions SET storage_location = 's3://bucket/model'")
    store.close()
    with pytest.raises(InputError, match="s3://bucket/model, not on this machine"):
        Store(home).folder_of("models:/har/1")
    assert Store(home).recompute_weights_version(Store(home).get("har", 1)) is None
