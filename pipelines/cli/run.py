"""``har run``."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.cli.options import DataOption, ExperimentArgument


def run(
    experiment: ExperimentArgument = None,
    data: DataOption = None,
    select: Annotated[
        str | None, typer.Option(metavar="ASSETS", help="Only these, in Dagster's selection syntax.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Run the selection even where it is fresh.")] = False,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**32 - 1, help="Train the models that run with this seed instead.")
    ] = None,
) -> None:
    """Materialise what is missing or stale, in dependency order, and nothing else."""
    from pipelines.homes import read_order

    order = read_order(experiment, data)  # what is wrong with it is said before Dagster is imported
    from pipelines.refresh import refresh

    raise typer.Exit(refresh(order, selection=select, forced=force, seed=seed))
