"""``har status``."""

from __future__ import annotations

import typer

from har_core.base.progress import duration
from har_core.base.text import printable, to_json
from pipelines.cli.options import DataOption, ExperimentArgument, JsonOption


def status(experiment: ExperimentArgument = None, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Say of every asset and partition whether it is fresh, stale, missing or pending, and why. Runs nothing."""
    from pipelines.homes import read_order

    order = read_order(experiment, data)  # what is wrong with it is said before Dagster is imported
    from pipelines.refresh import look
    from pipelines.staleness import State

    statuses = look(order)
    if as_json:
        told = [
            {
                "asset": entry.item.key.to_user_string(),
                "partition": entry.item.partition,
                "state": entry.state,
                "causes": entry.causes,
                "seconds": entry.seconds,
            }
            for entry in statuses
        ]
        typer.echo(to_json(told))
        return
    width = max(len(str(entry.item)) for entry in statuses)
    for entry in statuses:
        words = list(entry.causes)
        if entry.state in {State.STALE, State.MISSING} and entry.seconds is not None:
            words.append(f"took {duration(entry.seconds)} last time")
        typer.echo(printable(f"{entry.state:<8}  {entry.item!s:<{width}}  {'; '.join(words)}".rstrip()))
    if not any(entry.was_made for entry in statuses):
        typer.echo(f"Nothing was made in {printable(order.home.root)} yet.")
