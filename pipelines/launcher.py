"""Starts the runs of the queue, one process each, in about a second instead of eight.

Dagster's own launcher starts a new interpreter for each run, and most of what a small run costs is then the import of
PyTorch and MLflow. Here each run is forked from one process that has imported what is not ours (:mod:`pipelines.warm`).
``dagster.yaml`` of a home names this class; without that, runs start as Dagster starts them.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping
from typing import Any

from dagster._cli.api import ExecuteRunArgs, execute_run_command
from dagster._core.errors import DagsterError
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, RunLauncher, WorkerStatus
from dagster._core.storage.dagster_run import DagsterRun
from dagster._serdes import ConfigurableClass, ConfigurableClassData, serialize_value

from assets.resources.processes import PROCESS_TAG, is_dead, name_process, pid_of


class WarmRunLauncher(RunLauncher, ConfigurableClass):
    """Forks runs from a process that has imported what takes long. The tag of a run names its process."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        super().__init__()  # type: ignore[no-untyped-call]

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """What ``dagster.yaml`` says of this class."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """No settings."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> WarmRunLauncher:  # noqa: ARG003 - nothing to configure
        """As Dagster makes it from ``dagster.yaml``."""
        return cls(inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Start a process for a run, and return without waiting for it."""
        run, origin = context.dagster_run, context.job_code_origin
        if origin is None:
            raise DagsterError(f"The run {run.run_id} does not say where its job is defined")
        arguments = ExecuteRunArgs(
            job_origin=origin,
            run_id=run.run_id,
            instance_ref=self._instance.get_ref(),
            set_exit_code_on_failure=True,
        )
        forks = multiprocessing.get_context("forkserver")
        forks.set_forkserver_preload(["pipelines.warm"])
        process = forks.Process(target=execute_run, args=(serialize_value(arguments),), name=f"run {run.run_id}")
        process.start()
        self._instance.add_run_tags(run.run_id, {PROCESS_TAG: name_process(process.pid or 0)})
        self._instance.report_engine_event(f"Started a process for this run (pid {process.pid}).", run, cls=type(self))

    def terminate(self, run_id: str) -> bool:
        """Interrupt the process of a run, whichever process has started it; False where there is none any more."""
        run = self._instance.get_run_by_id(run_id)
        process = run.tags.get(PROCESS_TAG) if run is not None and not run.is_finished else None
        pid = pid_of(process) if process is not None and not is_dead(process) else None
        if run is None or pid is None:
            return False
        self._instance.report_run_canceling(run)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        """So that a run whose process was killed does not block the queue for ever."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether the process of a run lives; one that is not known counts as alive."""
        process = run.tags.get(PROCESS_TAG)
        if process is not None and is_dead(process):
            return CheckRunHealthResult(WorkerStatus.FAILED, f"its process has ended ({process})")
        return CheckRunHealthResult(WorkerStatus.RUNNING)


def execute_run(arguments: str) -> None:
    """What the new process does: the command with which other launchers start their containers.

    SIGTERM, a closed terminal and the end of the process that launched it end it as an interruption does: the run is
    closed, and what it was training can go on later.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    execute_run_command.main([arguments], standalone_mode=False)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGINT)
