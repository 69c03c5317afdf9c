"""The UIs as child processes: started together, watched, ended together. On loopback alone, for they have no login.

This process imports neither Dagster nor MLflow: it says at once what it starts, and then only watches. One child holds
the definitions for both of Dagster's, the pages and the daemon. By itself the daemon would load them anew every minute.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import typer

from assets.resources.home import Home
from assets.resources.tracking import Tracking
from har_core.base.errors import HarError, InputError
from har_core.base.files import write_text
from pipelines.homes import definitions_file

HOST = "127.0.0.1"
USUAL_DAGSTER_PORT = 3000
USUAL_MLFLOW_PORT = 5000
_SECONDS_BETWEEN_LOOKS = 2.0
_SECONDS_BETWEEN_TRIES = 0.25
_GRACE_S = 10.0
_LOCATION = "har"
_RELOAD = f'mutation {{ reloadRepositoryLocation(repositoryLocationName: "{_LOCATION}") {{ __typename }} }}'


@dataclass(frozen=True, slots=True)
class Server:
    """One child process."""

    name: str
    command: tuple[str, ...]
    """What follows ``python -m``."""
    is_ready: Callable[[], bool] = lambda: True
    is_needed_first: bool = False
    """The next ones start when it is ready."""


def serve(home: Home, *, dagster_port: int | None, mlflow_port: int | None) -> int:
    """Run the UIs until a signal comes or one of them ends.

    Returns:
        0 after SIGINT or SIGTERM, 1 where a child ended by itself.

    Raises:
        InputError: a given port is taken.
        HarError: the stores of the home cannot be made or migrated.
    """
    dagster = f"http://{HOST}:{_port(dagster_port, USUAL_DAGSTER_PORT)}"
    mlflow = f"http://{HOST}:{_port(mlflow_port, USUAL_MLFLOW_PORT)}"
    typer.echo(f"Starting Dagster (pages, daemon, definitions) and MLflow for {home.root} ...")
    environment = _environment(home, dagster, mlflow)
    _prepare_stores(environment, home)
    servers = _servers(home, dagster, mlflow)
    stopped: list[int] = []
    children: dict[Server, subprocess.Popen[bytes]] = {}

    def wait_for(server: Server) -> None:
        while not stopped and children[server].poll() is None and not server.is_ready():
            time.sleep(_SECONDS_BETWEEN_TRIES)

    with contextlib.ExitStack() as stack:
        for number in (signal.SIGINT, signal.SIGTERM):
            before = signal.signal(number, lambda number, _frame: stopped.append(number))
            stack.callback(signal.signal, number, before)
        log = stack.enter_context(home.log.open("ab"))
        stack.callback(_end, children.values())
        for server in servers:
            children[server] = subprocess.Popen(
                [sys.executable, "-m", *server.command],
                env=environment,
                cwd=home.dagster,  # a `.env` of the working directory would override this environment; here is none
                stdout=log,
                stderr=log,
                start_new_session=True,  # a process group of its own, so that its own children end with it
            )
            if server.is_needed_first:
                wait_for(server)
        for server in servers:
            wait_for(server)
        if not stopped and all(child.poll() is None for child in children.values()):
            typer.echo(f"Dagster: {dagster}\nMLflow:  {mlflow}\nCtrl-C ends both.")
        threading.Thread(target=_keep_current, args=(dagster, definitions_file(home)), daemon=True).start()
        while not stopped:
            for server, child in children.items():
                if child.poll() is not None:
                    typer.echo(f"{server.name} ended with exit code {child.returncode}; {home.log} says why", err=True)
                    return 1
            time.sleep(_SECONDS_BETWEEN_TRIES)
    return 0


def state_of_sources(experiment: Path, root: Path = Path(__file__).parents[1]) -> dict[Path, tuple[int, int]]:
    """Size and time of change (ns) of what definitions are built from: an experiment file, and sources in ``root``."""
    folders = (root / package for package in ("har_core", "assets", "pipelines"))
    sources = (path for folder in folders for path in folder.rglob("*") if path.suffix in {".py", ".j2", ".css"})
    state = {}
    for path in (experiment, *sources):
        with contextlib.suppress(OSError):  # it goes while we look
            stat = path.stat()
            state[path] = (stat.st_size, stat.st_mtime_ns)
    return state


def _environment(home: Home, dagster: str, mlflow: str) -> dict[str, str]:
    return {
        **os.environ,
        "HAR_EXPERIMENT": str(definitions_file(home).absolute()),
        "HAR_DAGSTER_URL": dagster,
        "HAR_MLFLOW_URL": mlflow,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # seven processes for evaluations that nobody here starts
        # What `mlflow ui` would set: it would stay in memory beside the server that it starts.
        "_MLFLOW_SERVER_FILE_STORE": Tracking(home).uri,
        "_MLFLOW_SERVER_REGISTRY_STORE": Tracking(home).uri,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": home.artifacts.as_uri(),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SGI_NAME": "uvicorn",
        "MLFLOW_CONFIGURE_LOGGING": "true",  # what the servers write goes to the log file as it is
    }


def _prepare_stores(environment: Mapping[str, str], home: Home) -> None:
    """Create and migrate both stores in a process that ends, so that servers which start together find it done."""
    command = [sys.executable, "-m", "pipelines.stores"]
    with home.log.open("ab") as log:
        done = subprocess.run(command, env=environment, cwd=home.dagster, stdout=log, stderr=log, check=False)
    if done.returncode != 0:
        raise HarError(f"The stores of {home.root} cannot be opened; {home.log} says why")


def _keep_current(dagster: str, experiment: Path) -> None:
    """Have the definitions loaded again when what they are built from changes; Dagster's pages would show old ones."""
    before = state_of_sources(experiment)
    while True:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
        now = state_of_sources(experiment)
        if now != before:
            _answer(f"{dagster}/graphql", _RELOAD)
        before = now


