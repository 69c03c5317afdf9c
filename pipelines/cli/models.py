"""``har models``."""

from __future__ import annotations

from typing import Annotated

import typer

from har_core.base.text import printable, to_json

_WIDTH = 23
"""Of the names of registered models; longer ones widen the column."""


def models(
    name: Annotated[str | None, typer.Argument(help="Describe this architecture alone, with its options.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One object with two lists instead of lines.")] = False,
) -> None:
    """List architectures with parameters, MACs and source, and registered versions with their aliases."""
    if name is not None:
        _describe(name, as_json=as_json)
        return
    from assets.resources.store import Store
    from har_core.models.catalogue import describe, list_models
    from pipelines.homes import current_home

    architectures, home = [describe(name) for name in list_models()], current_home()
    registered = Store(home).registered()
    if as_json:
        told = {
            "architectures": [
                {"name": entry.name, "num_parameters": entry.num_parameters, "macs": entry.macs, "source": entry.source}
                for entry in architectures
            ],
            "registered": [
                {
                    "name": entry.name,
                    "version": entry.version,
                    "aliases": entry.aliases,
                    "recordings": entry.origin,
                    "mlflow_run_id": entry.run_id,
                    "logged_model": entry.model_id,
                    "mean_macs": entry.mean_macs,
                }
                for entry in registered
            ],
        }
        typer.echo(to_json(told))
        return
    typer.echo("Architecture           Parameters           MACs  Source")
    for entry in architectures:
        costs = [f"{cost:,}" if cost is not None else "–" for cost in (entry.num_parameters, entry.macs)]
        typer.echo(f"{entry.name:<19}  {costs[0]:>12}  {costs[1]:>13}  {entry.source}")
    if not registered:
        typer.echo(f"\nNo model is registered in {printable(home.root)} yet: `har run` trains and registers them.")
        return
    width = max(_WIDTH, *(len(version.name) for version in registered))
    typer.echo(f"\n{'Registered model':<{width}}  Version  Recordings  Aliases")
    for version in registered:
        aliases = ", ".join(version.aliases)
        mean = "" if version.mean_macs is None else f"  ({version.mean_macs:,.0f} MACs on average)"
        typer.echo(
            printable(f"{version.name:<{width}}  {version.version:>7}  {version.origin:<10}  {aliases}{mean}".rstrip())
        )


def _describe(name: str, *, as_json: bool) -> None:
    """What the file of an architecture says of it, and its options as an experiment file sets them."""
    from har_core.models.catalogue import describe

    entry = describe(name)
    if as_json:
        costs = {"num_parameters": entry.num_parameters, "macs": entry.macs}
        told = {"name": entry.name, "description": entry.description, **costs, "options": dict(entry.options)}
        typer.echo(to_json({**told, "source": entry.source}))
        return
    typer.echo(f"{entry.description}\n\nSource: {entry.source}")
    if entry.options:
        typer.echo(f"\n[models.{entry.name}]")
        for option, default in entry.options.items():
            typer.echo(f"{option} = {to_json(default)}")
