"""``har audit``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from har_core.base.text import printable
from pipelines.cli.options import DatasetOption, FormatOption, OutputOption, given_path, put_out, tell_left_out


def audit(
    inputs: Annotated[
        list[Path], typer.Argument(help="Folders, zips or files of recordings.", metavar="PATH…", parser=given_path)
    ],
    model: Annotated[
        str | None,
        typer.Option(help="Also find windows unlike those that this model was trained on, as models:/har@champion."),
    ] = None,
    dataset: DatasetOption = None,
    output_format: FormatOption = "table",
    output: OutputOption = None,
) -> None:
    """Find damage, copies and breaks in what recordings hold; one finding a row."""
    from har_core.datasets.catalogue import find_dataset
    from pipelines.homes import current_home, served_dataset

    served = served_dataset(current_home()) if dataset is None else None
    reader, files = served or find_dataset(dataset or "dsads", relative_to=Path()), None
    if model is not None:
        from assets.resources.model_files import find_model
        from assets.resources.store import Store

        files = find_model(Store(current_home()), model)
    from har_core.audit.findings import skipped_of
    from pipelines.audit import audit_inputs, compare_inputs
    from pipelines.left_out import LeftOut
    from pipelines.tables import render

    left_out = LeftOut()
    findings = audit_inputs(inputs, reader, left_out)
    for skipped in skipped_of(findings):
        typer.echo(printable(f"Not looked for: {skipped.kind}: {skipped.reason}"), err=True)
    if files is not None:
        findings = compare_inputs(findings, inputs, reader, files.training, length=files.window_length)
    put_out(render(findings, output_format), output)
    tell_left_out(left_out, but="; the findings are of all other files")
