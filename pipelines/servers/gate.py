"""Lets the user's browser through to the pages, and nobody else: neither other users of this machine, nor web pages.

A link with the secret gives a browser a cookie. After that a request needs the cookie, names this host, and comes from
the page itself or from the user. Cookies know no ports: a page on another port of this host counts as the same site,
so that ``SameSite`` alone does not keep it out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from starlette.datastructures import URL
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from pipelines.servers.forwarding import Backend
from pipelines.servers.keys import Key, user_of
from pipelines.servers.ports import HOST

PARAMETER = "key"
"""Name of the parameter that holds the secret, in a link to ``/``."""
_RETURN = "har-return"
"""Marks a request that a page of ours sent again."""
_HEADERS = ((b"x-frame-options", b"SAMEORIGIN"), (b"cross-origin-resource-policy", b"same-origin"))
_ELSEWHERE = """<!doctype html><title>har</title>
<script>
const here = new URL(location.href);
here.searchParams.set("har-return", "1");
location.replace(here);
</script>
<noscript>Follow this link by hand, or allow scripts.</noscript>
"""
"""A browser withholds the cookie where another site's link was followed, such as one in a report that was opened from
disk. Asking again from here, it sends it."""
_CLOSED = """<!doctype html><title>har</title>
<style>body { font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1rem }</style>
<p>These pages open with the link that <code>har ui</code> printed in its terminal: it ends with <code>?key=…</code>.
Each start of <code>har ui</code> prints a new one.</p>
"""


class Rule(Protocol):
    """Whether a page gets a request; :mod:`pipelines.servers.routes` has them."""

    def __call__(self, method: str, path: str, parameters: Collection[str]) -> bool:
        """Of a method, a decoded path, and the names of what stands behind it in the address."""


@dataclass(frozen=True, slots=True)
class Page:
    """One of the two, with a port of its own."""

    backend: Backend
    opens: Rule
    start: str = ""
    """What its address ends with where a browser that was let in begins, as in ``#/experiments``."""


class Gate:
    """The application that a browser talks to, on the ports of ``pages``."""

    def __init__(self, key: Key, pages: Mapping[int, Page]) -> None:
        self._key = key
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or websocket; or the beginning and the end of all."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        page = self._pages[scope["server"][1]]
        if scope["type"] == "websocket":
            websocket = WebSocket(scope, receive, send)
            if scope["path"] == "/graphql" and self._refusal(websocket) is None:
                await page.backend.connect(websocket)
            else:
                await websocket.close()
        else:
            request = Request(scope, receive)
            response = await self._answer(request, page)
            response.raw_headers += [pair for pair in _HEADERS if pair[0] not in dict(response.raw_headers)]
            await response(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for page in self._pages.values():
            await page.backend.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, request: Request, page: Page) -> Response:
        if request.method == "GET" and request.scope["path"] == "/" and PARAMETER in request.query_params:
            return self._let_in(request, page)
        if (refusal := self._refusal(request)) is not None:
            return refusal
        if not page.opens(request.method, request.scope["path"], request.query_params):
            return _refused("har serves these pages without this")
        if _RETURN in request.query_params:
            return RedirectResponse(_relative(request.url.remove_query_params(_RETURN)), 303)
        return await page.backend.answer(request)

    def _let_in(self, request: Request, page: Page) -> Response:
        if not _names_this_host(request) or not self._key.is_secret(request.query_params[PARAMETER]):
            return HTMLResponse(_CLOSED, 403)
        response = RedirectResponse(_relative(request.url.remove_query_params(PARAMETER)) + page.start, 303)
        response.set_cookie(self._key.cookie_name, self._key.cookie(_user(request)), httponly=True, samesite="strict")
        response.headers["referrer-policy"] = "no-referrer"
        response.headers["cache-control"] = "no-store"
        return response

    def _refusal(self, connection: HTTPConnection) -> Response | None:
        """What a request gets that does not come from the user's browser and by the user's will; None where it does."""
        if not _names_this_host(connection):
            return _refused("Another host is named")
        if not _comes_from_here(connection):
            return _refused("Another page has asked for this")
        given = connection.cookies.get(self._key.cookie_name, "")
        if self._key.is_cookie(given, _user(connection)):
            return None
        is_first_try = _RETURN not in connection.query_params
        return (
            HTMLResponse(_ELSEWHERE) if _is_link_followed(connection) and is_first_try else HTMLResponse(_CLOSED, 403)
        )


def _names_this_host(connection: HTTPConnection) -> bool:
    """Exactly: a name of another host may be made to point here (DNS rebinding)."""
    port = connection.scope["server"][1]
    return connection.headers.getlist("host") in ([f"{HOST}:{port}"], [f"localhost:{port}"])


def _comes_from_here(connection: HTTPConnection) -> bool:
    """Whether the page itself asks, or the user by hand, as far as the browser says; or else follows a link to here."""
    host = connection.headers["host"]
    if any(origin != f"http://{host}" for origin in connection.headers.getlist("origin")):
        return False
    return connection.headers.get("sec-fetch-site") in {None, "none", "same-origin"} or _is_link_followed(connection)


def _is_link_followed(connection: HTTPConnection) -> bool:
    """Whether a page elsewhere brings the whole window here, which shows something and changes nothing."""
    told = [connection.headers.get(f"sec-fetch-{name}") for name in ("mode", "dest")]
    return (
        connection.scope.get("method") == "GET"
        and told == ["navigate", "document"]
        and connection.headers.get("sec-fetch-site") in {"same-site", "cross-site"}
    )


def _user(connection: HTTPConnection) -> int | None:
    client = connection.client
    return user_of(None if client is None else (client.host, client.port), connection.scope["server"])


def _relative(url: URL) -> str:
    return f"{url.path}?{url.query}" if url.query else url.path


def _refused(why: str) -> Response:
    return PlainTextResponse(f"Refused: {why}.\n", 403)
