"""``har dataset``: data sets that are known, whether recordings fit one, a card for other ones; and ``har init``."""

from __future__ import annotations

from pathlib import Path
from shutil import get_terminal_size
from typing import Annotated, Literal

import typer

from har_core.base.text import printable, to_json
from pipelines.cli.options import JsonOption, OutputOption, given_path

app = typer.Typer(no_args_is_help=True, help="Look at data sets, check recordings against one, describe your own.")

SetArgument = Annotated[str, typer.Argument(help="A name that `har dataset list` shows, or a card.", metavar="SET")]


def _width() -> int:
    """Of the terminal; 100 where there is none."""
    return max(get_terminal_size((100, 24)).columns, 60)


@app.command("list")
def list_sets(as_json: JsonOption = False) -> None:
    """List the data sets that have a name."""
    from pipelines.data_sets import as_table, titles

    known = titles()
    if as_json:
        typer.echo(to_json([spec.model_dump(mode="json") for spec in known.values()]))
        return
    for line in as_table(known, _width()):
        typer.echo(printable(line))


@app.command()
def show(name: SetArgument, as_json: Annotated[bool, typer.Option("--json", help="One object.")] = False) -> None:
    """Describe a data set: where it is from, its channels and activities."""
    if as_json:
        from har_core.datasets.catalogue import find_dataset

        typer.echo(to_json(find_dataset(name, relative_to=Path()).spec.model_dump(mode="json")))
        return
    from pipelines.data_sets import describe

    for line in describe(name, _width()):
        typer.echo(printable(line))


@app.command()
def check(
    name: SetArgument,
    data: Annotated[
        Path, typer.Option(envvar="HAR_DATA", metavar="PATH", help="Folder or zip of recordings.", parser=given_path)
    ],
    output_format: Annotated[Literal["table", "json"], typer.Option("--format", help="Of what is printed.")] = "table",
) -> None:
    """Read all recordings as a data set or card describes them; say what is there, and everything that is wrong."""
    from har_core.base.errors import InputError, counted
    from har_core.datasets.catalogue import find_dataset
    from pipelines.data_sets import as_json, as_lines, folded, survey

    dataset = find_dataset(name, relative_to=Path())
    found, problems = survey(dataset, data)
    if output_format == "json":
        typer.echo(to_json(as_json(found, problems)))
    elif found.num_files:
        for line in as_lines(found, dataset.spec, _width()):
            typer.echo(printable(line))
    if problems:
        told = problems if output_format == "json" else folded(problems)
        raise InputError(f"{data}: {counted(len(problems), 'problem')}", told)


@app.command()
def draft(
    location: Annotated[Path, typer.Argument(help="Folder or zip of text files.", metavar="PATH", parser=given_path)],
    output: OutputOption = None,
) -> None:
    """Write a card for a folder of text files, as far as they tell; what they do not is marked FILL IN."""
    from pipelines.own_data import draft as make_draft

    text = make_draft(location, output)
    if output is None:
        typer.echo(text, nl=False)
    else:
        typer.echo(printable(f"{output}: complete what is marked FILL IN"))


def init(
    directory: Annotated[Path, typer.Argument(help="Where to begin.", metavar="DIRECTORY", parser=given_path)],
    data: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Folder or zip of text files to draft the card from.", parser=given_path),
    ] = None,
) -> None:
    """Begin a project for your own recordings: an experiment file, a card and a README."""
    from pipelines.own_data import start_project

    for path in start_project(directory, data):
        typer.echo(printable(path))
