"""Who gets through the gate, and who does not."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from narrowing import present
from pages import logged_in
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from pipelines.servers.keys import user_of

if TYPE_CHECKING:
    from tests.pipelines.servers.conftest import Site

ELSEWHERE = "http://127.0.0.1:9"
LINK_FOLLOWED = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


def cookie(client: httpx.Client) -> str:
    return "; ".join(f"{name}={value}" for name, value in client.cookies.items())


def test_a_link_opens_both_pages_and_leaves_no_secret_in_the_address(site: Site) -> None:
    answer = httpx.get(site.link(site.dagster))
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert httpx.get(site.link(site.mlflow)).headers["location"] == "/#/experiments"
    told = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in told.split(";")}
    assert site.key.secret not in told
    with logged_in(site.link(site.dagster)) as client:
        assert client.get(site.mlflow).status_code == 200


@pytest.mark.parametrize("path", ["/", "/graphql", "/runs/1", "/?key=", "/?key=wrong", "/health", "/?har-return=1"])
def test_nothing_is_shown_without_the_secret(site: Site, path: str) -> None:
    for page in (site.dagster, site.mlflow):
        answer = httpx.get(page + path)
        assert answer.status_code == 403
        assert "method" not in answer.text
        assert "set-cookie" not in answer.headers


def test_another_cookie_is_none(site: Site) -> None:
    for value in ("", "x" * 64, site.key.secret, site.key.cookie(12345)):
        assert httpx.get(site.dagster, headers={"Cookie": f"{site.key.cookie_name}={value}"}).status_code == 403


@pytest.mark.parametrize(
    "host",
    ["10.evil.example.com", "evil.example.com:{port}", "127.0.0.1", "localhost", "127.0.0.1:1", "127.0.0.1:{port}."],
)
def test_another_host_is_refused(site: Site, dagster: httpx.Client, host: str) -> None:
    name = host.format(port=dagster.base_url.port)
    assert dagster.get("/", headers={"Host": name}).status_code == 403
    assert dagster.get(site.link(""), headers={"Host": name}).status_code == 403


def test_localhost_is_this_host(dagster: httpx.Client) -> None:
    assert dagster.get("/", headers={"Host": f"localhost:{dagster.base_url.port}"}).status_code == 200


@pytest.mark.parametrize(
    "origin", [ELSEWHERE, "https://evil.example.com", "null", "http://localhost:{port}", "file://"]
)
def test_another_origin_is_refused(dagster: httpx.Client, origin: str) -> None:
    headers = {"Origin": origin.format(port=dagster.base_url.port)}
    assert dagster.post("/graphql", json={}, headers=headers).status_code == 403
    assert dagster.get("/", headers=headers).status_code == 403


@pytest.mark.parametrize("site_of_origin", ["same-site", "cross-site"])
@pytest.mark.parametrize(
    "told",
    [
        {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        {},
    ],
)
def test_what_another_page_fetches_is_refused(dagster: httpx.Client, site_of_origin: str, told: dict[str, str]) -> None:
    headers = {"Sec-Fetch-Site": site_of_origin, **told}
    assert dagster.get("/", headers=headers).status_code == 403
    assert dagster.post("/graphql", json={}, headers=headers).status_code == 403


def test_the_page_itself_and_the_user_get_through(dagster: httpx.Client) -> None:
    for who in ("same-origin", "none"):
        assert dagster.post("/graphql", json={}, headers={"Sec-Fetch-Site": who}).status_code == 200
    headers = {"Origin": str(dagster.base_url).rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    assert dagster.post("/graphql", json={}, headers=headers).status_code == 200


def test_a_link_on_the_other_page_is_followed_but_no_form_is_sent(dagster: httpx.Client) -> None:
    headers = {"Sec-Fetch-Site": "same-site", **LINK_FOLLOWED}
    assert dagster.get("/runs/1", headers=headers).json()["path"] == "/runs/1"
    assert dagster.post("/graphql", json={}, headers=headers).status_code == 403


def test_a_link_elsewhere_comes_again_from_here(site: Site, dagster: httpx.Client) -> None:
    """A browser sends no cookie with the first request, and sends it with the second."""
    headers = {"Sec-Fetch-Site": "cross-site", **LINK_FOLLOWED}
    first = httpx.get(f"{site.dagster}/runs/1?a=b", headers=headers)
    assert "location.replace" in first.text
    assert "method" not in first.text
    second = dagster.get("/runs/1?a=b&har-return=1", headers={**headers, "Sec-Fetch-Site": "same-origin"})
    assert (second.status_code, second.headers["location"]) == (303, "/runs/1?a=b")
    assert httpx.get(f"{site.dagster}/runs/1?har-return=1", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "path", ["//evil.example.com/", "/\\evil.example.com/", "/%5Cevil.example.com/", "//evil.example.com"]
)
def test_no_address_leads_away(site: Site, path: str) -> None:
    with (
        logged_in(site.link(site.dagster)) as client,
        socket.create_connection(("127.0.0.1", present(client.base_url.port))) as connection,
    ):
        host = f"127.0.0.1:{client.base_url.port}"
        connection.sendall(
            f"GET {path}?har-return=1 HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie(client)}\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 403 ")


def test_nobody_may_frame_a_page(dagster: httpx.Client) -> None:
    assert dagster.get("/").headers["x-frame-options"] == "SAMEORIGIN"
    assert dagster.get("/").headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("missing", "wrong"),
    [(True, {}), (False, {"Origin": ELSEWHERE}), (False, {"Origin": "null"})],
)
def test_a_websocket_of_another_page_is_refused(
    site: Site, dagster: httpx.Client, missing: bool, wrong: dict[str, str]
) -> None:
    headers = {"Cookie": "" if missing else cookie(dagster), **wrong}
    with pytest.raises(InvalidStatus) as caught, connect(f"ws{site.dagster[4:]}/graphql", additional_headers=headers):
        pass
    assert caught.value.response.status_code == 403


def test_a_websocket_to_another_host_is_refused(dagster: httpx.Client) -> None:
    port = present(dagster.base_url.port)
    with (
        socket.create_connection(("127.0.0.1", port)) as connection,
        pytest.raises(InvalidStatus) as caught,
        connect(
            f"ws://10.evil.example.com:{port}/graphql", sock=connection, additional_headers={"Cookie": cookie(dagster)}
        ),
    ):
        pass
    assert caught.value.response.status_code == 403


@pytest.mark.skipif(not Path("/proc/net/tcp").is_file(), reason="the system does not say whose a connection is")
def test_a_cookie_works_for_its_user_alone(site: Site, dagster: httpx.Client) -> None:
    """Browsers send it to every port of this host, so that another user may come to know it."""
    assert subprocess.run(_asking(site, cookie(dagster)), check=False).returncode == 0
    other_user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    if subprocess.run([*other_user, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may become another user")
    assert subprocess.run([*other_user, *_asking(site, cookie(dagster))], check=False).returncode == 1


def _asking(site: Site, cookies: str) -> list[str]:
    """Exits with 0 where the page answers."""
    code = (
        "import sys, urllib.request as r\n"
        "request = r.Request(sys.argv[1], headers={'Cookie': sys.argv[2]})\n"
        "try: r.build_opener(r.ProxyHandler({})).open(request, timeout=20)\n"
        "except OSError as e: sys.exit(1 if getattr(e, 'code', 0) == 403 else 2)\n"
    )
    return ["/usr/bin/env", "python3", "-c", code, site.dagster, cookies]


def test_of_no_connection_nothing_is_known() -> None:
    assert user_of(None, ("127.0.0.1", 1)) is None
    assert user_of(("127.0.0.1", 1), ("127.0.0.1", 1)) is None
