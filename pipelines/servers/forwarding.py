"""Hands requests and websockets on to a server that listens on a unix socket, as they came, and its answers back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import httpx
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, unix_connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

_OF_ONE_CONNECTION = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding "
    b"upgrade".split()
)
_TOLD_BY_PROXIES = (b"x-forwarded-", b"forwarded", b"x-real-ip")
_OF_HANDSHAKE = (b"sec-websocket-", b"origin")
_IDLE_S = 2.0
"""Servers close a connection that is idle for five seconds; it is not used any more before."""

Headers = list[tuple[bytes, bytes]]


class Backend:
    """One server behind the gate."""

    def __init__(self, socket: Path, own_cookie: str) -> None:
        """``own_cookie`` names the gate's cookie, which stays outside."""
        self._socket = str(socket)
        self._own_cookie = own_cookie
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=_IDLE_S)
        self._client = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(verify=False, uds=self._socket, limits=limits),
            timeout=httpx.Timeout(None, connect=10.0),
            trust_env=False,
        )

    async def answer(self, request: Request) -> Response:
        """What the server answers, streamed."""
        headers = self._headers(request)
        has_body = any(name in request.headers for name in ("content-length", "transfer-encoding"))
        sent = httpx.Request(
            request.method,
            httpx.URL("http://server", raw_path=_target(request)),
            headers=headers,
            content=request.stream() if has_body else None,
        )
        try:
            answer = await self._client.send(sent, stream=True)
        except httpx.TransportError as error:
            return PlainTextResponse(f"The server behind this page does not answer: {error}", 502)
        response = StreamingResponse(_content(answer), answer.status_code)
        response.raw_headers = _without(answer.headers.raw, _OF_ONE_CONNECTION)
        return response

    async def connect(self, websocket: WebSocket) -> None:
        """Pass messages both ways until one side closes."""
        try:
            server = await unix_connect(
                self._socket,
                f"ws://server{_target(websocket).decode('ascii')}",
                subprotocols=[Subprotocol(name) for name in websocket.scope["subprotocols"]] or None,
                additional_headers=[
                    (name.decode("latin-1"), value.decode("latin-1"))
                    for name, value in self._headers(websocket)
                    if not name.startswith((*_OF_HANDSHAKE, b"host", b"user-agent"))
                ],
                compression=None,
                max_size=None,
                ping_interval=None,  # a server may be busy
                proxy=None,
            )
        except (OSError, InvalidHandshake, TimeoutError):
            await websocket.close(1013)
            return
        async with server:
            await websocket.accept(server.subprotocol)
            tasks = {
                asyncio.create_task(_to_server(websocket, server)),
                asyncio.create_task(_to_browser(server, websocket)),
            }
            _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with contextlib.suppress(RuntimeError):  # the browser was quicker
                await websocket.close(1000 if server.close_code == 1000 else 1011)  # noqa: PLR2004 - normal, failure

    async def close(self) -> None:
        """Close what connections are left."""
        await self._client.aclose()

    def _headers(self, connection: HTTPConnection) -> Headers:
        kept = _without(connection.headers.raw, _OF_ONE_CONNECTION)
        kept = [(name, value) for name, value in kept if not name.startswith(_TOLD_BY_PROXIES)]
        cookies = [
            cookie.strip()
            for name, value in kept
            if name == b"cookie"
            for cookie in value.decode("latin-1").split(";")
            if cookie.strip().partition("=")[0] != self._own_cookie
        ]
        others = [(name, value) for name, value in kept if name != b"cookie"]
        return [*others, (b"cookie", "; ".join(cookies).encode("latin-1"))] if cookies else others


async def _content(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.aiter_raw():
            yield chunk
    finally:
        await answer.aclose()


async def _to_server(websocket: WebSocket, server: ClientConnection) -> None:
    with contextlib.suppress(WebSocketDisconnect, ConnectionClosed):
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            await server.send(text if text is not None else message["bytes"])


async def _to_browser(server: ClientConnection, websocket: WebSocket) -> None:
    async for message in server:
        await (websocket.send_text(message) if isinstance(message, str) else websocket.send_bytes(message))


def _target(connection: HTTPConnection) -> bytes:
    path: bytes = connection.scope["raw_path"]
    query: bytes = connection.scope["query_string"]
    return path + b"?" + query if query else path


def _without(headers: Iterable[tuple[bytes, bytes]], names: frozenset[bytes]) -> Headers:
    """Headers in lower case, but for those of one connection: ``names``, and what ``Connection`` names."""
    lower = [(name.lower(), value) for name, value in headers]
    named = {part.strip().lower() for name, value in lower if name == b"connection" for part in value.split(b",")}
    return [(name, value) for name, value in lower if name not in names and name not in named]
