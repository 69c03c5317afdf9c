"""The command as it goes: claim the home, start the servers, open the gate, watch, end.

This process imports neither Dagster nor MLflow: it says at once what it starts, and then only watches and passes on.
One child holds the definitions for both of Dagster's, the pages and the daemon. By itself the daemon would load them
anew every minute.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import typer

from assets.resources.addresses import MLFLOW_START
from assets.resources.home import Home
from assets.resources.tracking import Tracking
from har_core.base.errors import HarError
from har_core.base.files import write_text
from pipelines.homes import definitions_file
from pipelines.servers.children import Children
from pipelines.servers.claim import claimed, folder_of_sockets, write_links
from pipelines.servers.forwarding import Backend
from pipelines.servers.gate import PARAMETER, Gate, Page
from pipelines.servers.keys import Key
from pipelines.servers.ports import HOST, listening, opened
from pipelines.servers.probes import (
    LOCATION,
    is_dagster_ready,
    is_mlflow_ready,
    listens,
    reload_definitions,
)
from pipelines.servers.routes import opens_dagster, opens_mlflow
from pipelines.servers.sources import state_of_sources

USUAL_DAGSTER_PORT = 3000
USUAL_MLFLOW_PORT = 5000
_SECONDS_BETWEEN_LOOKS = 2.0
_SECONDS_BETWEEN_TRIES = 0.25


@dataclass(frozen=True, slots=True)
class Server:
    """One child process."""

    name: str
    command: tuple[str, ...]
    """What follows ``python -m``."""
    is_ready: Callable[[], bool] = lambda: True
    is_needed_first: bool = False
    """The next ones start when it is ready."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What it has beyond that of all."""


class _Stopped(Exception):  # noqa: N818 - no error
    """A signal came."""


def serve(home: Home, *, dagster_port: int | None, mlflow_port: int | None) -> int:
    """Run the UIs until a signal comes or one of them ends.

    Returns:
        0 after SIGINT, SIGTERM or SIGHUP, 1 where a child ended by itself.

    Raises:
        HomeBusyError: the home is served already.
        InputError: a given port is taken.
        HarError: the stores of the home cannot be made or migrated.
    """
    with contextlib.ExitStack() as stack:
        claim = stack.enter_context(claimed(home))
        is_stopped = stack.enter_context(_signals())
        listeners = [
            stack.enter_context(listening(port, usual))
            for port, usual in ((dagster_port, USUAL_DAGSTER_PORT), (mlflow_port, USUAL_MLFLOW_PORT))
        ]
        ports = [int(listener.getsockname()[1]) for listener in listeners]
        dagster, mlflow = (f"http://{HOST}:{port}" for port in ports)
        logging.getLogger("httpx").setLevel(logging.WARNING)  # or it tells of each request
        typer.echo(f"Starting Dagster (pages, daemon, definitions) and MLflow for {home.root} ...")
        key = Key(str(ports[0]))
        links = {name: f"{url}/?{PARAMETER}={key.secret}" for name, url in (("Dagster", dagster), ("MLflow", mlflow))}
        write_links(home, links)
        sockets = stack.enter_context(folder_of_sockets(home))
        log = stack.enter_context(home.log.open("ab"))
        children = stack.enter_context(Children(_environment(home, dagster, mlflow), sockets, log, claim))
        stack.enter_context(contextlib.suppress(_Stopped))

        def wait_until(is_so: Callable[[], bool]) -> None:
            while not is_so() and children.ended() is None:
                if is_stopped():
                    raise _Stopped
                time.sleep(_SECONDS_BETWEEN_TRIES)

        typer.echo("Waiting for the stores ...")
        _prepare_stores(children, home, wait_until)
        servers = _servers(home, sockets)
        for server in servers:
            children.start(server.name, server.command, server.environment)
            if server.is_needed_first:
                typer.echo(f"Waiting for {server.name} ...")
                wait_until(server.is_ready)
        for server in servers:
            if not server.is_ready():
                typer.echo(f"Waiting for {server.name} ...")
                wait_until(server.is_ready)
        backends = [Backend(sockets / name, key.cookie_name) for name in ("dagster.sock", "mlflow.sock")]
        pages = dict(zip(ports, map(Page, backends, (opens_dagster, opens_mlflow), ("", MLFLOW_START)), strict=True))
        stack.enter_context(opened(Gate(key, pages), listeners))
        if children.ended() is None:
            typer.echo(f"Dagster: {links['Dagster']}\nMLflow:  {links['MLflow']}\nCtrl-C ends both.")
        keep = threading.Thread(
            target=_keep_current, args=(sockets / "dagster.sock", definitions_file(home)), daemon=True
        )
        keep.start()
        wait_until(lambda: False)
        name, code = children.ended() or ("", 0)
        typer.echo(f"{name} ended with exit code {code}; {home.log} says why", err=True)
        return 1
    return 0


