"""``har trace``."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Mapping
from typing import Annotated

import typer

from har_core.base.text import printable, to_json
from pipelines.cli.options import JsonOption
from pipelines.links import Link, LinkCheck, Verdict

_WIDTH = 100
_NAMES = 18
_DETAILS = 40
_KEPT_TOGETHER = "\0"
_COLOURS = {"verified": "green", "differs": "red", "cannot be verified": "yellow"}


def trace(
    model: Annotated[str, typer.Argument(help="models:/NAME@ALIAS or models:/NAME/VERSION.", metavar="MODEL_URI")] = (
        "models:/har@champion"
    ),
    as_json: JsonOption = False,
) -> None:
    """Follow a registered model back to the exact data, and check every link again. Exits with 1 where one differs."""
    from assets.resources.store import Store
    from pipelines.homes import current_home

    store = Store(current_home())
    entry = store.resolve(model)
    # What follows brings Dagster: not before there is something to trace.
    from pipelines.session import open_home_to_look, open_instance
    from pipelines.trace import trace_model

    with open_instance(open_home_to_look()) as instance:
        links = trace_model(entry, store, instance)
    verdicts = Counter(check.verdict for link in links for check in link.checks)
    if as_json:
        typer.echo(to_json([link.to_dict() for link in links]))
    else:
        typer.echo("\n\n".join(map(_block, links)))
        counts = [f"{verdicts[verdict]} {verdict}" for verdict in Verdict if verdicts[verdict]]
        typer.echo(f"\n{verdicts.total()} checks: {', '.join(counts)}")
    raise typer.Exit(1 if verdicts[Verdict.DIFFERS] else 0)


def _block(link: Link) -> str:
    indent = " " * (_NAMES + 2)
    lines = [f"{typer.style(f'{link.title:<{_NAMES}}', bold=True)}  {_short(link.name)}"]
    lines += [indent + line for line in _tell({name: value for name, value in link.facts.items() if name != "url"})]
    if "url" in link.facts:
        lines.append(f"{indent}{printable(link.facts['url'])}")
    return "\n".join([*lines, *map(_line, link.checks)])


def _tell(facts: Mapping[str, str | float]) -> list[str]:
    """``name value, name value``, broken between facts only."""
    values = {name: f"{value:.4f}" if isinstance(value, float) else str(value) for name, value in facts.items()}
    told = ", ".join(f"{name} {value}".replace(" ", _KEPT_TOGETHER) for name, value in values.items())
    return [line.replace(_KEPT_TOGETHER, " ") for line in _wrap(_short(told), _WIDTH - _NAMES - 2)] if told else []


def _line(check: LinkCheck) -> str:
    first, *others = [f"{line:<{_DETAILS}}" for line in _wrap(_short(check.detail), _DETAILS)]
    lines = [f"  {check.what:<{_NAMES - 2}}  {first}", *(f"{'':<{_NAMES}}  {line}" for line in others)]
    verdict = typer.style(check.verdict, fg=_COLOURS[check.verdict])
    reason = f" ({printable(check.reason)})" if check.reason else ""
    return "\n".join([*(line.rstrip() for line in lines[:-1]), f"{lines[-1]}  {verdict}{reason}"])


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


def _short(text: str) -> str:
    """Hashes and ids by their first 12 digits, Dagster's ids by their first 8, as its pages show them."""
    text = re.sub(r"\b([0-9a-f]{8})(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", r"\1", text)
    text = re.sub(r"([0-9a-f]{12})[0-9a-f]{4,}\b", r"\1", text)
    return _KEPT_TOGETHER.join(map(printable, text.split(_KEPT_TOGETHER)))
