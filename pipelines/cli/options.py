"""Arguments that several commands share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer


def _path(text: str) -> Path:
    """``text`` as a path; as a path, no text would be the current folder."""
    if not text:
        raise typer.BadParameter("name a folder or zip of recordings")
    return Path(text)


ExperimentArgument = Annotated[
    Path | None,
    typer.Argument(help="The experiment file; the one that the home serves where absent.", metavar="[EXPERIMENT.toml]"),
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        envvar="HAR_DATA",
        metavar="PATH",
        help="Folder or zip of recordings; the home remembers it for every command.",
        parser=_path,
    ),
]
FormatOption = Annotated[
    Literal["table", "csv", "json", "parquet"], typer.Option("--format", help="Of what is printed.")
]
OutputOption = Annotated[Path | None, typer.Option(help="Write to this file instead of standard output.")]
JsonOption = Annotated[bool, typer.Option("--json", help="A list of objects instead of lines.")]


def put_out(content: bytes, output: Path | None) -> None:
    """Write ``content`` to ``output``, whole or not at all, or to standard output."""
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    from har_core.base.files import write_bytes

    write_bytes(output, content)