@contextmanager
def _signals() -> Iterator[Callable[[], bool]]:
    """Asks whether a signal came that ends the command. A closed terminal does too, but not under ``nohup``."""
    came: list[int] = []
    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, lambda number, _frame: came.append(number))
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _environment(home: Home, dagster: str, mlflow: str) -> dict[str, str]:
    return {
        **os.environ,
        "HAR_EXPERIMENT": str(definitions_file(home).absolute()),
        "HAR_DAGSTER_URL": dagster,
        "HAR_MLFLOW_URL": mlflow,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # seven processes for evaluations that nobody here starts
        # What `mlflow ui` would set: it would stay in memory beside the server that it starts.
        "_MLFLOW_SERVER_FILE_STORE": Tracking(home).uri,
        "_MLFLOW_SERVER_REGISTRY_STORE": Tracking(home).uri,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": home.artifacts.as_uri(),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "false",  # files are reached by the run or model that they belong to
        "_MLFLOW_SGI_NAME": "uvicorn",
        "MLFLOW_CONFIGURE_LOGGING": "true",  # what the servers write goes to the log file as it is
    }


def _prepare_stores(children: Children, home: Home, wait_until: Callable[[Callable[[], bool]], None]) -> None:
    """Create and migrate both stores in a process that ends, so that servers which start together find it done."""
    name = "The stores"
    child = children.start(name, ["pipelines.stores"])
    wait_until(lambda: child.poll() is not None)
    if child.wait() != 0:
        raise HarError(f"The stores of {home.root} cannot be opened; {home.log} says why")
    children.forget(name)


def _keep_current(pages: Path, experiment: Path) -> None:
    """Have the definitions loaded again when what they are built from changes; Dagster's pages would show old ones."""
    before = state_of_sources(experiment)
    while True:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
        now = state_of_sources(experiment)
        if now != before:
            reload_definitions(pages)
        before = now


def _servers(home: Home, sockets: Path) -> list[Server]:
    definitions, dagster, mlflow = (sockets / f"{name}.sock" for name in ("definitions", "dagster", "mlflow"))
    workspace = home.dagster / "workspace.yaml"
    place = f"{{socket: {json.dumps(str(definitions))}, location_name: {LOCATION}}}"
    write_text(workspace, f"load_from:\n  - grpc_server: {place}\n")
    code_server = ("dagster", "code-server", "start", "--use-python-environment-entry-point")
    code = ("-m", "pipelines.definitions", "-a", "defs", "--location-name", LOCATION, "-d", str(sockets))
    return [
        Server(
            "MLflow's pages",
            ("uvicorn", "--uds", str(mlflow), "--no-access-log", "mlflow.server.fastapi_app:app"),
            is_ready=lambda: is_mlflow_ready(mlflow),
        ),
        Server(
            "Dagster's definitions",
            (*code_server, *code, "-s", str(definitions)),
            is_ready=lambda: listens(definitions),
            is_needed_first=True,
            environment={"TMPDIR": str(sockets)},  # its own child has a socket there, which nobody else shall make
        ),
        Server(
            "Dagster's pages",
            ("pipelines.servers.pages", str(workspace), str(dagster)),
            is_ready=lambda: is_dagster_ready(dagster),
        ),
        Server("Dagster's daemon", ("dagster._daemon", "run", "-w", str(workspace))),
    ]
