"""Runs that are forked from a warm process: they take the queue in turn, can be stopped, and are missed when killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.code_pointer import FileCodePointer
from dagster._core.launcher import LaunchRunContext, WorkerStatus
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from narrowing import as_type, present

from assets.resources.processes import PROCESS_TAG, current_process, is_dead, pid_of
from pipelines.launcher import WarmRunLauncher

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

JOB = """
import os, sys, time
import dagster as dg

@dg.op
def work(context):
    context.log.info(f"warm: {'mlflow' in sys.modules} polars: {'polars' in sys.modules}")
    for _ in range(600 if os.path.exists(os.path.join(os.path.dirname(__file__), "slowly")) else 1):
        time.sleep(0.1)

@dg.job(executor_def=dg.in_process_executor)
def job():
    work()

defs = dg.Definitions(jobs=[job])
"""


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "home").mkdir()
    overrides = {"run_launcher": {"module": "pipelines.launcher", "class": "WarmRunLauncher"}}
    with dg.instance_for_test(temp_dir=str(tmp_path / "home"), overrides=overrides) as instance:
        yield instance


@pytest.fixture
def launch(instance: dg.DagsterInstance, tmp_path: Path) -> Callable[[], str]:
    """Start the job; gives the run's id."""
    (tmp_path / "job.py").write_text(JOB)

    def start() -> str:
        pointer = FileCodePointer(str(tmp_path / "job.py"), "defs")
        origin = JobPythonOrigin("job", RepositoryPythonOrigin(sys.executable, pointer))
        run = instance.create_run_for_job(
            as_type(dg.Definitions, pointer.load_target()).resolve_job_def("job"), job_code_origin=origin
        )
        instance.run_launcher.launch_run(LaunchRunContext(run, workspace=None))
        return run.run_id

    return start


def wait_for(instance: dg.DagsterInstance, run_id: str, *statuses: dg.DagsterRunStatus) -> None:
    end = time.monotonic() + 120
    while present(instance.get_run_by_id(run_id)).status not in statuses:
        assert time.monotonic() < end, present(instance.get_run_by_id(run_id)).status
        time.sleep(0.1)


def test_a_run_starts_warm_and_names_its_process(instance: dg.DagsterInstance, launch: Callable[[], str]) -> None:
    assert isinstance(instance.run_launcher, WarmRunLauncher)
    run_id = launch()
    wait_for(instance, run_id, dg.DagsterRunStatus.SUCCESS)
    logged = [entry.message for entry in instance.all_logs(run_id)]
    assert "warm: True polars: False" in logged
    assert pid_of(present(instance.get_run_by_id(run_id)).tags[PROCESS_TAG]) != os.getpid()


def test_a_run_can_be_stopped(instance: dg.DagsterInstance, launch: Callable[[], str], tmp_path: Path) -> None:
    (tmp_path / "slowly").touch()
    run_id = launch()
    wait_for(instance, run_id, dg.DagsterRunStatus.STARTED)
    time.sleep(1)
    assert instance.run_launcher.terminate(run_id)
    wait_for(instance, run_id, dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.FAILURE)
    assert not instance.run_launcher.terminate(run_id)


def test_a_killed_process_is_missed(instance: dg.DagsterInstance, launch: Callable[[], str], tmp_path: Path) -> None:
    (tmp_path / "slowly").touch()
    run_id = launch()
    wait_for(instance, run_id, dg.DagsterRunStatus.STARTED)
    launcher, run = instance.run_launcher, present(instance.get_run_by_id(run_id))
    assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
    os.kill(present(pid_of(run.tags[PROCESS_TAG])), signal.SIGKILL)
    end = time.monotonic() + 30
    while launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert not launcher.terminate(run_id)


LAUNCH = """
import sys, time
import dagster as dg
from dagster._core.code_pointer import FileCodePointer
from dagster._core.launcher import LaunchRunContext
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin

home, job = sys.argv[1:]
with dg.DagsterInstance.from_config(home) as instance:
    pointer = FileCodePointer(job, "defs")
    origin = JobPythonOrigin("job", RepositoryPythonOrigin(sys.executable, pointer))
    run = instance.create_run_for_job(pointer.load_target().resolve_job_def("job"), job_code_origin=origin)
    instance.run_launcher.launch_run(LaunchRunContext(run, workspace=None))
    print(run.run_id, flush=True)
    time.sleep(600)
"""


def test_a_run_ends_with_the_process_that_launched_it(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text(JOB)
    (tmp_path / "slowly").touch()
    command = [sys.executable, "-c", LAUNCH, instance.root_directory, str(tmp_path / "job.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as launcher:
        run_id = present(launcher.stdout).readline().strip()
        wait_for(instance, run_id, dg.DagsterRunStatus.STARTED)
        launcher.kill()
    wait_for(instance, run_id, dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.FAILURE)
    process = present(instance.get_run_by_id(run_id)).tags[PROCESS_TAG]
    end = time.monotonic() + 30
    while not is_dead(process):
        assert time.monotonic() < end
        time.sleep(0.1)


def test_runs_of_other_processes_are_judged_by_their_tag_alone(instance: dg.DagsterInstance) -> None:
    with dg.DagsterInstance.ephemeral() as other:
        run = other.create_run_for_job(dg.GraphDefinition("nothing").to_job(), tags={PROCESS_TAG: current_process()})
        unknown = other.create_run_for_job(dg.GraphDefinition("nothing").to_job())
    health = instance.run_launcher.check_run_worker_health
    assert health(run).status is WorkerStatus.RUNNING
    assert health(unknown).status is WorkerStatus.RUNNING
