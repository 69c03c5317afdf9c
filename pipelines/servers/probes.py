"""What this process asks its servers, through their sockets: whether they are ready, and to load definitions again."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

import httpx

LOCATION = "har"
"""Name of the definitions in Dagster."""
_LOADED = "{ workspaceOrError { ... on Workspace { locationEntries { loadStatus } } } }"
_RELOAD = f'mutation {{ reloadRepositoryLocation(repositoryLocationName: "{LOCATION}") {{ __typename }} }}'
_TIMEOUT_S = 10.0


def is_mlflow_ready(address: Path) -> bool:
    """Whether MLflow's pages answer."""
    if listens(address):
        with contextlib.suppress(httpx.HTTPError), _client(address) as client:
            return client.get("http://localhost/health").is_success
    return False


def listens(address: Path) -> bool:
    """Whether a process listens; the one that holds the graph speaks another protocol than the pages."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        probe.connect(str(address))
        return True
    return False


def is_dagster_ready(address: Path) -> bool:
    """Whether Dagster's pages have heard from the process that holds the graph; until then they are empty."""
    if not listens(address):
        return False
    with contextlib.suppress(httpx.HTTPError), _client(address) as client:
        answer = client.post("http://localhost/graphql", json={"query": _LOADED}).json()
        entries = answer["data"]["workspaceOrError"].get("locationEntries", [])
        return bool(entries) and all(entry["loadStatus"] == "LOADED" for entry in entries)
    return False


def reload_definitions(address: Path) -> None:
    """Have Dagster's pages load the definitions again."""
    with contextlib.suppress(httpx.HTTPError), _client(address) as client:
        client.post("http://localhost/graphql", json={"query": _RELOAD})


def _client(address: Path) -> httpx.Client:
    return httpx.Client(
        transport=httpx.HTTPTransport(verify=False, uds=str(address)), timeout=_TIMEOUT_S, trust_env=False
    )
