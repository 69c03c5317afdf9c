"""``har models``."""

from __future__ import annotations

import typer


def models() -> None:
    """List architectures with parameters, MACs and source, and registered versions with their aliases."""
    from assets.resources.registry import Registry
    from assets.resources.tracking import Tracking
    from har_core.models.catalogue import describe, list_models
    from pipelines.session import open_home

    typer.echo("Architecture           Parameters          MACs  Source")
    for entry in map(describe, list_models()):
        costs = [f"{cost:,}" if cost is not None else "–" for cost in (entry.num_parameters, entry.macs)]
        typer.echo(f"{entry.name:<19}  {costs[0]:>12}  {costs[1]:>12}  {entry.source}")
    home = open_home()
    registered = Registry(Tracking(home)).registered() if (home.mlruns / "mlflow.db").is_file() else []
    if not registered:
        typer.echo("\nNo model is registered in this home yet: `har run` trains and registers them.")
        return
    typer.echo("\nRegistered model         Version  Recordings  Aliases")
    for version in registered:
        aliases = ", ".join(version.aliases)
        typer.echo(f"{version.name:<23}  {version.version:>7}  {version.origin:<10}  {aliases}".rstrip())
