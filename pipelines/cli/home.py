"""``har home``: what a home is, holds and serves; ``show``, ``adopt`` and ``check``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from pipelines.cli.options import ExperimentArgument, JsonOption

app = typer.Typer(no_args_is_help=True, help="Look at the home, look for what is wrong in it, name what it serves.")


@app.command()
def show(as_json: Annotated[bool, typer.Option("--json", help="One object instead of lines.")] = False) -> None:
    """Say where the home is, what it serves, how large it is, and who works in it."""
    from pipelines.homes import current_home
    from pipelines.inventory import take_inventory

    found = take_inventory(current_home())
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    sizes = ", ".join(f"{name} {size / 1e6:,.1f} MB" for name, size in found["bytes"].items())
    missing = " (not there any more)"
    serves = found["experiment"] or "no experiment file yet"
    recordings = found["data"] or "those that the experiment file names"
    for title, words in {
        "Home": found["home"] + (" (can only be read)" if found["can_only_be_read"] else ""),
        "Serves": serves + ("" if found["experiment_is_there"] else missing),
        "Recordings": recordings + ("" if found["data_is_there"] else missing),
        "Size": sizes or "nothing",
        "At work": found["at_work"] or "nobody",
    }.items():
        typer.echo(f"{title + ':':<12}{words}")


@app.command()
def adopt(experiment: ExperimentArgument = None) -> None:
    """Serve this file from now on, and have MLflow find its files where the home lies now."""
    from pipelines.inventory import adopt_experiment

    typer.echo(adopt_experiment(experiment))


@app.command()
def check(as_json: JsonOption = False) -> None:
    """Look at everything in the home, and say what is wrong and what mends it. Exits with 1 where something is."""
    from har_core.base.errors import InputError
    from pipelines.checkup import check_home
    from pipelines.homes import current_home
    from pipelines.session import open_home_to_look

    if not (place := current_home()).dagster.is_dir():
        raise InputError(f"{place.root} is no home yet: `har run` makes it one")
    looked = []
    for entry in check_home(open_home_to_look()):
        looked.append(entry)
        if as_json:
            continue
        typer.echo(f"{'wrong' if entry.troubles else 'ok':<5}  {entry.what}")
        for trouble in entry.troubles:
            typer.echo(f"       {trouble}")
    if as_json:
        told = [
            {"path": str(trouble.path), "problem": trouble.problem, "way_out": trouble.way_out, "what": entry.what}
            for entry in looked
            for trouble in entry.troubles
        ]
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
    raise typer.Exit(1 if any(entry.troubles for entry in looked) else 0)
