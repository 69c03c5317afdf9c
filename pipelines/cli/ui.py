"""``har ui``."""

from __future__ import annotations

from typing import Annotated

import typer

PortOption = Annotated[int | None, typer.Option(min=1, max=65535, help="The usual one where absent, else a free one.")]


def ui(dagster_port: PortOption = None, mlflow_port: PortOption = None) -> None:
    """Serve Dagster's UI with its daemon and MLflow's, to your browser alone. Ctrl-C or the end of one ends all."""
    from har_core.base.errors import InputError
    from pipelines.diagnosis import refuse_troubled_stores
    from pipelines.homes import definitions_file
    from pipelines.servers.serving import serve
    from pipelines.session import open_home

    home = open_home()
    refuse_troubled_stores(home)
    if not (experiment := definitions_file(home)).is_file():
        raise InputError(
            f"{experiment}: the experiment file is not there; say which it is: har home adopt EXPERIMENT.toml"
        )
    raise typer.Exit(serve(home, dagster_port=dagster_port, mlflow_port=mlflow_port))
