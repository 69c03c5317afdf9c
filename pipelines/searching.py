"""``har search`` itself: one search with what it needs above it, as ``har run`` runs, and what it says at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from har_core.base.errors import InputError, UnknownNameError
from har_core.base.names import unknown
from har_core.base.text import printable, printable_lines
from har_core.settings.experiment import Experiment
from pipelines.homes import Order

if TYPE_CHECKING:
    from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

    from assets.resources.home import Home
    from pipelines.runner import Outcome
    from pipelines.waves import Request


def require_search(experiment: Experiment, model: str) -> None:
    """Refuse a model that the experiment file does not search.

    Raises:
        InputError: the file has no search at all.
        UnknownNameError: it has others.
    """
    if not experiment.search:
        raise InputError(
            f"{experiment.path}: has no [search.{model}], which says what to search; docs/search.md shows one"
        )
    if model not in experiment.search:
        raise UnknownNameError(unknown("search", model, experiment.search))


def run_search(order: Order, model: str, *, trials: int | None, workers: int) -> int:
    """Search settings of ``model``, and print the best; gives the exit code.

    Raises:
        InputError: the data or the home is wrong, or an architecture refuses its options.
        HomeBusyError: another process is at work in the home.
        HarError: a store is damaged, of another version, or stays locked.
    """
    from pipelines.refresh import carry_out

    return carry_out(
        order,
        lambda graph: request_search(graph, model, trials=trials, workers=workers),
        lambda outcome, home: _tell(outcome, home, model),
    )


def request_search(asset_graph: AssetGraph, model: str, *, trials: int | None = None, workers: int = 1) -> Request:
    """The search of ``model``, even where it ran before, and what is due above it."""
    from dagster import AssetSelection

    from assets.machinery.keys import search_key
    from pipelines.waves import Request

    key = search_key(model)
    above = AssetSelection.assets(key).upstream().resolve(asset_graph) & asset_graph.materializable_asset_keys
    return Request(wanted=above, forced={key}, config={key: {"trials": trials, "workers": workers}})


def _tell(outcome: Outcome, home: Home, model: str) -> int:
    from assets.resources.addresses import mlflow_start_url
    from pipelines import failures
    from pipelines.summary import named, print_failures

    typer.echo(f"Ran: {named(outcome.ran) or 'nothing'}")
    if outcome.failures:
        print_failures(outcome, home)
        return failures.exit_code(outcome.failures.values())
    folder = home.search(model)
    typer.echo("")
    typer.echo(printable_lines((folder / "best.toml").read_text(encoding="utf-8")))
    typer.echo(f"Nothing is changed by itself. The same lines: {printable(folder / 'best.toml')}")
    typer.echo(f"Page:   {printable(folder / 'search.html')}")
    typer.echo(f"MLflow: {mlflow_start_url()}")
    return 0
