"""``har export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from har_core.base.text import printable
from pipelines.cli.options import given_file


def export(
    to: Annotated[
        Literal["onnx", "c", "executorch"],
        typer.Option(
            "--format",
            help="onnx needs the extra `export`, c an int8 `compact`; executorch cannot be installed beside har.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="The file to write, or to replace.", metavar="FILE", parser=given_file),
    ],
    model: Annotated[
        str, typer.Option(help="models:/NAME@ALIAS, models:/NAME/VERSION, or models:/m-… of a logged model.")
    ] = "models:/har@champion",
) -> None:
    """Write a registered model for another engine, once that has answered as the model does."""
    from har_core.export.formats import find_format

    chosen = find_format(to)
    from assets.resources.model_files import find_model
    from assets.resources.store import Store
    from pipelines.homes import current_home

    files = find_model(Store(current_home()), model)
    from har_core.inference.graph import load_graph  # brings PyTorch: not before everything else proved right

    exported = chosen.export(load_graph(files.graph), files.spec, files.window_length, output)
    typer.echo(printable(f"Wrote {exported.path} ({exported.num_bytes:,} bytes)"))
    for name, detail in exported.details.items():
        typer.echo(f"  {name:<20}{detail}")
