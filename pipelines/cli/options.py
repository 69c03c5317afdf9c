"""Arguments that several commands share."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from pydantic_core import PydanticCustomError

from har_core.base.text import printable

if TYPE_CHECKING:
    from pipelines.left_out import LeftOut


def given_path(text: str) -> Path:
    """The path that a user wrote; Python would take an empty one for the current folder."""
    if not text:
        raise PydanticCustomError("path", "An empty path names nothing.")
    if "\0" in text:
        raise PydanticCustomError("path", "No path holds the character NUL.")
    if text.startswith("~"):  # Path.expanduser() raises an error for a user who is not there
        text = os.path.abspath(os.path.expanduser(text))  # noqa: PTH100, PTH111
    return Path(text)


def given_file(text: str) -> Path:
    """The same of a file to write."""
    path = given_path(text)
    if os.path.isdir(text):  # noqa: PTH112 - of a path that is too long, Path.is_dir() raises an error
        raise PydanticCustomError("path", "{path} is a folder: name a file.", {"path": printable(text)})
    return path


ExperimentArgument = Annotated[
    Path | None,
    typer.Argument(
        help="The experiment file; the one that the home serves where absent.",
        metavar="[EXPERIMENT.toml]",
        parser=given_path,
    ),
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        envvar="HAR_DATA",
        metavar="PATH",
        help="Folder or zip of recordings; the home remembers it for every command.",
        parser=given_path,
    ),
]
DatasetOption = Annotated[
    str | None,
    typer.Option(
        help="What the recordings are of: a name that `har dataset list` shows, or the path of a card (.toml); where "
        "absent, what the home is of, and else dsads.",
        metavar="NAME_OR_CARD",
    ),
]
FormatOption = Annotated[
    Literal["table", "csv", "json", "parquet"], typer.Option("--format", help="Of what is printed.")
]
OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", help="Write to this file instead of standard output.", metavar="FILE", parser=given_file
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="A list of objects instead of lines.")]


def put_out(content: bytes, output: Path | None) -> None:
    """Write ``content`` to ``output``, or to standard output."""
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    from har_core.base import files

    files.put_out(output, content)


def tell_left_out(left_out: LeftOut, *, but: str) -> None:
    """Say what the answer that was put out lacks; ``but`` says what it holds.

    Raises:
        InputError: something was left out because it is wrong.
    """
    if (told := left_out.told()) is not None:
        typer.echo(printable(told), err=True)
    left_out.raise_refused(but=but)
