"""``har search``."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.cli.options import DataOption, ExperimentArgument


def search(
    model: Annotated[str, typer.Option(metavar="NAME", help="The architecture: NAME of its section search.NAME.")],
    experiment: ExperimentArgument = None,
    trials: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="Settings to try in all, in place of the file's number.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that try settings side by side.")] = 1,
    data: DataOption = None,
) -> None:
    """Try settings of one architecture on subjects that do not test, and print the best as lines to paste."""
    from pipelines.homes import read_order

    order = read_order(experiment, data)  # what is wrong with it is said before Dagster is imported
    from pipelines.searching import require_search, run_search

    require_search(order.experiment, model)
    raise typer.Exit(run_search(order, model, trials=trials, workers=workers))
