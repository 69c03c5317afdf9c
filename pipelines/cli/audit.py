"""``har audit``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.options import FormatOption, OutputOption, given_path, put_out


def audit(
    inputs: Annotated[
        list[Path], typer.Argument(help="Folders or zips of recordings.", metavar="PATH…", parser=given_path)
    ],
    output_format: FormatOption = "table",
    output: OutputOption = None,
) -> None:
    """Find damage, copies and breaks in what recordings hold; one finding a row."""
    from pipelines.audit import audit_inputs
    from pipelines.tables import render

    put_out(render(audit_inputs(inputs), output_format), output)
