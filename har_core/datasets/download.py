"""Downloads one large file over HTTP(S): resumes what broke off, waits and tries again, and keeps only whole files.

The caller can check what the file holds before it takes its place.
"""

from __future__ import annotations

import json
import os
import re
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from time import sleep
from urllib.error import HTTPError
from urllib.parse import urlsplit

from har_core.base.errors import HarError, InputError, Problem
from har_core.base.files import storage_errors, write_text
from har_core.base.progress import Progress, silent

_READ_BYTES = 1 << 18
_PARTIAL_CONTENT, _RANGE_NOT_SATISFIABLE = 206, 416
_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")
_MOST_FRUITLESS = 5
"""Attempts in a row that bring nothing new before the download gives up."""
_MOST_INVALID = 2
"""Whole but invalid files before the download gives up."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
"""Each further fruitless attempt doubles the pause."""
_TIMEOUT_S = 30.0
"""Longest silence of the server."""


class DownloadError(HarError):
    """The server did not deliver the file, however often it was asked."""


class _TryAgain(Exception):  # noqa: N818 - no error: it says what to do
    """This attempt failed in a way that another attempt may not."""


def download(
    url: str, path: Path, *, max_bytes: int, validate: Callable[[Path], None], progress: Progress = silent
) -> None:
    """Download ``url`` to ``path``, whole or not at all.

    What a broken attempt, even of a killed process, has brought is kept beside ``path`` and continued if the server
    allows it and still has the same file.

    Args:
        url: an ``http`` or ``https`` address.
        path: where the file goes; a file there is replaced at the end.
        max_bytes: a larger file is refused, before its download if the server states its size.
        validate: raises InputError if the downloaded file is not what it should be; it is then thrown away and
            fetched from the start as long as there are attempts left.
        progress: called with ``bytes downloaded``; the total is 0 if the server does not state it.

    Raises:
        InputError: the address is none, the server says that there is no such file, or the file is too large or not
            valid.
        DownloadError: the server cannot be reached, or does not deliver.
        StorageError: the disk is full.
    """
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        raise InputError(f"{url}: cannot be downloaded", [Problem(path=url, expected="an http or https address")])
    with storage_errors(path):
        part = _Part(path, url)
        num_fruitless = num_invalid = 0
        while True:
            most_so_far = part.most_bytes
            try:
                _fetch(part, max_bytes=max_bytes, progress=progress)
            except _TryAgain as error:
                num_fruitless = 0 if part.most_bytes > most_so_far else num_fruitless + 1
                if num_fruitless >= _MOST_FRUITLESS:
                    raise DownloadError(f"{url}: given up after {num_fruitless} attempts in vain: {error}") from error
                sleep(min(_FIRST_PAUSE_S * 2 ** max(num_fruitless - 1, 0), _LONGEST_PAUSE_S))
                continue
            try:
                validate(part.path)
            except InputError:
                part.discard()
                num_invalid += 1
                if num_invalid >= _MOST_INVALID:
                    raise
                continue
            part.publish()
            return


class _Part:
    """What has arrived so far, in a file beside the final path, with a note of what is needed to continue it later."""

    def __init__(self, final_path: Path, url: str) -> None:
        self.url, self._final_path = url, final_path
        self.path = final_path.with_name(f".{final_path.name}.part")
        self._note_path = final_path.with_name(f".{final_path.name}.part.json")
        self.validator: str | None = None
        """ETag or time of change of the file on the server; a continuation must have the same."""
        try:
            note = json.loads(self._note_path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            note = None
        if isinstance(note, dict) and note.get("url") == url:
            self.validator = note.get("validator")
        else:
            self.discard()
        self.most_bytes = self.num_bytes
        """Most bytes that any attempt has brought."""

    @property
    def num_bytes(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def start(self, validator: str | None) -> None:
        """Begin the file anew."""
        self.discard()
        self.validator = validator
        write_text(self._note_path, json.dumps({"url": self.url, "validator": validator}))
        self.path.touch()

    def append(self, chunks: Iterator[bytes]) -> None:
        with self.path.open("ab") as file:
            for chunk in chunks:
                file.write(chunk)
                file.flush()  # so that a killed process leaves what has arrived
                self.most_bytes = max(self.most_bytes, file.tell())

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self._note_path.unlink(missing_ok=True)

    def publish(self) -> None:
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
        self.path.replace(self._final_path)
        self._note_path.unlink(missing_ok=True)


def _fetch(part: _Part, *, max_bytes: int, progress: Progress) -> None:
    """One attempt: bring what is missing. Raises _TryAgain where another attempt may succeed."""
    response = _ask(part)
    if response is None:
        return
    with response:
        length = response.length
        if response.status == _PARTIAL_CONTENT:
            start, total = _content_range(response)
            if start != part.num_bytes:
                part.discard()
                raise _TryAgain(f"the server continued at {start}, not where it was asked to")
        else:
            part.start(_validator_of(response))
            start, total = 0, length
        if total is not None and total > max_bytes:
            part.discard()
            raise _too_large(part.url, total, max_bytes)
        part.append(_chunks(response, part, total=total, max_bytes=max_bytes, progress=progress))
    if length is not None and part.num_bytes < start + length:
        raise _TryAgain(f"the connection broke off after {part.num_bytes} of {start + length} bytes")


def _ask(part: _Part) -> HTTPResponse | None:
    """Ask for what is missing; None if the server says that nothing is."""
    num_have = part.num_bytes
    headers = {"User-Agent": "har (human-activity recognition)", "Accept-Encoding": "identity"}
    if num_have:
        headers["Range"] = f"bytes={num_have}-"
        if part.validator is not None:
            headers["If-Range"] = part.validator
    request = urllib.request.Request(part.url, headers=headers)  # noqa: S310 - download() admits only http and https
    try:
        response: HTTPResponse = _opener().open(request, timeout=_TIMEOUT_S)
    except HTTPError as error:
        with error:
            if error.code == _RANGE_NOT_SATISFIABLE and num_have:
                if error.headers["Content-Range"] == f"bytes */{num_have}":
                    return None
                part.discard()
                raise _TryAgain("the server no longer has the file that was begun") from error
            if error.code in _TRANSIENT:
                raise _TryAgain(f"HTTP status {error.code} ({error.reason})") from error
        value = f"HTTP status {error.code} ({error.reason})"
        problem = Problem(path=part.url, value=value, expected="a file to download")
        raise InputError(f"{part.url}: the server refuses", [problem]) from error
    except (OSError, HTTPException) as error:
        raise _TryAgain(f"no answer: {error}") from error
    return response


def _opener() -> urllib.request.OpenerDirector:
    # Not build_opener(): a redirection must not lead to a file:, ftp: or data: address.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _validator_of(response: HTTPResponse) -> str | None:
    tag = response.getheader("ETag")
    if tag is not None and not tag.startswith("W/"):  # RFC 9110, 13.1.5: a weak tag cannot guard a continuation
        return tag
    return response.getheader("Last-Modified")


def _content_range(response: HTTPResponse) -> tuple[int | None, int | None]:
    """Where the body begins in the file, and how large the file is, as far as the server says."""
    match = _CONTENT_RANGE.fullmatch(response.headers["Content-Range"] or "")
    start, total = match.groups() if match else (None, None)
    return None if start is None else int(start), None if total in {None, "*"} else int(total)


def _chunks(
    response: HTTPResponse, part: _Part, *, total: int | None, max_bytes: int, progress: Progress
) -> Iterator[bytes]:
    num_bytes = part.num_bytes
    while True:
        try:
            chunk = response.read1(_READ_BYTES)
        except (OSError, HTTPException) as error:
            raise _TryAgain(f"the connection broke off after {num_bytes} bytes: {error}") from error
        if not chunk:
            return
        num_bytes += len(chunk)
        if num_bytes > max_bytes:
            part.discard()
            raise _too_large(part.url, num_bytes, max_bytes)
        progress("bytes downloaded", num_bytes, total or 0)
        yield chunk


def _too_large(url: str, num_bytes: int, max_bytes: int) -> InputError:
    problem = Problem(path=url, value=f"{num_bytes} bytes or more", expected=f"at most {max_bytes} bytes")
    return InputError(f"{url}: larger than `max_download_bytes` allows", [problem])
