"""The store of a home: made once, whoever comes first, and never left open by a process that died."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import mlflow
import pytest
import stores
from dagster import DagsterRunStatus
from narrowing import present

from assets.resources.addresses import run_url
from assets.resources.home import Home
from assets.resources.interrupted import close_interrupted
from assets.resources.processes import PROCESS_TAG, current_process, is_dead, name_process
from assets.resources.store import EXPERIMENT_NAME, RUN_TAG
from assets.resources.tracking import Tracking

if TYPE_CHECKING:
    from tests.assets.conftest import Graph

PREPARE = """
import sys
from pathlib import Path
from assets.resources.home import Home
from assets.resources.tracking import Tracking
Tracking(Home(Path(sys.argv[1]))).prepare()
"""


@pytest.mark.slow
def test_several_processes_may_prepare_one_home_at_once(tmp_path: Path) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", PREPARE, str(tmp_path)], stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    errors = [process.communicate(timeout=200)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], errors
    names = {experiment.name for experiment in Tracking(Home(tmp_path)).client.search_experiments()}
    assert names == {"Default", EXPERIMENT_NAME}


def test_store_whose_making_was_interrupted_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path)
    monkeypatch.setattr(Tracking, "_make", stores.MAKE)

    def interrupted(uri: str, artifacts: str) -> None:
        with sqlite3.connect(uri.removeprefix("sqlite:///")) as connection:
            connection.execute("CREATE TABLE secrets (name TEXT)")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("mlflow.store.tracking.sqlalchemy_store.SqlAlchemyStore", interrupted)
        with pytest.raises(KeyboardInterrupt):
            Tracking(home).prepare()
    assert not home.mlflow_store.exists()
    Tracking(home).prepare()
    names = {experiment.name for experiment in Tracking(home).client.search_experiments()}
    assert names == {"Default", EXPERIMENT_NAME}
    assert [path.name for path in home.mlruns.iterdir() if path.is_dir()] == []


def test_addresses_are_absolute_whatever_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tracking = Tracking(Home(Path("here")))
    assert tracking.uri == f"sqlite:///{tmp_path}/here/mlruns/mlflow.db"


def test_artifacts_lie_below_the_home(ran: Graph) -> None:
    experiment = present(ran.tracking.client.get_experiment_by_name(EXPERIMENT_NAME))
    artifacts = (ran.home.mlruns / "artifacts").as_uri()
    assert experiment.artifact_location == artifacts
    default = present(ran.tracking.client.get_experiment_by_name("Default"))
    assert default.artifact_location.startswith(artifacts)


def test_preparing_twice_changes_nothing(graph: Graph) -> None:
    def schema() -> list[tuple[object, ...]]:
        with sqlite3.connect(graph.home.mlruns / "mlflow.db") as connection:
            return connection.execute("select * from experiments").fetchall()

    graph.tracking.prepare()  # the addresses follow the home, which is a copy
    before = schema()
    graph.tracking.prepare()
    assert schema() == before


def test_the_default_of_mlflow_is_restored(ran: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////nowhere/mlflow.db")
    with ran.tracking.as_default():
        assert mlflow.get_tracking_uri() == ran.tracking.uri
    assert os.environ["MLFLOW_TRACKING_URI"] == "sqlite:////nowhere/mlflow.db"
    assert mlflow.get_tracking_uri() == "sqlite:////nowhere/mlflow.db"
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type]  # MLflow's hint leaves None out


def test_urls_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAR_MLFLOW_URL", "https://runs.example/")
    assert run_url(1, "abc") == "https://runs.example/#/experiments/1/runs/abc?workflowType=machine_learning"


@pytest.fixture
def dead_process() -> str:
    program = "from assets.resources.processes import current_process; print(current_process())"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def test_processes_are_told_apart(dead_process: str) -> None:
    host, pid, start = current_process().rsplit(":", 2)
    assert is_dead(dead_process)
    assert not is_dead(current_process())
    assert not is_dead(f"another-{host}:{pid}:{start}")
    assert is_dead(f"{host}:{pid}:{start}0"), "a later process with the same number"


def test_what_a_killed_process_left_open_is_closed(graph: Graph, dead_process: str) -> None:
    dead = dg.DagsterRun(job_name="har", status=DagsterRunStatus.STARTED, tags={PROCESS_TAG: dead_process})
    alive = dg.DagsterRun(job_name="har", status=DagsterRunStatus.STARTED, tags={PROCESS_TAG: current_process()})
    unknown = dg.DagsterRun(job_name="daemon", status=DagsterRunStatus.STARTED, tags={})
    tracking, runs = graph.tracking, {}
    for run in (dead, alive, unknown):
        graph.instance.add_run(run)
        tags = {RUN_TAG: run.run_id, **run.tags}
        runs[run.run_id] = tracking.client.create_run(tracking.experiment_id, tags=tags).info.run_id
    orphan = tracking.client.create_run(tracking.experiment_id, tags={RUN_TAG: "never-heard-of"}).info.run_id

    assert close_interrupted(tracking, graph.instance) == 3

    statuses = {
        run.run_id: present(graph.instance.get_run_by_id(run.run_id)).status.value for run in (dead, alive, unknown)
    }
    assert statuses == {dead.run_id: "FAILURE", alive.run_id: "STARTED", unknown.run_id: "STARTED"}
    tracked = {run_id: tracking.client.get_run(mlflow_id).info.status for run_id, mlflow_id in runs.items()}
    assert tracked == {dead.run_id: "FAILED", alive.run_id: "RUNNING", unknown.run_id: "RUNNING"}
    assert tracking.client.get_run(orphan).info.status == "FAILED"
    assert close_interrupted(tracking, graph.instance) == 0


def test_process_that_ended_is_dead_though_nobody_waits_for_it() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        process = name_process(child.pid)
        assert not is_dead(process)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert is_dead(process)