def _servers(home: Home, dagster: str, mlflow: str) -> list[Server]:
    definitions = _port(None, 0)
    workspace = home.dagster / "workspace.yaml"
    place = f"{{host: {HOST}, port: {definitions}, location_name: {_LOCATION}}}"
    write_text(workspace, f"load_from:\n  - grpc_server: {place}\n")
    code_server = ("dagster", "code-server", "start", "--use-python-environment-entry-point")
    code = ("-m", "pipelines.definitions", "-a", "defs", "--location-name", _LOCATION)
    return [
        Server(
            "MLflow UI",
            ("uvicorn", "--host", HOST, "--port", str(urlsplit(mlflow).port), "mlflow.server.fastapi_app:app"),
            is_ready=lambda: _answer(mlflow) is not None,
        ),
        Server(
            "Dagster's definitions",
            (*code_server, *code, "-h", HOST, "-p", str(definitions)),
            is_ready=lambda: _listens(definitions),
            is_needed_first=True,
        ),
        Server(
            "Dagster UI",
            ("dagster_webserver", "-w", str(workspace), "-h", HOST, "-p", str(urlsplit(dagster).port)),
            is_ready=lambda: _has_loaded_definitions(dagster),
        ),
        Server("Dagster daemon", ("dagster._daemon", "run", "-w", str(workspace))),
    ]


def _port(given: int | None, usual: int) -> int:
    """The given port, or the usual one, or where that is taken any free one."""
    for port in (given,) if given is not None else (usual, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((HOST, port))
                return int(probe.getsockname()[1])
    raise InputError(f"port {given} on {HOST} is taken; name another, or leave it out for a free one", ())


def _answer(url: str, query: str | None = None) -> bytes | None:
    """What a server of ours says to a GET, or to a GraphQL query; nothing where it does not answer yet."""
    content = None if query is None else json.dumps({"query": query}).encode()
    request = urllib.request.Request(url, content, {"Content-Type": "application/json"})  # noqa: S310 - loopback, our own
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            return bytes(response.read())
    except OSError:
        return None


def _listens(port: int) -> bool:
    """Whether the process that holds the graph listens; it speaks another protocol than the pages."""
    with contextlib.suppress(OSError):
        socket.create_connection((HOST, port), timeout=1).close()
        return True
    return False


def _has_loaded_definitions(url: str) -> bool:
    """Whether Dagster's UI has heard from the process that holds the graph; until then its pages are empty."""
    answer = _answer(f"{url}/graphql", "{ workspaceOrError { ... on Workspace { locationEntries { loadStatus } } } }")
    if answer is None:
        return False
    entries = json.loads(answer)["data"]["workspaceOrError"].get("locationEntries", [])
    return bool(entries) and all(entry["loadStatus"] == "LOADED" for entry in entries)


def _end(children: Collection[subprocess.Popen[bytes]]) -> None:
    for child in children:
        _signal(child, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_S
    for child in children:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(max(0.1, deadline - time.monotonic()))
    for child in children:
        _signal(child, signal.SIGKILL)  # whatever is left of the group, also where its leader is gone
        child.wait()


def _signal(child: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)
