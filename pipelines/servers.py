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
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import typer

from assets.resources.home import Home
from assets.resources.tracking import Tracking
from har_core.base.errors import HarError, InputError
from har_core.base.files import write_text
from pipelines.changes import DefinitionFiles
from pipelines.homes import definitions_file

HOST = "127.0.0.1"
USUAL_DAGSTER_PORT = 3000
USUAL_MLFLOW_PORT = 5000
_SECONDS_BETWEEN_LOOKS = 2.0
_SECONDS_BETWEEN_TRIES = 0.25
_GRACE_S = 10.0
_LOCATION = "har"
_RELOAD = f'mutation {{ reloadRepositoryLocation(repositoryLocationName: "{_LOCATION}") {{ __typename }} }}'
_WORKSPACE = """\
load_from:
  - grpc_server: {{host: {host}, port: {port}, location_name: {location}}}
"""


@dataclass(frozen=True, slots=True)
class Server:
    """One child process, and where it answers if it does."""

    name: str
    command: tuple[str, ...]
    url: str | None = None
    is_ready: Callable[[str], bool] = lambda url: _answer(url) is not None
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
    environment = {
        **os.environ,
        "HAR_EXPERIMENT": str(definitions_file(home).absolute()),
        "HAR_DAGSTER_URL": dagster,
        "HAR_MLFLOW_URL": mlflow,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # seven processes for evaluations that nobody here starts
        # What `mlflow ui` would set: it would stay in memory beside the server that it starts.
        "_MLFLOW_SERVER_FILE_STORE": Tracking(home).uri,
        "_MLFLOW_SERVER_REGISTRY_STORE": Tracking(home).uri,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": (home.mlruns / "artifacts").as_uri(),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SGI_NAME": "uvicorn",
    }
    _prepare_stores(environment, home)
    servers = _servers(home, dagster, mlflow)
    with _stop_signals() as stopped, _children(environment, home) as (start, children):

        def wait_for(server: Server, child: subprocess.Popen[bytes]) -> None:
            while server.url and not stopped and child.poll() is None and not server.is_ready(server.url):
                time.sleep(_SECONDS_BETWEEN_TRIES)

        for server in servers:
            start(server)
            if server.is_needed_first:
                wait_for(server, children[-1])
        for server, child in zip(servers, children, strict=True):
            wait_for(server, child)
        if not stopped and all(child.poll() is None for child in children):
            typer.echo(f"Dagster: {dagster}\nMLflow:  {mlflow}\nCtrl-C ends both.")
        threading.Thread(target=_keep_current, args=(dagster, definitions_file(home)), daemon=True).start()
        while not stopped:
            for server, child in zip(servers, children, strict=True):
                if child.poll() is not None:
                    typer.echo(f"{server.name} ended with exit code {child.returncode}; {home.log} says why", err=True)
                    return 1
            time.sleep(_SECONDS_BETWEEN_TRIES)
    return 0


def _prepare_stores(environment: Mapping[str, str], home: Home) -> None:
    """Create and migrate both stores in a process that ends, so that servers which start together find it done."""
    command = [sys.executable, "-m", "pipelines.stores"]
    with home.log.open("ab") as log:
        done = subprocess.run(command, env=environment, cwd=home.dagster, stdout=log, stderr=log, check=False)
    if done.returncode != 0:
        raise HarError(f"The stores of {home.root} cannot be opened; {home.log} says why")


def _keep_current(dagster: str, experiment: Path) -> None:
    """Have the definitions loaded again when what they are built from changes; Dagster's pages would show old ones."""
    files = DefinitionFiles(experiment)
    while True:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
        if files.have_changed():
            _answer(f"{dagster}/graphql", _RELOAD)


def _servers(home: Home, dagster: str, mlflow: str) -> list[Server]:
    def command(module: str, options: Mapping[str, object], *rest: str) -> tuple[str, ...]:
        words = module.split() + [str(word) for option in options.items() for word in option]
        return (sys.executable, "-m", *words, *rest)

    definitions = f"http://{HOST}:{_port(None, 0)}"
    workspace = home.dagster / "workspace.yaml"
    write_text(workspace, _WORKSPACE.format(host=HOST, port=_port_of(definitions), location=_LOCATION))
    return [
        Server(
            "MLflow UI",
            command("uvicorn", {"--host": HOST, "--port": _port_of(mlflow)}, "mlflow.server.fastapi_app:app"),
            mlflow,
        ),
        Server(
            "Dagster's definitions",
            command(
                "dagster code-server start --use-python-environment-entry-point",
                {"-m": "pipelines.definitions", "-a": "defs", "--location-name": _LOCATION, "-h": HOST}
                | {"-p": _port_of(definitions)},
            ),
            definitions,
            _serves_definitions,
            is_needed_first=True,
        ),
        Server(
            "Dagster UI",
            command("dagster_webserver", {"-w": workspace, "-h": HOST, "-p": _port_of(dagster)}),
            dagster,
            _has_loaded_definitions,
        ),
        Server("Dagster daemon", command("dagster._daemon run", {"-w": workspace})),
    ]


def _port_of(url: str) -> str:
    return url.rpartition(":")[2]


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


def _serves_definitions(url: str) -> bool:
    """Whether the process that holds the graph listens; it speaks another protocol than the pages."""
    try:
        socket.create_connection((HOST, int(_port_of(url))), timeout=1).close()
    except OSError:
        return False
    return True


def _has_loaded_definitions(url: str) -> bool:
    """Whether Dagster's UI has heard from the process that holds the graph; until then its pages are empty."""
    answer = _answer(f"{url}/graphql", "{ workspaceOrError { ... on Workspace { locationEntries { loadStatus } } } }")
    if answer is None:
        return False
    entries = json.loads(answer)["data"]["workspaceOrError"].get("locationEntries", [])
    return bool(entries) and all(entry["loadStatus"] == "LOADED" for entry in entries)


@contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """A list that holds the signal once one has asked to stop."""
    received: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _children(
    environment: Mapping[str, str], home: Home
) -> Iterator[tuple[Callable[[Server], None], list[subprocess.Popen[bytes]]]]:
    """What starts a server in a process group of its own, so that its own children end with it; and those started."""
    children: list[subprocess.Popen[bytes]] = []
    with home.log.open("ab") as log, contextlib.ExitStack() as stack:
        stack.callback(_end, children)

        def start(server: Server) -> None:
            # Dagster lets a `.env` of the working directory override this environment; there is none in its own folder.
            children.append(
                subprocess.Popen(
                    server.command, env=environment, cwd=home.dagster, stdout=log, stderr=log, start_new_session=True
                )
            )

        yield start, children


def _end(children: list[subprocess.Popen[bytes]]) -> None:
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
