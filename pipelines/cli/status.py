"""``har status``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from pipelines.cli.options import DataOption, ExperimentArgument


def status(
    experiment: ExperimentArgument,
    data: DataOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="A list of objects instead of lines.")] = False,
) -> None:
    """Tell of every asset and partition whether it is fresh, stale, missing or pending, and why. Runs nothing."""
    from pipelines.refresh import look

    statuses = look(experiment, data)
    if as_json:
        typer.echo(json.dumps([entry.to_dict() for entry in statuses], indent=2))
        return
    width = max(len(str(entry.item)) for entry in statuses)
    for entry in statuses:
        typer.echo(f"{entry.state:<8}  {entry.item!s:<{width}}  {'; '.join(entry.causes)}".rstrip())
