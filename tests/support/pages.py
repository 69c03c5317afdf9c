"""The pages of a started ``har ui``, as a browser that opened its link has them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import httpx
from narrowing import present


def read_links(started: subprocess.Popen[str]) -> tuple[str, str]:
    """The links to Dagster's and MLflow's pages, from what ``har ui`` prints, once both are there."""
    printed = read_until(present(started.stdout), "Ctrl-C ends both.")
    link = r"(http://127\.0\.0\.1:\d+/\?key=[\w-]{43})"
    found = re.search(rf"^Dagster: {link}\nMLflow:  {link}$", printed, re.MULTILINE)
    return present(found)[1], present(found)[2]


def read_until(printed: IO[str], last: str) -> str:
    """What a process prints, up to a line."""
    lines = []
    for line in printed:
        lines.append(line)
        if line.rstrip() == last:
            return "".join(lines)
    raise AssertionError(f"it ended without {last!r}: {''.join(lines)}")


def address(link: str) -> str:
    """Of a page, from the link that opens it."""
    return link.partition("/?")[0]


@contextmanager
def logged_in(link: str) -> Iterator[httpx.Client]:
    """A client that opened the link, and may now look at both pages."""
    with httpx.Client(base_url=address(link), timeout=60, trust_env=False) as client:
        answer = client.get(link, follow_redirects=True)
        opened = str(answer.url).partition("#")[0]  # what comes behind it is for a browser
        assert (answer.status_code, opened) == (200, f"{address(link)}/"), answer.text
        yield client
