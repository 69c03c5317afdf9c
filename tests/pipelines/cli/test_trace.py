"""What ``har trace`` prints, and what it exits with; what it finds is tested where a graph ran (``tests/assets``)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import pipelines.trace
from assets.resources.store import Store
from pipelines.links import Link, differs, unverifiable, verified

if TYPE_CHECKING:
    from har_commands import Result

RUN, COMMIT, SHA256 = "0123456789abcdef" * 2, "0123456789" * 4, "fedcba98" * 8
DAGSTER_RUN = "e428125b-55f2-4132-8004-e33919a18da7"
MODEL = Link(
    "Registered model",
    "har version 1",
    {
        "aliases": "champion",
        "Dagster run": DAGSTER_RUN,
        "git commit": COMMIT,
        "test accuracy": 0.5,
        "url": f"http://x/{RUN}",
    },
    [verified("weights", f"{SHA256}, hashed from the model")],
)
SPLITS = Link(
    "splits", SHA256, {}, [unverifiable("files", "1 of 2 files written anew: data/a.parquet", "replaced since")]
)
WINDOWS = Link("windows", SHA256, {}, [differs("files", "1 file altered: data/windows/windows.parquet")])
PRINTED = f"""\
Registered model    har version 1
                    aliases champion, Dagster run e428125b, git commit 012345678901,
                    test accuracy 0.5000
                    http://x/{RUN}
  weights           fedcba98fedc, hashed from the model       verified

splits              fedcba98fedc
  files             1 of 2 files written anew:
                    data/a.parquet                            cannot be verified (replaced since)
"""


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replace what is found by the links given."""

    def replace(*links: Link) -> None:
        monkeypatch.setattr(Store, "resolve", lambda store, model_uri: model_uri)
        monkeypatch.setattr(pipelines.trace, "trace_model", lambda entry, store, instance: list(links))

    return replace


def test_blocks_are_aligned_and_hashes_short(har: Callable[..., Result], found: Callable[..., None]) -> None:
    found(MODEL, SPLITS)
    result = har("trace")
    assert result.exit_code == 0
    assert result.out == f"{PRINTED}\n2 checks: 1 verified, 1 cannot be verified\n"
    assert result.err == ""


def test_what_differs_is_a_failure(har: Callable[..., Result], found: Callable[..., None]) -> None:
    found(MODEL, SPLITS, WINDOWS)
    result = har("trace", "models:/har/1")
    assert result.exit_code == 1
    assert result.out.endswith(
        "windows             fedcba98fedc\n"
        "  files             1 file altered:\n"
        "                    data/windows/windows.parquet              differs\n"
        "\n3 checks: 1 verified, 1 differs, 1 cannot be verified\n"
    )


@pytest.mark.parametrize(("links", "exit_code"), [([MODEL, SPLITS], 0), ([MODEL, WINDOWS], 1)])
def test_json_says_the_same_with_whole_hashes(
    har: Callable[..., Result], found: Callable[..., None], links: list[Link], exit_code: int
) -> None:
    found(*links)
    result = har("trace", "--json")
    assert result.exit_code == exit_code
    assert json.loads(result.out) == [
        {
            "link": link.title,
            "name": link.name,
            "facts": link.facts,
            "checks": [
                {"check": check.what, "detail": check.detail, "verdict": check.verdict, "reason": check.reason}
                for check in link.checks
            ],
        }
        for link in links
    ]


@pytest.mark.parametrize(
    ("model_uri", "complaint"),
    [
        ("models:/har@champion", "nothing is registered in {home} yet; run `har run` first"),
        ("nonsense", "expected models:/NAME@ALIAS or models:/NAME/VERSION, as models:/har@champion"),
    ],
)
def test_home_without_models(har: Callable[..., Result], home: Path, model_uri: str, complaint: str) -> None:
    result = har("trace", model_uri)
    assert result.exit_code == 2
    assert result.err == f"Error: {model_uri}: {complaint.format(home=home)}\n"
    assert result.out == ""
