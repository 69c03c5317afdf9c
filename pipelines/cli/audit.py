"""``har audit``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.options import FormatOption, OutputOption, given_path, put_out, tell_left_out


def audit(
    inputs: Annotated[
        list[Path], typer.Argument(help="Folders or zips of recordings.", metavar="PATH…", parser=given_path)
    ],
    output_format: FormatOption = "table",
    output: OutputOption = None,
) -> None:
    """Find damage, copies and breaks in what recordings hold; one finding a row."""
    from pipelines.audit import audit_inputs
    from pipelines.left_out import LeftOut
    from pipelines.tables import render

    left_out = LeftOut()
    put_out(render(audit_inputs(inputs, left_out), output_format), output)
    tell_left_out(left_out, but="; the findings are of all other files")
