"""Downloads from a server on loopback that behaves as badly as servers do."""

from __future__ import annotations

import errno
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from narrowing import present

from har_core.base.errors import InputError, StorageError
from har_core.datasets.download import DownloadError, download

if TYPE_CHECKING:
    from tests.har_core.datasets.conftest import FullDisk

CONTENT = np.random.default_rng(0).bytes(1_000_000)

Fetch = Callable[..., bytes]


@dataclass
class Answer:
    """What the server does with one request; by default what a good one does."""

    status: int | None = None
    """None: 200, or 206 where a range was asked for."""
    declared: int | None = None
    """Content-Length; None: the truth."""
    sends: int | None = None
    """Bytes after which the connection is closed; None: all."""
    stalls: bool = False
    """Then say nothing more instead of closing."""
    ignores_range: bool = False
    states_length: bool = True
    chunked: bool = False
    content: bytes = CONTENT
    tag: str | None = '"one"'
    headers: dict[str, str] = field(default_factory=dict)


class Server(ThreadingHTTPServer):
    """Gives the prepared answers one after another, then good ones; ``asked`` holds each request's Range."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Answer] = []
        self.then = Answer()
        self.asked: list[str | None] = []
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/archive.zip"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.close_connection = True
        server, range_asked = self.server, self.headers["Range"]
        server.asked.append(range_asked)
        answer = server.answers.pop(0) if server.answers else server.then
        start = 0
        if range_asked and not answer.ignores_range and _may_continue(self.headers["If-Range"], answer):
            start = int(present(re.fullmatch(r"bytes=(\d+)-", range_asked))[1])
        body = answer.content[start:]
        status = answer.status or (206 if start else 200)
        headers = dict(answer.headers)
        if start >= len(answer.content):
            status, body = 416, b""
            headers["Content-Range"] = f"bytes */{len(answer.content)}"
        elif status == 206:
            headers.setdefault("Content-Range", f"bytes {start}-{len(answer.content) - 1}/{len(answer.content)}")
        if answer.tag:
            headers["ETag"] = answer.tag
        if answer.chunked:
            headers["Transfer-Encoding"] = "chunked"
        elif answer.states_length:
            headers["Content-Length"] = str(len(body) if answer.declared is None else answer.declared)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.send_body(body[: answer.sends], answer)
        except (BrokenPipeError, ConnectionResetError):
            return  # the client has what it wants
        if answer.stalls:
            self.wfile.flush()
            server.released.wait(10)

    def send_body(self, body: bytes, answer: Answer) -> None:
        if not answer.chunked:
            self.wfile.write(body)
            return
        for at in range(0, len(body), 100_000):
            part = body[at : at + 100_000]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
        if answer.sends is None:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: object) -> None: ...


def _may_continue(if_range: str | None, answer: Answer) -> bool:
    return if_range is None or (if_range == answer.tag and not if_range.startswith("W/"))  # RFC 9110, 13.1.5


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.released.set()
        running.shutdown()
        thread.join()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that a download would have waited."""
    made: list[float] = []
    monkeypatch.setattr(f"{download.__module__}.sleep", made.append)
    monkeypatch.setattr(f"{download.__module__}._TIMEOUT_S", 0.5)
    return made


@pytest.fixture
def fetch(server: Server, tmp_path: Path, pauses: list[float]) -> Fetch:
    """Download without waiting; return the content, checking that nothing else is left."""

    def run(**options: Any) -> bytes:
        arguments: dict[str, Any] = {"max_bytes": len(CONTENT), "validate": lambda _: None} | options
        download(server.url, tmp_path / "archive.zip", **arguments)
        assert [path.name for path in tmp_path.iterdir()] == ["archive.zip"]
        return (tmp_path / "archive.zip").read_bytes()

    return run


def refuse_all_but_the_truth(path: Path) -> None:
    if path.read_bytes() != CONTENT:
        raise InputError("this is not it")


# --- Servers that mean well -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [Answer(), Answer(states_length=False), Answer(chunked=True), Answer(tag=None)])
def test_a_file_is_downloaded_with_progress(server: Server, fetch: Fetch, pauses: list[float], answer: Answer) -> None:
    told: list[tuple[str, int, int]] = []
    server.then = answer
    assert fetch(progress=lambda *step: told.append(step)) == CONTENT
    assert server.asked == [None]
    assert pauses == []
    total = len(CONTENT) if answer.states_length and not answer.chunked else 0
    assert told[-1] == ("bytes downloaded", len(CONTENT), total)
    assert [step[1] for step in told] == sorted(step[1] for step in told)


