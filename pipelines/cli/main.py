"""``har``: the commands, and how an error of the user's becomes a message and an exit code."""

from __future__ import annotations

import atexit
import contextlib
import gc
import io
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from dotenv import load_dotenv

from har_core.base.errors import HarError, InputError
from pipelines.cli import (
    audit,
    dataset,
    export,
    home,
    leaderboard,
    models,
    personalise,
    predict,
    report,
    run,
    search,
    status,
    trace,
    ui,
)

app = typer.Typer(
    name="har",
    help="Human-activity recognition with body-worn sensors: trained, compared and registered models, kept right.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"har {version('har')}")
        raise typer.Exit


def _read_settings(path: Path) -> None:
    """Take what ``.env`` of the current folder sets and the shell does not.

    Raises:
        InputError: it cannot be read, and the shell names no home: it could be the one to name it.
    """
    if not path.is_file():
        return
    try:
        load_dotenv(path)
    except (OSError, ValueError) as error:
        if "HAR_HOME" not in os.environ:
            raise InputError(
                f"{path.absolute()}: cannot be read as settings in UTF-8; mend it, or name the home in HAR_HOME"
            ) from error


@app.callback()
def options(
    version: Annotated[  # noqa: ARG001 - its callback does it
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """What stands before the command."""
    _read_settings(Path(".env"))


_COMMANDS = (
    run.run,
    status.status,
    predict.predict,
    personalise.personalise,
    export.export,
    audit.audit,
    models.models,
    leaderboard.leaderboard,
    report.report,
    search.search,
    trace.trace,
    ui.ui,
)
for command in _COMMANDS:
    app.command()(command)
app.command()(dataset.init)
app.add_typer(dataset.app, name="dataset")
app.add_typer(home.app, name="home")

_OBJECTS_BETWEEN_COLLECTIONS = 500_000
"""By default 700: looking for garbage among what imports leave was a fifth of a run with nothing to do, and a tenth at
50,000. The demonstration takes no more memory for it."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script; always ends in SystemExit: 0 done, 1 the work failed, 2 the input was wrong."""
    if find_spec("fcntl") is None:
        sys.exit("Error: har works on Linux and macOS; on Windows, work in WSL")
    if arguments is None:  # a process of its own
        gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
        atexit.register(gc.freeze)  # as it ends it looks for no garbage: that was a third of `har status`
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files need not be text
            stream.reconfigure(errors="backslashreplace")
    try:
        app(args=None if arguments is None else list(arguments))
    except HarError as error:
        _tell(error)
        sys.exit(error.exit_code)
    except Exception as error:
        from pipelines.diagnosis import in_words
        from pipelines.homes import current_home

        told = in_words(error, current_home())
        if told is None:
            raise  # a mistake of ours: the traceback is what helps
        typer.echo(f"Error: {told}", err=True)
        sys.exit(1)


def _tell(error: HarError) -> None:
    typer.echo(f"Error: {error}", err=True)
    if isinstance(error, InputError) and len(error.problems) > 0:
        from pipelines.homes import current_home

        # The part that is shown must do where there is no home: the current folder is one only if it was made one.
        with contextlib.suppress(OSError, HarError):
            place = current_home()
            if "HAR_HOME" in os.environ or place.dagster.is_dir():
                error.write(place.problems)
                typer.echo(f"All problems: {place.problems}", err=True)
