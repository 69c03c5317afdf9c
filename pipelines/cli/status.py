"""``har status``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from har_core.base.progress import duration
from pipelines.cli.options import DataOption, ExperimentArgument, JsonOption

if TYPE_CHECKING:
    from pipelines.staleness import Status


def status(experiment: ExperimentArgument = None, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Say of every asset and partition whether it is fresh, stale, missing or pending, and why. Runs nothing."""
    from pipelines.homes import read_order

    order = read_order(experiment, data)  # what is wrong with it is said before Dagster is imported
    from pipelines.refresh import look

    statuses = look(order)
    if as_json:
        typer.echo(json.dumps([entry.to_dict() for entry in statuses], indent=2))
        return
    width = max(len(str(entry.item)) for entry in statuses)
    for entry in statuses:
        words = "; ".join([*entry.causes, *_cost(entry)])
        typer.echo(f"{entry.state:<8}  {entry.item!s:<{width}}  {words}".rstrip())
    if not any(entry.was_made for entry in statuses):
        typer.echo(f"Nothing was made in {order.home.root} yet.")


def _cost(entry: Status) -> list[str]:
    from pipelines.staleness import State

    is_due = entry.state in {State.STALE, State.MISSING} and entry.seconds is not None
    return [f"took {duration(entry.seconds or 0)} last time"] if is_due else []
