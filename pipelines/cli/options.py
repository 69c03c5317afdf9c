"""Arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ExperimentArgument = Annotated[Path, typer.Argument(help="The experiment file.", metavar="EXPERIMENT.toml")]
DataOption = Annotated[
    Path | None,
    typer.Option(
        envvar="HAR_DATA", metavar="PATH", help="Folder or zip of recordings; the home remembers it for every command."
    ),
]
