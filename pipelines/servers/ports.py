"""The ports that a browser talks to: taken before anything starts, answered by the gate once all servers are there."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from har_core.base.errors import InputError

HOST = "127.0.0.1"


@contextmanager
def listening(given: int | None, usual: int) -> Iterator[socket.socket]:
    """A socket that listens on the given port, or the usual one, or where that is taken any free one."""
    for port in (given,) if given is not None else (usual, 0):
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((HOST, port))
                listener.listen(128)
            except OSError:
                continue
            yield listener
            return
    raise InputError(f"port {given} on {HOST} is taken; name another, or leave it out for a free one", ())


@contextmanager
def opened(gate: ASGIApp, listeners: list[socket.socket]) -> Iterator[None]:
    """The gate answers on these sockets, in a thread, where signals are none of its business."""
    config = uvicorn.Config(
        gate,
        loop="asyncio",
        http="h11",
        h11_max_incomplete_event_size=64 * 1024,  # a search may have a long address
        ws="websockets-sansio",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,  # it would write down the secret
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=listeners)), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(5)
