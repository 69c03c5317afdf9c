"""Dagster's pages on a unix socket, which its own command does not offer: ``python -m pipelines.servers.pages``."""

from __future__ import annotations

import sys

import uvicorn
from dagster import DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._utils.interrupts import setup_interrupt_handlers
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.version import __version__

# As Dagster's own command has them.
_STATEMENT_TIMEOUT_MS = 15_000
_SECONDS_TO_RECYCLE = 3600
_MAX_OVERFLOW = 20
_MS_BETWEEN_POLLS = 2000


def serve(workspace: str, socket: str) -> None:
    """Serve the pages of the workspace until a signal comes."""
    setup_interrupt_handlers()
    with DagsterInstance.get() as instance:
        instance.optimize_for_webserver(_STATEMENT_TIMEOUT_MS, _SECONDS_TO_RECYCLE, _MAX_OVERFLOW)
        target = WorkspaceFileTarget([workspace])
        with WorkspaceProcessContext(instance, version=__version__, workspace_load_target=target) as context:
            app = create_app_from_workspace_process_context(context, live_data_poll_rate=_MS_BETWEEN_POLLS)
            uvicorn.run(app, uds=socket, log_level="warning", access_log=False)


if __name__ == "__main__":
    serve(*sys.argv[1:])
