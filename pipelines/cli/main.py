"""``har``: the commands, and how an error of the user's becomes a message and an exit code."""

from __future__ import annotations

import atexit
import contextlib
import gc
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from dotenv import load_dotenv

from har_core.base.errors import HarError, InputError
from pipelines.cli import audit, models, predict, run, status, trace, ui

app = typer.Typer(
    name="har",
    help="Human-activity recognition on DSADS recordings: trained, compared and registered models, kept right.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"har {version('har')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """What stands before the command."""


for command in (run.run, status.status, predict.predict, audit.audit, models.models, trace.trace, ui.ui):
    app.command()(command)

_OBJECTS_BETWEEN_COLLECTIONS = 500_000
"""By default 700: looking for garbage among what imports leave was a fifth of a run with nothing to do, and a tenth at
50,000. The demonstration takes no more memory for it."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script; always ends in SystemExit: 0 done, 1 the work failed, 2 the input was wrong."""
    if arguments is None:  # a process of its own
        gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
        atexit.register(gc.freeze)  # as it ends it looks for no garbage: that was a third of `har status`
    load_dotenv(Path(".env"))
    try:
        app(args=None if arguments is None else list(arguments))
    except HarError as error:
        _tell(error)
        sys.exit(error.exit_code)
    except Exception as error:
        from pipelines.failures import lack, message

        if lack(error) is None:
            raise  # a mistake of ours: the traceback is what helps
        typer.echo(f"Error: {message(error)}", err=True)
        sys.exit(1)


def _tell(error: HarError) -> None:
    typer.echo(f"Error: {error}", err=True)
    if isinstance(error, InputError) and len(error.problems) > 0:
        from pipelines.homes import current_home

        problems = current_home().problems
        with contextlib.suppress(OSError):  # the part that is shown must do where even the home cannot be written
            error.write(problems)
            typer.echo(f"All problems: {problems}", err=True)
