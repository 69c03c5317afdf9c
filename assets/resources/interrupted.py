"""Closes what a killed process left open, in Dagster and in MLflow. Called at start, under the home's lock."""

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from assets.resources.processes import PROCESS_TAG, is_dead
from assets.resources.store import RUN_TAG
from assets.resources.tracking import Tracking

_UNFINISHED = [
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


def close_interrupted(tracking: Tracking, instance: DagsterInstance) -> int:
    """Mark as failed the Dagster runs whose process is dead, then the MLflow runs that no Dagster run stands behind.

    Returns:
        How many runs were closed, of both kinds.
    """
    return _close_dagster_runs(instance) + _close_mlflow_runs(tracking, instance)


def _close_dagster_runs(instance: DagsterInstance) -> int:
    num_closed = 0
    for run in instance.get_runs(RunsFilter(statuses=_UNFINISHED)):
        process = run.tags.get(PROCESS_TAG)
        if process is not None and is_dead(process):
            instance.report_run_failed(run, "The process that did this run has ended; the next run takes over.")
            num_closed += 1
    return num_closed


def _close_mlflow_runs(tracking: Tracking, instance: DagsterInstance) -> int:
    num_closed = 0
    for run in tracking.running():
        dagster_run = instance.get_run_by_id(run.tags.get(RUN_TAG, ""))
        process = run.tags.get(PROCESS_TAG)
        if dagster_run is not None and not dagster_run.is_finished and not (process and is_dead(process)):
            continue
        tracking.client.set_tag(run.run_id, "har.error", "interrupted: its process has ended")
        tracking.client.set_terminated(run.run_id, "FAILED")
        num_closed += 1
    return num_closed