def test_a_redirection_is_followed(server: Server, fetch: Fetch) -> None:
    server.answers = [Answer(status=302, sends=0, declared=0, headers={"Location": "/elsewhere"})]
    assert fetch() == CONTENT
    assert len(server.asked) == 2


# --- Servers that break off -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunked", [False, True])
def test_what_breaks_off_is_continued(server: Server, fetch: Fetch, pauses: list[float], chunked: bool) -> None:
    server.answers = [Answer(sends=300_000, chunked=chunked), Answer(sends=400_000, chunked=chunked)]
    assert fetch() == CONTENT
    assert server.asked == [None, "bytes=300000-", "bytes=700000-"]
    assert pauses == [1.0, 1.0]


def test_a_silent_server_is_asked_again(server: Server, fetch: Fetch) -> None:
    server.answers = [Answer(sends=300_000, stalls=True), Answer(sends=0, stalls=True)]
    assert fetch() == CONTENT
    assert server.asked == [None, "bytes=300000-", "bytes=300000-"]


def test_a_server_without_ranges_is_asked_from_the_start(server: Server, fetch: Fetch) -> None:
    server.answers = [Answer(sends=300_000), Answer(ignores_range=True)]
    assert fetch() == CONTENT
    assert server.asked == [None, "bytes=300000-"]


@pytest.mark.parametrize("tag", ['"two"', None])
def test_a_file_that_changed_meanwhile_is_fetched_from_the_start(server: Server, fetch: Fetch, tag: str | None) -> None:
    server.answers = [Answer(sends=300_000)]
    server.then = Answer(tag=tag, content=CONTENT[::-1])
    assert fetch() == CONTENT[::-1]
    assert server.asked == [None, "bytes=300000-"]


def test_a_file_that_became_shorter_meanwhile_is_fetched_from_the_start(server: Server, fetch: Fetch) -> None:
    server.answers = [Answer(sends=300_000, tag=None)]
    server.then = Answer(tag=None, content=CONTENT[:1000])
    assert fetch() == CONTENT[:1000]
    assert server.asked == [None, "bytes=300000-", None]


def test_a_weak_tag_is_not_used_to_continue(server: Server, fetch: Fetch) -> None:
    server.then = Answer(tag='W/"one"')
    server.answers = [Answer(sends=300_000, tag='W/"one"')]
    told: list[int] = []
    assert fetch(progress=lambda _, num_done, __: told.append(num_done)) == CONTENT
    assert told == sorted(told), "begun again from the start"


def test_a_continuation_at_another_place_is_not_believed(server: Server, fetch: Fetch) -> None:
    misplaced = Answer(headers={"Content-Range": "bytes 5-999999/1000000"})
    server.answers = [Answer(sends=300_000), misplaced]
    assert fetch() == CONTENT
    assert server.asked == [None, "bytes=300000-", None]


def test_a_killed_download_is_continued_by_the_next(server: Server, fetch: Fetch, tmp_path: Path) -> None:
    def kill(what: str, num_done: int, num_total: int) -> None:
        if num_done >= 300_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(progress=kill)
    kept = (tmp_path / ".archive.zip.part").stat().st_size
    assert 0 < kept < len(CONTENT)
    assert fetch() == CONTENT
    assert server.asked == [None, f"bytes={kept}-"]


def test_what_was_left_of_another_address_is_not_continued(server: Server, fetch: Fetch, tmp_path: Path) -> None:
    (tmp_path / ".archive.zip.part").write_bytes(b"other")
    (tmp_path / ".archive.zip.part.json").write_text('{"url": "http://elsewhere/archive.zip", "validator": null}')
    assert fetch() == CONTENT
    assert server.asked == [None]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_in_trouble_is_asked_again_after_longer_and_longer_pauses(
    server: Server, fetch: Fetch, pauses: list[float], status: int
) -> None:
    server.answers = [Answer(status=status)] * 4
    assert fetch() == CONTENT
    assert pauses == [1.0, 2.0, 4.0, 8.0]


# --- Servers that lie -------------------------------------------------------------------------------------------------


def test_a_length_that_is_too_long_is_found_out(server: Server, fetch: Fetch) -> None:
    server.answers = [Answer(declared=len(CONTENT) + 5)]
    assert fetch(max_bytes=2 * len(CONTENT), validate=refuse_all_but_the_truth) == CONTENT
    assert server.asked == [None, "bytes=1000000-"]


