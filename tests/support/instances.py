"""Dagster instances in memory, which cost a fifth of those in files, and copies of them."""

from __future__ import annotations

from dagster import DagsterInstance
from dagster._core.storage.event_log.in_memory import InMemoryEventLogStorage
from dagster._core.storage.runs.in_memory import InMemoryRunStorage
from narrowing import as_type, present


def copy_of(instance: DagsterInstance) -> DagsterInstance:
    """Another ephemeral instance that remembers the same."""
    copy = DagsterInstance.ephemeral()
    copy_into(copy, instance)
    return copy


def copy_into(target: DagsterInstance, source: DagsterInstance) -> None:
    """Have one ephemeral instance remember the runs, events and partitions of another, and nothing else."""
    for theirs, ours in (
        (as_type(InMemoryRunStorage, target.run_storage), as_type(InMemoryRunStorage, source.run_storage)),
        (
            as_type(InMemoryEventLogStorage, target.event_log_storage),
            as_type(InMemoryEventLogStorage, source.event_log_storage),
        ),
    ):
        present(ours._held_conn.connection.driver_connection).backup(theirs._held_conn.connection.driver_connection)
