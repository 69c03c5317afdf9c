"""What passes the gate arrives as it was sent, and comes back as it was answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.pipelines.servers.conftest import CHUNK, NUM_CHUNKS

if TYPE_CHECKING:
    from tests.pipelines.servers.conftest import Site


def test_method_path_query_and_body_arrive(dagster: httpx.Client, mlflow: httpx.Client) -> None:
    told = dagster.get("/assets/models%2Flstm%20x?a=1&b=%2F%C3%A9").json()
    assert (told["method"], told["path"], told["query"]) == ("GET", "/assets/models/lstm x", "a=1&b=%2F%C3%A9")
    told = mlflow.request("DELETE", "/ajax-api/2.0/mlflow/model-versions/delete", content=b"x" * 5_000_000).json()
    assert (told["method"], told["length"]) == ("DELETE", 5_000_000)
    assert dagster.post("/graphql", content=(b"x" * 1000 for _ in range(1000))).json()["length"] == 1_000_000


def test_the_secret_stays_outside_and_other_cookies_arrive(site: Site, dagster: httpx.Client) -> None:
    dagster.cookies.set("theme", "dark")
    headers = dict(dagster.get("/", headers={"X-Forwarded-For": "1.2.3.4", "Accept": "text/html"}).json()["headers"])
    assert headers["cookie"] == "theme=dark"
    assert headers["accept"] == "text/html"
    assert headers["host"] == f"127.0.0.1:{dagster.base_url.port}"
    assert "x-forwarded-for" not in headers


def test_redirects_name_the_host_that_was_asked(site: Site, dagster: httpx.Client) -> None:
    assert dagster.get("/moved").headers["location"] == f"{site.dagster}/there"


def test_large_answers_come_in_pieces_and_whole(dagster: httpx.Client) -> None:
    with dagster.stream("GET", "/large") as answer:
        assert b"".join(answer.iter_bytes()) == CHUNK * NUM_CHUNKS


def test_an_answer_that_is_dropped_leaves_the_next_as_they_are(dagster: httpx.Client) -> None:
    with dagster.stream("GET", "/large") as answer:
        next(answer.iter_bytes(10))
    assert dagster.get("/").status_code == 200


def test_head_has_no_content(dagster: httpx.Client) -> None:
    answer = dagster.head("/")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 0


def test_websockets_talk_both_ways(site: Site, dagster: httpx.Client) -> None:
    cookies = "; ".join(f"{name}={value}" for name, value in dagster.cookies.items())
    headers = {"Cookie": cookies, "Origin": site.dagster}
    protocol = Subprotocol("graphql-ws")
    with connect(
        f"ws{site.dagster[4:]}/graphql", additional_headers=headers, subprotocols=[protocol], max_size=None
    ) as websocket:
        assert websocket.subprotocol == protocol
        for message in ("hello", "x" * 2_000_000):
            websocket.send(message)
            assert websocket.recv() == message * 2
        websocket.send("end")
        with pytest.raises(ConnectionClosed):
            websocket.recv(timeout=20)
        assert websocket.close_code == 1011