def test_a_length_that_is_always_too_long_is_given_up(server: Server, fetch: Fetch, tmp_path: Path) -> None:
    server.then = Answer(declared=len(CONTENT) + 5, ignores_range=True)
    with pytest.raises(DownloadError, match="broke off after 1000000 of 1000005 bytes"):
        fetch(max_bytes=2 * len(CONTENT))
    assert len(server.asked) == 6
    assert not (tmp_path / "archive.zip").exists()


def test_a_length_that_is_too_short_is_found_out(server: Server, fetch: Fetch) -> None:
    server.answers = [Answer(declared=400_000)]
    assert fetch(validate=refuse_all_but_the_truth) == CONTENT
    assert server.asked == [None, None]


def test_a_length_that_is_always_too_short_is_given_up(server: Server, fetch: Fetch, tmp_path: Path) -> None:
    server.then = Answer(declared=400_000)
    with pytest.raises(InputError, match="this is not it"):
        fetch(validate=refuse_all_but_the_truth)
    assert len(server.asked) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "answer", [Answer(), Answer(states_length=False), Answer(chunked=True), Answer(declared=10**12)]
)
def test_a_file_that_is_too_large_is_refused(server: Server, fetch: Fetch, tmp_path: Path, answer: Answer) -> None:
    server.then = answer
    told: list[int] = []
    with pytest.raises(InputError, match=r"expected at most 999999 bytes") as caught:
        fetch(max_bytes=999_999, progress=lambda _, num_done, __: told.append(num_done))
    assert (told == []) == (answer.states_length and not answer.chunked), "a stated length is enough to refuse"
    assert caught.value.problems[0].path == server.url
    assert len(server.asked) == 1
    assert list(tmp_path.iterdir()) == []


# --- No file at all ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_server_that_has_no_such_file_is_asked_once(server: Server, fetch: Fetch, status: int) -> None:
    server.then = Answer(status=status)
    with pytest.raises(InputError, match=f"found 'HTTP status {status}"):
        fetch()
    assert len(server.asked) == 1


def test_a_server_that_stays_in_trouble_is_given_up(server: Server, fetch: Fetch, pauses: list[float]) -> None:
    server.then = Answer(status=500)
    with pytest.raises(DownloadError, match="given up after 5 attempts in vain: HTTP status 500"):
        fetch()
    assert (len(server.asked), pauses) == (5, [1.0, 2.0, 4.0, 8.0])


@pytest.mark.parametrize("address", ["file:///etc/hostname", "ftp://127.0.0.1/archive.zip"])
def test_a_redirection_to_anything_but_http_is_not_followed(server: Server, fetch: Fetch, address: str) -> None:
    server.then = Answer(status=302, sends=0, declared=0, headers={"Location": address})
    with pytest.raises((InputError, DownloadError), match=r"not allowed|unknown url type: ftp"):
        fetch()


def test_nobody_at_the_address_is_given_up(tmp_path: Path, pauses: list[float]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/a.zip"
    with pytest.raises(DownloadError, match="no answer"):
        download(url, tmp_path / "a", max_bytes=1, validate=print)
    assert len(pauses) == 4


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/a.zip", "archive.zip", "https://"])
def test_only_http_addresses_are_downloaded(tmp_path: Path, url: str) -> None:
    with pytest.raises(InputError, match="expected an http or https address"):
        download(url, tmp_path / "a", max_bytes=1, validate=print)


# --- The disk ---------------------------------------------------------------------------------------------------------


def test_a_full_disk_is_a_storage_error(server: Server, fetch: Fetch, tmp_path: Path, full_disk: FullDisk) -> None:
    (tmp_path / "archive.zip").write_bytes(b"earlier")
    with full_disk(300_000), pytest.raises(StorageError, match="the disk is full"):
        fetch()
    assert (tmp_path / "archive.zip").read_bytes() == b"earlier"
    assert len(server.asked) == 1


def test_a_disk_that_fails_is_not_taken_for_the_network(
    server: Server, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object, chunks: Iterator[bytes]) -> None:
        raise OSError(errno.EIO, f"Input/output error after {len(next(chunks))} bytes")

    monkeypatch.setattr("har_core.datasets.download._Part.append", fail)
    with pytest.raises(OSError, match="Input/output error"):
        fetch()
    assert len(server.asked) == 1


def test_the_earlier_file_stays_until_the_new_one_is_whole(server: Server, fetch: Fetch, tmp_path: Path) -> None:
    (tmp_path / "archive.zip").write_bytes(b"earlier")
    server.then = Answer(sends=300_000, ignores_range=True)
    with pytest.raises(DownloadError):
        fetch()
    assert (tmp_path / "archive.zip").read_bytes() == b"earlier"
    server.then = Answer()
    assert fetch() == CONTENT
