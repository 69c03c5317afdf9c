"""A gate in front of a server that tells what it was asked."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

import httpx
import pytest
import uvicorn
from pages import logged_in
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from pipelines.servers.forwarding import Backend
from pipelines.servers.gate import Gate, Page
from pipelines.servers.keys import Key
from pipelines.servers.ports import listening, opened
from pipelines.servers.routes import opens_dagster, opens_mlflow

CHUNK = bytes(range(256)) * 256
NUM_CHUNKS = 320


async def echo(request: Request) -> Response:
    body = await request.body()
    headers = [[name.decode(), value.decode()] for name, value in request.headers.raw]
    return JSONResponse(
        {
            "method": request.method,
            "path": request.url.path,
            "query": request.url.query,
            "headers": headers,
            "length": len(body),
        }
    )


async def moved(request: Request) -> Response:
    return RedirectResponse(request.url_for("echo", path="there"))


async def large(_request: Request) -> Response:
    return StreamingResponse((CHUNK for _ in range(NUM_CHUNKS)), media_type="application/octet-stream")


async def talk(websocket: WebSocket) -> None:
    await websocket.accept("graphql-ws")
    async for message in websocket.iter_text():
        if message == "end":
            await websocket.close(4000)
            return
        await websocket.send_text(message * 2)


SERVER = Starlette(
    routes=[
        Route("/moved", moved),
        Route("/large", large),
        WebSocketRoute("/graphql", talk),
        Route("/{path:path}", echo, methods=["GET", "POST", "PUT", "PATCH", "DELETE"], name="echo"),
    ]
)


@dataclass(frozen=True)
class Site:
    key: Key
    dagster: str
    mlflow: str

    def link(self, page: str) -> str:
        return f"{page}/?key={self.key.secret}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    address = tmp_path_factory.mktemp("sockets") / "server.sock"
    server = uvicorn.Server(uvicorn.Config(SERVER, uds=str(address), log_config=None, ws="websockets-sansio"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    with ExitStack() as stack:
        listeners = [stack.enter_context(listening(None, 0)) for _ in range(2)]
        ports = [listener.getsockname()[1] for listener in listeners]
        key = Key(str(ports[0]))
        rules = (opens_dagster, opens_mlflow)
        pages = {port: Page(Backend(address, key.cookie_name), opens) for port, opens in zip(ports, rules, strict=True)}
        pages[ports[1]] = replace(pages[ports[1]], start="#/experiments")
        while not server.started:
            time.sleep(0.01)
        stack.enter_context(opened(Gate(key, pages), listeners))
        yield Site(key, *(f"http://127.0.0.1:{port}" for port in ports))
        server.should_exit = True
        thread.join()


@pytest.fixture
def dagster(site: Site) -> Iterator[httpx.Client]:
    with logged_in(site.link(site.dagster)) as client:
        yield client


@pytest.fixture
def mlflow(site: Site) -> Iterator[httpx.Client]:
    with logged_in(site.link(site.mlflow)) as client:
        yield client
